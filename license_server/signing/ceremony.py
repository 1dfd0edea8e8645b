"""What happens to keys: the first ones, the next one, and the end of old ones. Callers commit."""

from datetime import datetime, timedelta
from typing import Any

from nacl.signing import SigningKey as PrivateKey
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from license_server.audit import record
from license_server.errors import ConflictError
from license_server.signing.keyring import Keyring
from license_server.signing.models import RootKey, SigningKey
from license_token.certificate import MAX_LIFETIME_SECONDS, issue_certificate
from license_token.keys import RootSet, thumbprint

# A server may send the same request for thirty days and must get the same answer.
OVERLAP = timedelta(days=30)


def has_roots(session: Session) -> bool:
    """Tell whether the keys were set up."""
    return bool(session.scalar(select(exists(select(RootKey.kid)))))


def register_root(session: Session, root: PrivateKey, *, at: datetime, actor: str) -> RootKey:
    """Publish the root's public half; servers that pin it will believe what it certifies."""
    public_key = bytes(root.verify_key)
    row = RootKey(kid=thumbprint(public_key), public_key=public_key.hex(), created_at=at)
    session.add(row)
    record(session, at=at, actor=actor, action="ROOT_KEY_CREATED", target=row.kid)
    return row


def make_signing_key(
    session: Session, root: PrivateKey, keyring: Keyring, *, at: datetime, actor: str
) -> SigningKey:
    """Make the next signing key, certified for 100 days from now.

    The one before signs nothing new from now on; its private half is kept for thirty days for
    requests that are repeated, and erased by the rotation after that.
    """
    root_kid = thumbprint(bytes(root.verify_key))
    if session.get(RootKey, root_kid) is None:
        raise ConflictError(
            "this root is not one of this server's; use the root file it was set up with",
            code="unknown_root",
        )
    _supersede_and_erase(session, at)
    private_key, not_before = PrivateKey.generate(), int(at.timestamp())
    public_key, expires = bytes(private_key.verify_key), not_before + MAX_LIFETIME_SECONDS
    row = SigningKey(
        kid=thumbprint(public_key),
        root_kid=root_kid,
        public_key=public_key.hex(),
        private_sealed=keyring.seal(private_key),
        certificate=issue_certificate(
            root,
            signing_public_key=public_key,
            not_before=not_before,
            expires=expires,
            issued_at=not_before,
        ),
        not_before=not_before,
        expires=expires,
        created_at=at,
    )
    session.add(row)
    detail = {"root": root_kid, "expires": expires}
    record(session, at=at, actor=actor, action="SIGNING_KEY_CREATED", target=row.kid, detail=detail)
    return row


def _supersede_and_erase(session: Session, at: datetime) -> None:
    for old in session.scalars(select(SigningKey)):
        if old.superseded_at is None:
            old.superseded_at = at
        elif old.superseded_at + OVERLAP <= at:
            old.private_sealed = None


def root_set(session: Session) -> RootSet:
    """Return the roots that servers are to pin, oldest first."""
    rows = session.scalars(select(RootKey).order_by(RootKey.created_at, RootKey.kid))
    return RootSet.of(*(bytes.fromhex(row.public_key) for row in rows))


def live_certificates(session: Session, now: datetime) -> list[dict[str, Any]]:
    """Return the certificates that are not over: that of the key that signs first."""
    query = (
        select(SigningKey)
        .where(SigningKey.expires > int(now.timestamp()))
        .order_by(SigningKey.superseded_at.is_not(None), SigningKey.not_before.desc())
    )
    return [
        {
            "kid": row.kid,
            "root_kid": row.root_kid,
            "not_before": row.not_before,
            "expires": row.expires,
            "certificate": row.certificate,
        }
        for row in session.scalars(query)
    ]
