"""What happens to keys: the first ones, the next one, and the end of old ones. Callers commit."""

from datetime import datetime
from typing import Any

from nacl.signing import SigningKey as PrivateKey
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from license_server.audit import record
from license_server.errors import ConflictError, NotFoundError
from license_server.rules import check_reason
from license_server.signing.keyring import Keyring
from license_server.signing.models import RootKey, SigningKey
from license_server.signing.rules import KeyFacts, KeyWarning, is_used_up, warnings
from license_token.certificate import MAX_LIFETIME_SECONDS, issue_certificate
from license_token.keys import RootSet, thumbprint


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

    The one before signs nothing new from now on; its private half is kept for thirty days, for
    requests that are repeated.
    """
    root_kid = thumbprint(bytes(root.verify_key))
    _check_root(session, root_kid)
    for old in session.scalars(select(SigningKey).where(SigningKey.superseded_at.is_(None))):
        old.superseded_at = at
    erase_used_up(session, at=at, actor=actor)
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


def _check_root(session: Session, kid: str) -> None:
    row = session.get(RootKey, kid)
    if row is None:
        detail = "this root is not one of this server's; use a root file it was set up with"
        raise ConflictError(detail, code="unknown_root")
    if row.retired_at is not None:
        detail = "this root was retired: servers no longer pin it; use another root file"
        raise ConflictError(detail, code="root_retired")


def used_up(session: Session, now: datetime) -> list[SigningKey]:
    """Return the keys whose private half is there and has nothing left to sign."""
    rows = session.scalars(select(SigningKey).where(SigningKey.private_sealed.is_not(None)))
    return [row for row in rows if is_used_up(row.superseded_at, now)]


def erase_used_up(session: Session, *, at: datetime, actor: str) -> int:
    """Erase the private halves of keys that have nothing left to sign; return how many."""
    rows = used_up(session, at)
    for row in rows:
        row.private_sealed = None
        record(session, at=at, actor=actor, action="SIGNING_KEY_ERASED", target=row.kid)
    return len(rows)


def retire_root(session: Session, kid: str, *, reason: str, at: datetime, actor: str) -> RootKey:
    """Stop publishing a root and taking it for rotations, as when its file was lost or stolen."""
    reason = check_reason(reason)
    row = session.get(RootKey, kid)
    if row is None:
        raise NotFoundError("there is no root with this kid; see keys list")
    if row.retired_at is not None:
        raise ConflictError("the root is retired already", code="is_retired")
    signing = select(SigningKey.kid).where(
        SigningKey.root_kid == kid, SigningKey.superseded_at.is_(None)
    )
    if session.scalars(signing).first() is not None:
        detail = "replies are signed under this root now; rotate with another root file first"
        raise ConflictError(detail, code="root_in_use")
    row.retired_at = at
    why = {"reason": reason}
    record(session, at=at, actor=actor, action="ROOT_KEY_RETIRED", target=kid, detail=why)
    return row


def key_warnings(session: Session, now: datetime) -> tuple[KeyWarning, ...]:
    """Return what staff should be warned of, the worst first."""
    usable = select(SigningKey.not_before, SigningKey.expires).where(
        SigningKey.private_sealed.is_not(None)
    )
    windows = tuple((row.not_before, row.expires) for row in session.execute(usable))
    roots = session.scalar(select(func.count()).where(RootKey.retired_at.is_(None))) or 0
    return warnings(KeyFacts(windows, roots), int(now.timestamp()))


def all_keys(session: Session) -> list[SigningKey]:
    """Return every signing key, the newest first."""
    return list(session.scalars(select(SigningKey).order_by(SigningKey.created_at.desc())))


def all_roots(session: Session) -> list[RootKey]:
    """Return every root, retired ones too, the oldest first."""
    return list(session.scalars(select(RootKey).order_by(RootKey.created_at, RootKey.kid)))


def root_set(session: Session) -> RootSet:
    """Return the roots that servers are to pin, oldest first."""
    query = select(RootKey).where(RootKey.retired_at.is_(None))
    rows = session.scalars(query.order_by(RootKey.created_at, RootKey.kid))
    return RootSet.of(*(bytes.fromhex(row.public_key) for row in rows))


def live_certificates(session: Session, now: datetime) -> list[dict[str, Any]]:
    """Return the certificates that are not over, under roots that are published.

    That of the key that signs comes first.
    """
    query = (
        select(SigningKey)
        .join(RootKey, RootKey.kid == SigningKey.root_kid)
        .where(SigningKey.expires > int(now.timestamp()), RootKey.retired_at.is_(None))
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
