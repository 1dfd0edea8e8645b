"""What TLS needs when a server starts: the internal CA, the server's certificate, and a look
whether both can be used."""

import socket
import ssl
from pathlib import Path

from cryptography import x509
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from sentari.agents.authority import Authority, certificate_pem, fingerprint
from sentari.agents.authority_store import AuthorityError
from sentari.agents.server_tls import (
    FILE_NAME,
    ensure_server_certificate,
    server_context,
    server_hosts,
)
from sentari.config import Settings
from sentari.extensions import current, db, writing


class TlsError(Exception):
    """The server cannot serve TLS as it was told to; the text says why and what to change."""


def prepare_tls() -> None:
    """Make the internal CA at the first start, and the server's own certificate when it is needed.

    Raises TlsError.
    """
    settings = current().settings
    ca = current().authorities.certificate(db.session()) or _authority().certificate
    if not settings.tls_self:
        return
    hosts = server_hosts(socket.gethostname(), settings.public_url)
    directory, now = settings.tls_directory, current().clock.now()
    try:
        ensure_server_certificate(directory, hosts, ca, _authority, now)
    except AuthorityError as error:
        raise TlsError(str(error)) from error
    except OSError as error:
        raise TlsError(f"{directory} cannot be used: {error.strerror}") from error


def _authority() -> Authority:
    with writing() as session:
        return current().authorities.ensure(session, current().clock.now())


def tls_files(settings: Settings) -> tuple[str, str]:
    """Return the paths of the certificate that is served and of its key."""
    if settings.tls_cert and settings.tls_key:
        return str(settings.tls_cert), str(settings.tls_key)
    own = str(settings.tls_directory / FILE_NAME)
    return own, own


def served_fingerprint(settings: Settings) -> str | None:
    """Return the SHA-256 of the certificate that this server serves, which agents pin when they
    enroll; None when it serves no TLS. Raises TlsError when there is no such certificate."""
    if not settings.serves_tls:
        return None
    path = Path(tls_files(settings)[0])
    try:
        # Of a chain the first one is the server's own.
        return fingerprint(x509.load_pem_x509_certificates(path.read_bytes())[0])
    except OSError as error:
        raise TlsError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise TlsError(f"{path} holds no certificate") from error


def client_ca(app: Flask) -> str:
    """Return the CA that clients' certificates must come from; ssl.SSLError while it is unknown."""
    with app.app_context():
        try:
            certificate = current().authorities.certificate(db.session())
        except (SQLAlchemyError, ValueError) as error:
            raise ssl.SSLError("the database does not tell the internal CA") from error
        finally:
            db.session.remove()
    if certificate is None:
        raise ssl.SSLError("there is no internal CA")
    return certificate_pem(certificate)


def check_tls(app: Flask, certificate: str, key: str | None) -> None:
    """Raise TlsError when the certificate cannot be served."""
    try:
        server_context(certificate, key, client_ca(app))
    except OSError as error:
        why = getattr(error, "reason", None) or error.strerror or str(error)
        raise TlsError(
            f"the certificate {Path(certificate)} cannot be served with its key: {why}. Give a PEM "
            "certificate chain and its key, not encrypted."
        ) from error
