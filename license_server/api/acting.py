"""Who acts in this request, and what may be left to do after it was committed."""

from license_server.access import caller
from license_server.extensions import current, writing
from license_server.licenses.service import Act
from license_server.outbox.service import send_due


def act() -> Act:
    """Return the caller's act, at this moment."""
    server = current()
    return Act(caller().actor, server.clock.now(), server.mail_key)


def deliver_mails() -> None:
    """Send what is due, when it only has to be written into files: after the commit."""
    server = current()
    if server.transport.immediate:
        send_due(writing, server.transport, key=server.mail_key, clock=server.clock)
