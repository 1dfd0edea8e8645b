"""The address of a mail server, as the setting gives it. PURE."""

import ipaddress
import re
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import SplitResult, unquote, urlsplit

FORM = (
    "smtp://user:password@host:587 (STARTTLS), smtps://user:password@host:465 (TLS from the "
    "start), or for a relay on this machine smtp://127.0.0.1:25?starttls=never; user and "
    "password may be left out, special characters in them are percent-encoded"
)
LONGEST_URL = 2_048
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_NAME = re.compile(rf"(?!.{{254}}){_LABEL}(\.{_LABEL})*\.?")
_UNSAFE = re.compile(r"[^!-~]|\\")


class Security(StrEnum):
    """How the connection is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


_PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}


@dataclass(frozen=True)
class SmtpServer:
    """A mail server; user and password are decoded and appear in no text."""

    host: str
    port: int
    security: Security
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


def parse_smtp_url(text: str) -> SmtpServer:
    """Return the server; a ValueError's text never repeats the value, which has a password."""
    if len(text) > LONGEST_URL:
        raise ValueError(f"it is longer than {LONGEST_URL} characters")
    if _UNSAFE.search(text):
        raise ValueError("it contains a blank or a special character that must be percent-encoded")
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname or ""
    except ValueError as error:
        raise ValueError("its host or port cannot be read") from error
    if parts.scheme not in ("smtp", "smtps"):
        raise ValueError("it begins with neither smtp:// nor smtps://")
    if parts.path.strip("/") or parts.fragment:
        raise ValueError("something follows the host that does not belong there")
    if _as_ip(host) is None and not _HOST_NAME.fullmatch(host):
        raise ValueError("it has no usable host name")
    if port == 0:
        raise ValueError("its port is no number from 1 to 65535")
    security = _security(parts, host)
    username, password = _credentials(parts, security)
    return SmtpServer(host, port or _PORTS[security], security, username, password)


def _security(parts: SplitResult, host: str) -> Security:
    if not parts.query:
        return Security.TLS if parts.scheme == "smtps" else Security.STARTTLS
    if parts.scheme != "smtp" or parts.query != "starttls=never":
        raise ValueError("only smtp:// takes an option, and only ?starttls=never")
    address = _as_ip(host)
    if not (host == "localhost" or (address is not None and address.is_loopback)):
        raise ValueError("without TLS mails go to this machine only: use a loopback host or TLS")
    return Security.NONE


def _credentials(parts: SplitResult, security: Security) -> tuple[str | None, str | None]:
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not username and not password:
        return None, None
    if not username or not password:
        raise ValueError("give both a user and a password, or neither")
    if security is Security.NONE:
        raise ValueError("a password is not sent without TLS: leave user and password out")
    if not (username + password).isascii() or not (username + password).isprintable():
        raise ValueError("user and password must be printable ASCII once they are decoded")
    return username, password


def _as_ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
