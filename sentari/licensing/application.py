"""Apply a verified reply: license, columns, keys, requests and audit log change together."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from license_token.errors import LicenseTokenError, MalformedError
from license_token.reply import Reply, ReplyClaims, read_reply
from sentari.licensing import history, store
from sentari.licensing.acceptance import (
    Expectation,
    ReplyRefusedError,
    check_acceptable,
    refusal_of,
)
from sentari.licensing.causes import Cause
from sentari.licensing.core import Licensing
from sentari.licensing.identity import IdentityError, InstanceIdentity, ensure_identity
from sentari.licensing.models import StoredRequest
from sentari.licensing.outstanding import NONCE_LIFETIME, made_at


@dataclass(frozen=True)
class Arrival:
    """How a reply came: `nonce` is that of the online call it answers, None by hand."""

    via: str
    actor: str
    nonce: str | None = None

    @property
    def online(self) -> bool:
        """Tell whether the reply answers a call of this server."""
        return self.nonce is not None


@dataclass(frozen=True)
class _Asked:
    """The request that a reply answers, and when it was made."""

    stored: StoredRequest
    made_at: datetime


def verified(licensing: Licensing, text: str) -> Reply:
    """Return a reply whose signatures hold up to a pinned root.

    Raise MalformedError for what is no reply at all, ReplyRefusedError for one that fails.
    """
    roots = licensing.trust.roots
    if not roots:
        raise ReplyRefusedError(
            Cause.UNTRUSTED_KEY,
            "This server trusts no root keys: SENTARI_LICENSE_PUBLIC_KEY_PATH is not set.",
        )
    try:
        return read_reply(text, roots)
    except MalformedError:
        raise
    except LicenseTokenError as error:
        raise refusal_of(error) from error


def apply_reply(
    session: Session, licensing: Licensing, reply: Reply, arrival: Arrival, now: datetime
) -> None:
    """Apply a reply whose signature was verified, or raise ReplyRefusedError.

    When two calls sent the same request, the second answer finds its work done.
    """
    history.lock_history(session)
    past = history.read_history(session)
    if _is_done(past, reply.claims, arrival):
        return
    request, expected = _accepted(session, licensing, past, reply.claims, arrival, now)
    stored = request.stored if request else None
    asked_at = request.made_at if request else None
    timely = licensing.time.hear(session, past, reply.claims, asked_at)
    action = _store(session, reply, past, stored)
    failed = store.record_success(session, now, licensing.schedule)
    if arrival.online and not timely:
        store.ask_soon(session)
    if failed is not None:
        history.tell(session, now, history.CHECK_IN_RECOVERED, {"cause": failed})
    _record(session, action, reply.claims, arrival, now, expected.instance_id)


def _is_done(past: history.History, claims: ReplyClaims, arrival: Arrival) -> bool:
    """Tell whether the answer to this very request is in force already; a replayed one is not."""
    known = past.recorded is not None and past.recorded.jti == claims.jti
    return known and arrival.online and claims.nonce == arrival.nonce


def check_reply(
    session: Session, licensing: Licensing, reply: Reply, arrival: Arrival, now: datetime
) -> None:
    """Raise ReplyRefusedError unless the reply could be applied at this moment; apply nothing."""
    past = history.read_history(session)
    _accepted(session, licensing, past, reply.claims, arrival, now)


def _accepted(
    session: Session,
    licensing: Licensing,
    past: history.History,
    claims: ReplyClaims,
    arrival: Arrival,
    now: datetime,
) -> tuple[_Asked | None, Expectation]:
    identity = _identity(session, licensing, now)
    request = _request(session, claims, arrival, identity, licensing.time.now())
    expected = _expectation(session, licensing, past, claims, arrival, request, identity)
    check_acceptable(claims, expected)
    return request, expected


def _identity(session: Session, licensing: Licensing, now: datetime) -> InstanceIdentity:
    try:
        return ensure_identity(session, licensing.vault, now)
    except IdentityError as error:
        raise ReplyRefusedError(Cause.WRONG_INSTANCE, str(error)) from error


def _request(
    session: Session,
    claims: ReplyClaims,
    arrival: Arrival,
    identity: InstanceIdentity,
    now: datetime,
) -> _Asked | None:
    """Return the open request that the reply answers; online only that of this very call."""
    if claims.nonce is None or (arrival.online and claims.nonce != arrival.nonce):
        return None
    oldest = now - NONCE_LIFETIME
    stored = store.request_by_nonce(session, claims.nonce, since=oldest)
    at = made_at(session, stored, identity) if stored else None
    return _Asked(stored, at) if stored and at and at > oldest else None


def _expectation(
    session: Session,
    licensing: Licensing,
    past: history.History,
    claims: ReplyClaims,
    arrival: Arrival,
    request: _Asked | None,
    identity: InstanceIdentity,
) -> Expectation:
    standing = past.standing
    once = history.last_bound(session, claims.license_id, identity.instance_id)
    if standing is not None and standing.license_id == claims.license_id:
        once = standing
    return Expectation(
        issuer=licensing.issuer,
        instance_id=identity.instance_id,
        confirmation=identity.confirmation,
        nonces=frozenset({request.stored.nonce} if request else ()),
        airgap=licensing.airgap,
        standing=once,
        not_older_than=standing.issued_at if standing and arrival.online else None,
        seen_before=history.applied_before(session, claims.jti),
        bound_before=history.bound_before(session, claims.license_id),
    )


def _store(
    session: Session, reply: Reply, past: history.History, request: StoredRequest | None
) -> str:
    """Write the license and settle its key; return the audit log's action for it."""
    recorded = past.recorded
    store.replace_license(session, reply)
    if request is None:
        # A pre-signed license comes without a key; the key of the license before is done with.
        store.delete_current_key(session)
        return history.INSTALLED
    promoted = store.promote_key(session, request.key_hash)
    store.delete_request(session, request.key_hash)
    renewed = recorded is not None and recorded.license_id == reply.claims.license_id
    return history.REPLY_APPLIED if renewed and not promoted else history.INSTALLED


def _record(
    session: Session,
    action: str,
    claims: ReplyClaims,
    arrival: Arrival,
    now: datetime,
    instance_id: str,
) -> None:
    detail = _detail(claims) | {"via": arrival.via, "instance_id": instance_id}
    history.tell(session, now, action, detail, actor=arrival.actor)


def _detail(claims: ReplyClaims) -> dict[str, Any]:
    return {
        "license_id": claims.license_id,
        "jti": claims.jti,
        "seq": claims.seq,
        "issued_at": claims.issued_at,
        "audit_seq": claims.audit.seq if claims.audit else 0,
        "presigned": claims.presigned,
        "key_hint": claims.key_hint,
        **{
            name: value
            for name, value in claims.terms.to_claims().items()
            if not name.startswith("customer")
        },
    }
