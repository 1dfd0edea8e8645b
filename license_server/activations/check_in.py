"""Answer check-ins, in the caller's one write transaction: first all is judged, then written."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from license_server import check_in_rules as rules
from license_server.activations import check_in_store, store
from license_server.activations.check_in_store import Standing
from license_server.activations.models import ActivationFlag, CheckIn
from license_server.activations.replies import Answered, answered
from license_server.activations.restoration import first_number
from license_server.audit import record
from license_server.errors import CheckInRefusedError, UnavailableError
from license_server.licenses.models import IssuedKey, TermsVersion
from license_server.licenses.store import Granted, Opened, open_with
from license_server.licenses.writing import new_jti
from license_server.signing.keyring import Signer
from license_server.signing.models import SigningKey
from license_token.keys import thumbprint
from license_token.request import RequestClaims

_NOT_RELEASED = {"released_at": None, "released_by": None, "release_reason": None}


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
class Caller:
    """One request with what its key opens; the license's row is locked."""

    request: RequestClaims
    thumbprint: str
    opened: Opened


@dataclass(frozen=True)
class Verdict:
    """A request that gets a reply; `binding` is None when it is one that got it before."""

    caller: Caller
    standing: Standing
    desk: Desk
    binding: rules.Binding | None
    seq: int
    issued_at: int
    marks: tuple[str, ...]


def judge(session: Session, request: RequestClaims, desk: Desk) -> Verdict:
    """Decide on a verified request; raise CheckInRefusedError if it gets no reply.

    Writes nothing. The license's row is locked first: of identical requests at once, one is
    recorded and the others find its record.
    """
    opened = open_with(session, request.key_hash)
    if opened is None:
        detail = "no license has this key, or the key was replaced by a new one"
        raise CheckInRefusedError("unknown_key", detail)
    caller = Caller(request, thumbprint(request.public_key), opened)
    standing = check_in_store.standing(session, opened.license_id, request.instance_id, request.jti)
    if standing is None:
        detail = "the license waits for the approval of a second person at the vendor"
        raise CheckInRefusedError("approval_pending", detail)
    if standing.answered_id is not None and _is_repetition(session, caller, standing, desk):
        return Verdict(caller, standing, desk, binding=None, seq=0, issued_at=0, marks=())
    binding = _bind(session, caller, standing)
    rules.check_frequency(standing.bound, desk.second)
    issued_at = rules.reply_time(desk.second, standing.bound)
    if not desk.signer.covers(issued_at):
        raise UnavailableError("the signing certificate does not cover this moment; try again")
    cloned = _is_clone(session, caller, standing.bound)
    marks = rules.marks(request.findings, cloned=cloned)
    seq = standing.seq + 1 if standing.activation_id else first_number(session)
    return Verdict(caller, standing, desk, binding, seq, issued_at, marks)


def _is_repetition(session: Session, caller: Caller, standing: Standing, desk: Desk) -> bool:
    """Tell whether the answer that the request got before still is its answer.

    It is not when replies are signed under another root since then: a server that goes on asking
    does not trust the one before, and would get the same bytes for as long as it asks.
    """
    if standing.answered_thumbprint != caller.thumbprint:
        detail = "this request was made before, under another instance key"
        raise CheckInRefusedError("bad_signature", detail)
    query = select(CheckIn.reply_jti, SigningKey.root_kid).join(
        SigningKey, SigningKey.kid == CheckIn.signing_kid
    )
    reply_jti, root_kid = session.execute(query.where(CheckIn.id == standing.answered_id)).one()
    return reply_jti != standing.last_jti or root_kid == desk.signer.root_kid


def _bind(session: Session, caller: Caller, standing: Standing) -> rules.Binding:
    settled = standing.bound is not None and not standing.bound.released
    return rules.bind(
        caller.thumbprint,
        standing.bound,
        in_use=0 if settled else store.count_in_use(session, caller.opened.license_id),
        max_activations=standing.version.max_activations,
    )


def _is_clone(session: Session, caller: Caller, bound: rules.Bound | None) -> bool:
    previous = caller.request.previous
    recent = bound.recent_jtis if bound else ()
    if previous is None or not rules.is_stray(previous, recent):
        return False
    return not store.is_known_elsewhere(
        session,
        previous,
        customer_id=caller.opened.customer_id,
        instance_id=caller.request.instance_id,
        thumbprint=caller.thumbprint,
    )


def settle(session: Session, verdict: Verdict) -> Answered:
    """Bind, count and record the request, and return what its reply is made of."""
    standing = verdict.standing
    if verdict.binding is None:
        return _repeat(session, verdict)
    if standing.answered_id is not None:
        return _answer_anew(session, verdict, standing.answered_id)
    jti, activation_id = new_jti(), standing.activation_id or str(uuid.uuid4())
    _write_activation(session, verdict, activation_id, jti)
    _record_binding(session, verdict, activation_id)
    _flag(session, verdict, activation_id)
    values = _history(verdict, activation_id, jti)
    check_in_store.insert_check_in(session, values)
    return _answered(verdict, CheckIn(**values), standing.version, verdict.caller.opened.key_hint)


def _record_binding(session: Session, verdict: Verdict, activation_id: str) -> None:
    if verdict.binding is rules.Binding.KNOWN:
        return
    detail = {
        "thumbprint": verdict.caller.thumbprint,
        "after_release": verdict.binding is rules.Binding.AGAIN,
    }
    _record_act(session, verdict, activation_id, "ACTIVATION_BOUND", detail)


def _answer_anew(session: Session, verdict: Verdict, answered_id: int) -> Answered:
    """Put today's terms, date and key into the answer; number and `jti` stay: it is the same."""
    row = session.get_one(CheckIn, answered_id)
    opened = verdict.caller.opened
    row.issued_at, row.signing_kid = verdict.issued_at, verdict.desk.signer.kid
    row.terms_version_id, row.status = verdict.standing.version.id, opened.status
    row.license_key_id = opened.key_id
    now = verdict.desk.now
    values = {**_NOT_RELEASED, "last_check_in_at": now, "last_issued_at": verdict.issued_at}
    check_in_store.update_activation(session, row.activation_id, values)
    _record_binding(session, verdict, row.activation_id)
    return _answered(verdict, row, verdict.standing.version, opened.key_hint)


def _repeat(session: Session, verdict: Verdict) -> Answered:
    row = session.get_one(CheckIn, verdict.standing.answered_id)
    version = session.get_one(TermsVersion, row.terms_version_id)
    key = session.get_one(IssuedKey, row.license_key_id)
    return _answered(verdict, row, version, key.hint)


def _write_activation(session: Session, verdict: Verdict, activation_id: str, jti: str) -> None:
    standing, request, now = verdict.standing, verdict.caller.request, verdict.desk.now
    values: dict[str, Any] = {
        "thumbprint": verdict.caller.thumbprint,
        "last_check_in_at": now,
        "server_version": request.server_version,
        "devices": request.devices,
        "packages": request.packages,
        "audit_seq": request.audit.seq,
        "audit_head": request.audit.head,
        "seq": verdict.seq,
        "last_issued_at": verdict.issued_at,
        "last_jti": jti,
        "last_but_one_jti": standing.last_jti,
        **_NOT_RELEASED,
    }
    if standing.activation_id is not None:
        check_in_store.update_activation(session, activation_id, values)
        return
    new = {
        "id": activation_id,
        "license_id": verdict.caller.opened.license_id,
        "instance_id": request.instance_id,
        "first_check_in_at": now,
    }
    check_in_store.insert_activation(session, values | new)


def _history(verdict: Verdict, activation_id: str, jti: str) -> dict[str, Any]:
    caller, request = verdict.caller, verdict.caller.request
    return {
        "activation_id": activation_id,
        "seq": verdict.seq,
        "received_at": verdict.desk.now,
        "issued_at": verdict.issued_at,
        "request_jti": request.jti,
        "reply_jti": jti,
        "previous": request.previous,
        "thumbprint": caller.thumbprint,
        "status": caller.opened.status,
        "terms_version_id": verdict.standing.version.id,
        "license_key_id": caller.opened.key_id,
        "signing_kid": verdict.desk.signer.kid,
        "server_version": request.server_version,
        "devices": request.devices,
        "packages": request.packages,
        "audit_seq": request.audit.seq,
        "audit_head": request.audit.head,
        "marks": " ".join(verdict.marks),
    }


def _flag(session: Session, verdict: Verdict, activation_id: str) -> None:
    for kind in verdict.marks:
        query = select(ActivationFlag).where(
            ActivationFlag.activation_id == activation_id,
            ActivationFlag.kind == kind,
            ActivationFlag.resolved_at.is_(None),
        )
        flag = session.scalars(query).one_or_none()
        if flag is not None:
            flag.last_seen_at, flag.times = verdict.desk.now, flag.times + 1
            continue
        _open_flag(session, verdict, activation_id, kind)


def _open_flag(session: Session, verdict: Verdict, activation_id: str, kind: str) -> None:
    now = verdict.desk.now
    session.add(
        ActivationFlag(
            activation_id=activation_id, kind=kind, first_seen_at=now, last_seen_at=now, times=1
        )
    )
    detail = {"kind": kind, "seq": verdict.seq}
    _record_act(session, verdict, activation_id, "ACTIVATION_FLAGGED", detail)


def _record_act(
    session: Session,
    verdict: Verdict,
    activation_id: str,
    action: str,
    detail: Mapping[str, Any],
) -> None:
    record(
        session,
        at=verdict.desk.now,
        actor=f"server:{verdict.caller.request.instance_id}",
        action=action,
        target=f"license:{verdict.caller.opened.license_id}",
        detail={"activation": activation_id, **detail},
    )


def _answered(verdict: Verdict, row: CheckIn, version: Granted, key_hint: str) -> Answered:
    return answered(
        row,
        version,
        license_id=verdict.caller.opened.license_id,
        instance_id=verdict.caller.request.instance_id,
        key_hint=key_hint,
        issuer_url=verdict.desk.issuer_url,
    )
