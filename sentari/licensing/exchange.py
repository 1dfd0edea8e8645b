"""A check-in from beginning to end: ask, and apply what comes back.

The only place under licensing that opens write transactions itself: the request has to be
durable before it is sent, and no transaction may be open while the vendor is waited for.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from license_token.errors import MalformedError
from license_token.reply import Reply
from sentari.extensions import writing
from sentari.licensing import history, store
from sentari.licensing.acceptance import refusal_of
from sentari.licensing.answer import CheckInError
from sentari.licensing.application import Arrival, apply_reply, verified
from sentari.licensing.causes import NOT_REACHED, Cause
from sentari.licensing.core import Licensing, reading
from sentari.licensing.identity import IdentityError
from sentari.licensing.models import StoredKey
from sentari.licensing.outstanding import open_request
from sentari.licensing.refusals import airgap, no_key, sealed
from sentari.licensing.schedule import is_due
from sentari.licensing.store import Role
from sentari.licensing.tally import count_check_in
from sentari.licensing.turn import Turn, turn
from sentari.licensing.vault import VaultError

_VENDOR_SPOKE = (Cause.UNKNOWN_KEY, Cause.ACTIVATION_LIMIT, Cause.APPROVAL_PENDING)
# Asking again with the same key or the same request would bring the same answer.
_HOPELESS_KEYS = (Cause.UNKNOWN_KEY,)
_SPENT_REQUESTS = (Cause.STALE,)


def check_in(licensing: Licensing, *, actor: str) -> None:
    """Ask for the key that waits, else for the one in force, and apply what comes back.

    A check-in that is under way already is waited for, and its outcome is this one's too.
    Raise LicensingRefusedError without a key or in airgap mode, CheckInError when the vendor
    was not reached or its answer changed nothing; that is written down then.
    """
    if licensing.airgap:
        raise airgap()
    before = _attempted_at()
    with turn(licensing) as ours:
        if ours.waited and _settled_since(before):
            licensing.snapshot.refresh()
        else:
            _ask_for_any(licensing, ours, actor)


def check_in_if_due(licensing: Licensing) -> None:
    """Check in by the schedule, unless somebody else just did.

    Raise what `check_in` raises, and BusyError at once while another check-in is under way.
    """
    with turn(licensing, patience_seconds=0) as ours:
        if is_check_in_due(licensing):
            _ask_for_any(licensing, ours, "system")


def is_check_in_due(licensing: Licensing) -> bool:
    """Tell whether there is a key to ask for, and it is time."""
    if licensing.airgap:
        return False
    with reading() as session:
        if store.next_key(session) is None:
            return False
        record = store.check_in_record(session)
        return is_due(record.next_at if record else None, licensing.clock.now())


def _attempted_at() -> datetime | None:
    with reading() as session:
        record = store.check_in_record(session)
        return record.attempted_at if record else None


def _settled_since(before: datetime | None) -> bool:
    """Tell whether a check-in since then did all that this one could.

    Raise CheckInError when it did not reach the vendor: this one would not either.
    """
    with reading() as session:
        record = store.check_in_record(session)
        if record is None or record.attempted_at == before:
            return False
        if record.cause in NOT_REACHED:
            raise CheckInError(
                Cause(record.cause),
                record.detail or "",
                retry_after_seconds=record.retry_after_seconds,
            )
        return record.cause is None and store.find_key(session, Role.PENDING) is None


def _ask_for_any(licensing: Licensing, ours: Turn, actor: str) -> None:
    roles = _roles()
    if not roles:
        raise no_key()
    try:
        ask(licensing, roles[0], actor=actor)
    except CheckInError as error:
        if error.cause in _VENDOR_SPOKE and len(roles) == 2:
            # A key that has to wait must not keep the license in force from its check-ins.
            ours.renew(licensing.clock.now())
            ask(licensing, Role.CURRENT, actor=actor)
        raise


def ask(licensing: Licensing, role: Role, *, actor: str) -> None:
    """Ask the vendor for one key's license and apply it, or raise CheckInError."""
    key_hash, nonce, document = _prepare(licensing, role)
    started = licensing.clock.monotonic()
    try:
        reply = _answered(licensing, licensing.transport.check_in(document))
        arrival = Arrival(via="online", actor=actor, nonce=nonce)
        with writing() as session:
            apply_reply(session, licensing, reply, arrival, licensing.clock.now())
            count_check_in(session, None, licensing.clock.monotonic() - started)
    except CheckInError as error:
        with writing() as session:
            _write_down(session, licensing, error, key_hash)
            count_check_in(session, error.cause, licensing.clock.monotonic() - started)
        raise
    finally:
        licensing.snapshot.refresh()


def _answered(licensing: Licensing, text: str) -> Reply:
    try:
        return verified(licensing, text)
    except MalformedError as error:
        raise refusal_of(error) from error


def _roles() -> list[Role]:
    with reading() as session:
        return [role for role in (Role.PENDING, Role.CURRENT) if store.find_key(session, role)]


def _prepare(licensing: Licensing, role: Role) -> tuple[str, str, str]:
    now = licensing.clock.now()
    with writing() as session:
        history.lock_history(session)
        key = store.find_key(session, role)
        if key is None:
            raise no_key()
        try:
            request = open_request(session, licensing, key, now)
        except (VaultError, IdentityError) as error:
            raise sealed(str(error)) from error
        return key.key_hash, request.nonce, request.document


def _write_down(session: Session, licensing: Licensing, error: CheckInError, key_hash: str) -> None:
    history.lock_history(session)
    if not store.is_key_known(session, key_hash):
        return  # It was removed or replaced meanwhile, and concerns nobody any more.
    now = licensing.clock.now()
    before = store.record_failure(session, now, error, licensing.schedule)
    if before != error.cause.value:
        detail = {"cause": error.cause.value, "detail": error.detail}
        history.tell(session, now, history.CHECK_IN_FAILED, detail)
    if error.cause in _SPENT_REQUESTS:
        store.delete_request(session, key_hash)
    waiting = store.find_key(session, Role.PENDING)
    if waiting is not None and waiting.key_hash == key_hash:
        _keep_or_discard(session, waiting, error, now)


def _keep_or_discard(
    session: Session, waiting: StoredKey, error: CheckInError, now: datetime
) -> None:
    if error.cause in _HOPELESS_KEYS:
        detail = {"key_hint": waiting.hint, "cause": error.cause.value}
        store.discard_pending_key(session)
        history.tell(session, now, history.KEY_DISCARDED, detail)
    else:
        waiting.cause, waiting.detail = error.cause.value, error.detail
