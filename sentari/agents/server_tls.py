"""The server's own TLS: its certificate from the internal CA, and how it speaks."""

import fcntl
import os
import re
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sentari.agents.authority import Authority, certificate_pem, general_name, private_pem

# Certificate and key in one file, so that it is replaced as a whole.
FILE_NAME = "server.pem"
RENEWED_BEFORE_END = timedelta(days=90)
_ALWAYS = ("localhost", "127.0.0.1", "::1")
# A container that is made anew has another such name; no agent knows it by that.
_CONTAINER_NAME = re.compile(r"[0-9a-f]{12}")


def server_hosts(host_name: str, public_url: str | None) -> tuple[str, ...]:
    """Return the names and addresses that the server's own certificate is for."""
    outside = urlsplit(public_url or "").hostname or ""
    usable = (_in_ascii(name) for name in (*_ALWAYS, host_name, outside))
    return tuple(dict.fromkeys(name for name in usable if name))


def ensure_server_certificate(
    directory: Path,
    hosts: Sequence[str],
    ca: x509.Certificate,
    open_authority: Callable[[], Authority],
    now: datetime,
) -> None:
    """Keep the certificate in `directory` while it fits, or put a new one there.

    Agents pin it, so it is replaced only for other hosts, another CA, or when it ends soon.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(directory):
        path = directory / FILE_NAME
        if path.exists() and _fits(path.read_bytes(), hosts, ca, now):
            return
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = open_authority().issue_server(hosts, key.public_key(), now)
        _replace(path, private_pem(key) + certificate_pem(certificate).encode())


def server_context(certificate: str, key: str | None, client_ca: str) -> ssl.SSLContext:
    """Return a context that speaks TLS 1.3 and takes, but does not ask for, our clients'
    certificates; OSError or ssl.SSLError when a file cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # An encrypted key is refused: nobody is there to be asked for its password.
    context.load_cert_chain(certificate, key, password="")
    # Whoever enrolls has none yet.
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=client_ca)
    # Nobody is let in on the strength of an older handshake.
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    return context


class LazyContext:
    """One context for each process, made when the first client comes."""

    def __init__(self) -> None:
        """Know no CA yet."""
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self.client_ca: Callable[[], str] | None = None

    def get(self, certificate: str, key: str | None) -> ssl.SSLContext:
        """Return the context; ssl.SSLError when it cannot be made at this moment."""
        with self._lock:
            if self._context is None:
                if self.client_ca is None:
                    raise ssl.SSLError("the clients' CA is not known yet")
                self._context = server_context(certificate, key, self.client_ca())
            return self._context


def _in_ascii(host: str) -> str:
    """Return a host as certificates name it, or an empty text when it has no such form."""
    try:
        name = host.lower() if host.isascii() else host.encode("idna").decode()
        general_name(name)
        return name if len(name) <= 253 else ""
    except ValueError:
        return ""


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Let one server at a time look and write: two that start at once must not differ."""
    with (directory / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fits(content: bytes, hosts: Sequence[str], ca: x509.Certificate, now: datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(content)
        key = serialization.load_pem_private_key(content, password=None)
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    replaced_at = certificate.not_valid_after_utc - RENEWED_BEFORE_END
    return (
        key.public_key() == certificate.public_key()
        and _lasting(names) == _lasting(general_name(host) for host in hosts)
        and certificate.not_valid_before_utc <= now < replaced_at
    )


def _lasting(names: Iterable[x509.GeneralName]) -> set[str]:
    return {str(n.value) for n in names if not _CONTAINER_NAME.fullmatch(str(n.value))}


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
