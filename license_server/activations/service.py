"""Answer check-ins and release activations, in the caller's one write transaction."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from license_server import check_in_rules as rules
from license_server.activations import store
from license_server.activations.models import Activation, ActivationFlag, CheckIn
from license_server.activations.replies import Answered, answered
from license_server.audit import record
from license_server.errors import CheckInRefusedError, ConflictError, UnavailableError
from license_server.licenses.models import IssuedKey, License, TermsVersion
from license_server.licenses.service import new_jti
from license_server.licenses.store import (
    find_by_key,
    granted_version,
    locked_license,
)
from license_server.rules import check_reason
from license_server.signing.keyring import Signer
from license_token.keys import thumbprint
from license_token.request import RequestClaims


@dataclass(frozen=True)
class Desk:
    """What every check-in is answered with: the moment, the key that signs, and our name."""

    now: datetime
    signer: Signer
    issuer_url: str

    @property
    def second(self) -> int:
        """Return the moment in seconds since 1970."""
        return int(self.now.timestamp())


@dataclass(frozen=True)
class _Caller:
    """One request with the rows it concerns; the license's row is locked."""

    request: RequestClaims
    thumbprint: str
    license: License
    key: IssuedKey


def check_in(session: Session, request: RequestClaims, desk: Desk) -> Answered:
    """Bind, count and record a verified request; raise CheckInRefusedError if it gets no reply.

    The license's row is locked first: of identical requests at once, one is recorded and the
    others find its record.
    """
    found = find_by_key(session, request.key_hash)
    if found is None:
        detail = "no license has this key, or the key was replaced by a new one"
        raise CheckInRefusedError("unknown_key", detail)
    caller = _Caller(request, thumbprint(request.public_key), *found)
    known = store.find(session, caller.license.id, request.instance_id, request.jti)
    if known is not None and known[1] is not None:
        return _repeat(session, caller, known[1], desk)
    version = granted_version(session, caller.license.id)
    if version is None:
        detail = "the license waits for the approval of a second person at the vendor"
        raise CheckInRefusedError("approval_pending", detail)
    return _answer(session, caller, known, version, desk)


def _repeat(session: Session, caller: _Caller, check_in: CheckIn, desk: Desk) -> Answered:
    if check_in.thumbprint != caller.thumbprint:
        detail = "this request was made before, under another instance key"
        raise CheckInRefusedError("bad_signature", detail)
    version = session.get_one(TermsVersion, check_in.terms_version_id)
    key = session.get_one(IssuedKey, check_in.license_key_id)
    return _answered(caller, check_in, version, key, desk, repeated=True)


def _answer(
    session: Session,
    caller: _Caller,
    known: store.Found | None,
    version: TermsVersion,
    desk: Desk,
) -> Answered:
    bound = None if known is None else store.bound(known[0], known[2])
    binding = _bind(session, caller, bound, version)
    rules.check_frequency(bound, desk.second)
    issued_at = rules.reply_time(desk.second, bound)
    if not desk.signer.covers(issued_at):
        raise UnavailableError("the signing certificate does not cover this moment; try again")
    cloned = _is_clone(session, caller, bound)
    marks = rules.marks(caller.request.findings, cloned=cloned)
    activation = known[0] if known else _new_activation(caller)
    _update(activation, caller, issued_at, desk)
    session.add(activation)
    row = _history_row(activation, caller, version, marks, desk)
    if binding is not rules.Binding.KNOWN:
        _record_binding(session, activation, binding, desk)
    _flag(session, activation, marks, desk)
    session.add(row)
    session.flush()
    return _answered(caller, row, version, caller.key, desk, repeated=False)


def _bind(
    session: Session, caller: _Caller, bound: rules.Bound | None, version: TermsVersion
) -> rules.Binding:
    settled = bound is not None and not bound.released
    return rules.bind(
        caller.thumbprint,
        bound,
        in_use=0 if settled else store.count_in_use(session, caller.license.id),
        max_activations=version.max_activations,
    )


def _is_clone(session: Session, caller: _Caller, bound: rules.Bound | None) -> bool:
    previous = caller.request.previous
    recent = bound.recent_jtis if bound else ()
    if previous is None or not rules.is_stray(previous, recent):
        return False
    return not store.is_known_elsewhere(
        session,
        previous,
        customer_id=caller.license.customer_id,
        instance_id=caller.request.instance_id,
        thumbprint=caller.thumbprint,
    )


def _new_activation(caller: _Caller) -> Activation:
    return Activation(
        id=str(uuid.uuid4()),
        license_id=caller.license.id,
        instance_id=caller.request.instance_id,
        seq=0,
    )


def _update(activation: Activation, caller: _Caller, issued_at: int, desk: Desk) -> None:
    request = caller.request
    if activation.seq == 0:
        activation.first_check_in_at = desk.now
    activation.thumbprint = caller.thumbprint
    activation.last_check_in_at = desk.now
    activation.server_version = request.server_version
    activation.devices, activation.packages = request.devices, request.packages
    activation.audit_seq, activation.audit_head = request.audit.seq, request.audit.head
    activation.seq += 1
    activation.last_issued_at = issued_at
    activation.last_but_one_jti, activation.last_jti = activation.last_jti, new_jti()
    activation.released_at = activation.released_by = activation.release_reason = None


def _history_row(
    activation: Activation,
    caller: _Caller,
    version: TermsVersion,
    marks: Collection[str],
    desk: Desk,
) -> CheckIn:
    return CheckIn(
        activation_id=activation.id,
        seq=activation.seq,
        received_at=desk.now,
        issued_at=activation.last_issued_at,
        request_jti=caller.request.jti,
        reply_jti=activation.last_jti,
        previous=caller.request.previous,
        thumbprint=caller.thumbprint,
        status=caller.license.status,
        terms_version_id=version.id,
        license_key_id=caller.key.id,
        signing_kid=desk.signer.kid,
        server_version=activation.server_version,
        devices=activation.devices,
        packages=activation.packages,
        audit_seq=activation.audit_seq,
        audit_head=activation.audit_head,
        marks=" ".join(marks),
    )


def _record_binding(
    session: Session, activation: Activation, binding: rules.Binding, desk: Desk
) -> None:
    session.flush()
    _record_act(
        session,
        activation,
        "ACTIVATION_BOUND",
        f"server:{activation.instance_id}",
        desk.now,
        thumbprint=activation.thumbprint,
        after_release=binding is rules.Binding.AGAIN,
    )


def resolve_flags(
    session: Session, activation_id: str, *, reason: str, actor: str, at: datetime
) -> Activation:
    """Close all open flags of an activation: somebody looked at them and says what it was."""
    reason = check_reason(reason)
    activation = _locked_activation(session, activation_id)
    still_open = [f for f in store.flags_of(session, activation_id) if f.resolved_at is None]
    if not still_open:
        raise ConflictError("the activation has no open flag", code="nothing_to_resolve")
    for flag in still_open:
        flag.resolved_at, flag.resolved_by, flag.resolution = at, actor, reason
    kinds = sorted(flag.kind for flag in still_open)
    _record_act(
        session, activation, "ACTIVATION_FLAGS_RESOLVED", actor, at, kinds=kinds, reason=reason
    )
    return activation


def _flag(session: Session, activation: Activation, marks: Collection[str], desk: Desk) -> None:
    for kind in marks:
        query = select(ActivationFlag).where(
            ActivationFlag.activation_id == activation.id,
            ActivationFlag.kind == kind,
            ActivationFlag.resolved_at.is_(None),
        )
        flag = session.scalars(query).one_or_none()
        if flag is not None:
            flag.last_seen_at, flag.times = desk.now, flag.times + 1
            continue
        _open_flag(session, activation, kind, desk)


def _open_flag(session: Session, activation: Activation, kind: str, desk: Desk) -> None:
    session.add(
        ActivationFlag(
            activation_id=activation.id,
            kind=kind,
            first_seen_at=desk.now,
            last_seen_at=desk.now,
            times=1,
        )
    )
    actor = f"server:{activation.instance_id}"
    _record_act(
        session, activation, "ACTIVATION_FLAGGED", actor, desk.now, kind=kind, seq=activation.seq
    )


def _answered(
    caller: _Caller,
    row: CheckIn,
    version: TermsVersion,
    key: IssuedKey,
    desk: Desk,
    *,
    repeated: bool,
) -> Answered:
    return answered(
        row,
        version,
        license_id=caller.license.id,
        instance_id=caller.request.instance_id,
        key_hint=key.hint,
        issuer_url=desk.issuer_url,
        repeated=repeated,
    )


def release(
    session: Session, activation_id: str, *, reason: str, actor: str, at: datetime
) -> Activation:
    """Free the place of a server; it may come back, under a new instance key too."""
    reason = check_reason(reason)
    activation = _locked_activation(session, activation_id)
    if activation.released_at is not None:
        raise ConflictError("the activation is released already", code="is_released")
    activation.released_at, activation.released_by = at, actor
    activation.release_reason = reason
    _record_act(session, activation, "ACTIVATION_RELEASED", actor, at, reason=reason)
    return activation


def _locked_activation(session: Session, activation_id: str) -> Activation:
    """Return the activation with its license's row locked, as every check-in locks it."""
    activation = store.get_activation(session, activation_id)
    locked_license(session, activation.license_id)
    session.refresh(activation)
    return activation


def _record_act(
    session: Session, activation: Activation, action: str, actor: str, at: datetime, **detail: Any
) -> None:
    record(
        session,
        at=at,
        actor=actor,
        action=action,
        target=f"license:{activation.license_id}",
        detail={"activation": activation.id, **detail},
    )
