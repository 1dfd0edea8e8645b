"""A real mail server on loopback: it takes mails, or misbehaves as it is told."""

import asyncio
import ssl
import threading
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.live.servers import free_port

OK = "250 OK"
USER, PASSWORD = "licenses", "p@ss:word/1"


@dataclass
class MailServer:
    """An aiosmtpd in a thread of its own.

    `starttls` and `tls` are the contexts of the two ways to TLS. `on_recipient` and `on_data` are
    the answers to RCPT and to the end of DATA, which comes after so many `seconds`; None closes the
    connection instead.
    """

    starttls: ssl.SSLContext | None = None
    tls: ssl.SSLContext | None = None
    asks_password: bool = False
    on_recipient: str = OK
    on_sender: str = OK
    on_data: str | None = OK
    seconds: float = 0.0
    begun: threading.Event = field(default_factory=threading.Event)
    port: int = field(default_factory=free_port)
    envelopes: list[Envelope] = field(default_factory=list)
    greetings: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    users: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            ssl_context=self.tls,
            tls_context=self.starttls,
            require_starttls=self.starttls is not None,
            authenticator=self._authenticate,
            # Behind TLS from the start the library cannot tell that it is there, and warns.
            auth_required=self.asks_password and self.tls is None,
            auth_require_tls=self.tls is None,
        )
        self._controller.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._controller.stop()

    @property
    def messages(self) -> list[EmailMessage]:
        """The mails that came, as a mail program reads them."""
        found = (message_from_bytes(e.content, policy=POLICY) for e in self.envelopes)
        return [message for message in found if isinstance(message, EmailMessage)]

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        good = LoginPassword(USER.encode(), PASSWORD.encode())
        if data != good:
            return AuthResult(success=False, handled=False)
        self.users.append(data.login.decode())
        return AuthResult(success=True)

    async def handle_EHLO(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, answers: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.greetings.append(hostname)
        return answers

    async def handle_MAIL(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.on_sender

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.on_recipient == OK:
            envelope.rcpt_tos.append(address)
        return self.on_recipient

    async def handle_DATA(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.begun.set()
        await asyncio.sleep(self.seconds)
        if self.on_data is None:
            server.transport.abort()
            return "451 never seen"
        if self.on_data == OK:
            self.envelopes.append(envelope)
            self.encrypted.append(session.ssl is not None or self.tls is not None)
        return self.on_data
