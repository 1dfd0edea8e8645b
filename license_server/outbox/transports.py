"""Where mails go: as files into the data directory when no mail server is configured."""

import os
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Protocol


class MailError(Exception):
    """The mail was not delivered now; it may be tried again."""


class MailRefusedError(MailError):
    """This mail will never be taken as it is: somebody must look at it."""


class MailServerError(MailError):
    """Not this mail but the way to all recipients is at fault."""


@dataclass(frozen=True)
class Mail:
    """One mail as it leaves the outbox."""

    id: str
    recipient: str
    subject: str
    text: str = field(repr=False)
    html: str | None = field(repr=False)
    created_at: datetime


class Transport(Protocol):
    """Deliver a mail or raise MailError; an immediate one neither waits nor needs a network."""

    @property
    def immediate(self) -> bool:
        """Tell whether a request may deliver its own mails before it is answered."""

    def deliver(self, mail: Mail) -> None:
        """Hand the mail over for good; delivering the same one twice must do no harm."""


def compose(mail: Mail, sender: str) -> EmailMessage:
    """Return the message, or raise MailRefusedError when a header cannot hold its value.

    Its id is the mail's, so that a second delivery is recognizable.
    """
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = sender
        message["To"] = mail.recipient
        message["Subject"] = mail.subject
    except ValueError as error:
        raise MailRefusedError("the mail's address or subject has a line break in it") from error
    message["Date"] = mail.created_at
    message["Message-ID"] = f"<{mail.id}@{sender.partition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    # Every mail server takes it, also one that knows no eight bits.
    message.set_content(mail.text, cte="quoted-printable")
    if mail.html is not None:
        message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    return message


class FileTransport:
    """Write each mail as one `.eml` file that only the owner can read."""

    immediate = True

    def __init__(self, directory: Path, sender: str) -> None:
        """Write into `directory`, made when the first mail comes."""
        self._directory, self._sender = directory, sender

    def deliver(self, mail: Mail) -> None:
        """Write the mail's file whole or not at all."""
        name = f"{mail.created_at:%Y%m%dT%H%M%SZ}-{mail.id}.eml"
        draft = self._directory / f".{name}.{os.getpid()}"
        content = bytes(compose(mail, self._sender))
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._directory / name)
        except OSError as error:
            raise MailServerError(f"the mail's file cannot be written: {error.strerror}") from error
