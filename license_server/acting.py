"""What the API and the command line do around every act: say who, and send the mails it caused."""

from license_server.extensions import current, writing
from license_server.licenses.service import Act
from license_server.outbox.service import send_due


def act_of(actor: str) -> Act:
    """Return an act of this moment by `staff:<e-mail>` or `cli`."""
    server = current()
    return Act(actor, server.clock.now(), server.mail_key)


def deliver_mails() -> None:
    """Send what is due, after the commit, when it only has to be written into files.

    A mail server is waited for by `outbox send` alone: a request must not hang on it.
    """
    server = current()
    if server.transport.immediate:
        send_due(writing, server.transport, key=server.mail_key, clock=server.clock)
