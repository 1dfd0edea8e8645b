"""Hand mails to a mail server, over verified TLS and under one deadline for the whole call."""

import contextlib
import ipaddress
import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

from license_server.outbox.schedule import CLAIM_SECONDS
from license_server.outbox.smtp_url import Security, SmtpServer
from license_server.outbox.transports import (
    Mail,
    MailError,
    MailRefusedError,
    MailServerError,
    compose,
)
from serverkit.wire import Deadline, Resolver, Trace, open_connection, resolve_name

CONNECT_SECONDS = 10.0
# Well within the time for which a mail that was taken is nobody else's.
TOTAL_SECONDS = CLAIM_SECONDS / 2
_LONGEST_REPLY = 200
_PERMANENT = 500


def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Return a context that verifies names and certificates, by the system's CAs and a file's.

    Raise OSError when the file has no certificate that can be read.
    """
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


def ehlo_name(issuer_url: str) -> str:
    """Return what the license server calls itself (RFC 5321, 4.1.3: an address in brackets)."""
    host = urlsplit(issuer_url).hostname or "localhost"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"


class SmtpTransport:
    """One connection per mail."""

    immediate = False

    def __init__(
        self,
        server: SmtpServer,
        *,
        sender: str,
        name: str,
        context: ssl.SSLContext,
        resolve: Resolver = resolve_name,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        """Send from the address `sender` and greet as `name`."""
        self._server, self._sender, self._name = server, sender, name
        self._context, self._resolve = context, resolve
        self._total_seconds = total_seconds

    def deliver(self, mail: Mail) -> None:
        """Hand the mail over; when the answer to its end is lost, it may arrive twice."""
        message = compose(mail, self._sender)
        with Deadline(self._total_seconds) as deadline:
            try:
                with self._session(deadline) as client:
                    _send(client, message, self._sender, mail.recipient)
            except OSError as error:
                fault = _words(error)
                if deadline.expired:
                    fault = f"it did not answer within {self._total_seconds:g} seconds"
                raise MailServerError(f"the mail server {self._place}: {fault}") from error

    @property
    def _place(self) -> str:
        host = f"[{self._server.host}]" if ":" in self._server.host else self._server.host
        return f"{host}:{self._server.port}"

    @contextmanager
    def _session(self, deadline: Deadline) -> Iterator[smtplib.SMTP]:
        server = self._server
        client = _Client(
            server, self._name, self._context, resolve=self._resolve, deadline=deadline
        )
        try:
            if server.security is Security.STARTTLS:
                client.starttls(context=self._context)
            if server.username is not None and server.password is not None:
                client.login(server.username, server.password)
            yield client
            # The mail is theirs by now, however they part.
            with contextlib.suppress(OSError):
                client.quit()
        finally:
            client.close()


class _Client(smtplib.SMTP):
    """The library's client on a connection that ends at the deadline."""

    def __init__(
        self,
        server: SmtpServer,
        name: str,
        context: ssl.SSLContext,
        *,
        resolve: Resolver,
        deadline: Deadline,
    ) -> None:
        self._context = context if server.security is Security.TLS else None
        self._resolve, self._deadline = resolve, deadline
        # A name of our own: the library would look one up, without a limit of time.
        super().__init__(server.host, server.port, local_hostname=name)

    def _get_socket(self, host: str, port: int, _timeout: float) -> socket.socket:
        connection = open_connection(
            self._resolve,
            host,
            port,
            connect_seconds=CONNECT_SECONDS,
            deadline=self._deadline,
            trace=Trace(),
        )
        if self._context is None:
            return connection
        return self._context.wrap_socket(connection, server_hostname=host)


def _send(client: smtplib.SMTP, message: EmailMessage, sender: str, recipient: str) -> None:
    try:
        client.send_message(message, from_addr=sender, to_addrs=[recipient])
    except smtplib.SMTPRecipientsRefused as error:
        [(code, reply)] = error.recipients.values()
        raise _refusal("the recipient was refused", code, reply) from error
    except smtplib.SMTPDataError as error:
        raise _refusal("the mail was refused", error.smtp_code, error.smtp_error) from error


def _refusal(what: str, code: int, reply: bytes | str) -> MailError:
    kind = MailRefusedError if code >= _PERMANENT else MailError
    return kind(f"{what}: {code} {_one_line(reply)}")


_REFUSED: dict[type[OSError], str] = {
    smtplib.SMTPAuthenticationError: "user or password was refused:",
    smtplib.SMTPSenderRefused: "our sender address was refused:",
}
_FAULTS: dict[type[OSError], str] = {
    smtplib.SMTPNotSupportedError: "it does not offer what the setting asks for: %s",
    smtplib.SMTPServerDisconnected: "it closed the connection",
    ssl.SSLError: "no TLS connection could be made; is it the right port?",
}


def _words(error: OSError) -> str:
    """Return in words what happened to a connection, the server's own words included."""
    if isinstance(error, smtplib.SMTPResponseException):
        what = _REFUSED.get(type(error), "it answered")
        return f"{what} {error.smtp_code} {_one_line(error.smtp_error)}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    for kind, words in _FAULTS.items():
        if isinstance(error, kind):
            return words.replace("%s", _one_line(str(error)))
    return error.strerror or str(error) or type(error).__name__


def _one_line(reply: bytes | str) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return re.sub(r"[^ -~]+", " ", text).strip()[:_LONGEST_REPLY]
