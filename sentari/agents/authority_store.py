"""Keep the internal CA in the database: made once, shared by all servers on it."""

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sentari.agents.authority import (
    Authority,
    certificate_pem,
    create_authority,
    fingerprint,
    private_pem,
)
from sentari.agents.models import CertificateAuthority
from sentari.audit.store import record
from serverkit.secrets import SealError, derive_key, seal, unseal

_ROW = 1
PURPOSE = "agents/ca-key"


class AuthorityError(Exception):
    """The CA's private key cannot be used; the text says why and what to do."""


class AuthorityStore:
    """Make, find and open the one CA. Callers commit."""

    def __init__(self, secret_key: str) -> None:
        """Seal the CA's private key under a key derived from SENTARI_SECRET_KEY."""
        self._key = derive_key(secret_key, PURPOSE)

    def certificate(self, session: Session) -> x509.Certificate | None:
        """Return the CA's certificate, or None before the first start."""
        query = select(CertificateAuthority.certificate).where(CertificateAuthority.id == _ROW)
        pem = session.scalar(query)
        return None if pem is None else x509.load_pem_x509_certificate(pem.encode())

    def ensure(self, session: Session, now: datetime) -> Authority:
        """Return the CA, made now if there is none; servers that start at once agree on one.

        Raises AuthorityError when the key was sealed under another secret.
        """
        query = select(CertificateAuthority).where(CertificateAuthority.id == _ROW)
        row = session.scalars(query).one_or_none()
        if row is None:
            self._make(session, now)
            row = session.scalars(query).one()
        return self._open(row)

    def _make(self, session: Session, now: datetime) -> None:
        made = create_authority(now)
        values = {
            "id": _ROW,
            "certificate": certificate_pem(made.certificate),
            "sealed_private_key": seal(self._key, private_pem(made.key)),
            "created_at": now,
        }
        dialect = session.connection().dialect.name
        build = postgresql.insert if dialect == "postgresql" else sqlite.insert
        insert = build(CertificateAuthority).values(**values).on_conflict_do_nothing()
        if session.scalar(insert.returning(CertificateAuthority.id)) is not None:
            detail = {"sha256": fingerprint(made.certificate)}
            record(session, at=now, actor="server", action="CA_CREATED", target="ca", detail=detail)

    def _open(self, row: CertificateAuthority) -> Authority:
        certificate = x509.load_pem_x509_certificate(row.certificate.encode())
        try:
            key = serialization.load_pem_private_key(
                unseal(self._key, row.sealed_private_key), password=None
            )
        except SealError as error:
            raise AuthorityError(
                "The internal CA was sealed under another SENTARI_SECRET_KEY than the present "
                "one; start the server with the key that this database belongs to."
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise AuthorityError("The internal CA's private key was damaged; restore a backup.")
        return Authority(certificate, key)
