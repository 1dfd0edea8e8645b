"""What admins, the environment and the command line do with the license.

What can go wrong has three families: LicenseTokenError for a text that is no key and no reply,
CheckInError for a vendor that was not reached or a reply that does not fit, and
LicensingRefusedError for what cannot be done as things are. None of them changes the license.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy.orm import Session

from license_token.armor import armor_request
from license_token.errors import LicenseTokenError, MalformedError
from license_token.license_key import LicenseKey, looks_like_reply
from sentari.extensions import writing
from sentari.licensing import history, store
from sentari.licensing.acceptance import ReplyRefusedError
from sentari.licensing.application import Arrival, apply_reply, check_reply, verified
from sentari.licensing.core import Licensing
from sentari.licensing.exchange import ask
from sentari.licensing.identity import IdentityError, ensure_identity
from sentari.licensing.models import ROW, Instance
from sentari.licensing.outstanding import open_request
from sentari.licensing.preview import Preview, preview
from sentari.licensing.recount import recount
from sentari.licensing.refusals import (
    BusyError,
    LicensingRefusedError,
    airgap,
    kept_while_busy,
    no_key,
    nothing_installed,
    nothing_waiting,
    sealed,
)
from sentari.licensing.schedule import asked_lately
from sentari.licensing.store import Role
from sentari.licensing.turn import turn
from sentari.licensing.vault import Purpose, VaultError

log = logging.getLogger(__name__)

LONGEST_TEXT = 64 * 1024
ENVIRONMENT = "environment"


def install(licensing: Licensing, text: str, *, actor: str, via: str) -> None:
    """Install what an admin gave: a license key, asked for at once, or a whole signed reply."""
    if len(text) > LONGEST_TEXT:
        raise MalformedError(
            f"The text is longer than {LONGEST_TEXT:,} characters: neither a license key nor a "
            "license file is."
        )
    if looks_like_reply(text):
        present_reply(licensing, text, actor=actor, via=via)
    else:
        give_key(licensing, LicenseKey.parse(text), actor=actor)


def give_key(licensing: Licensing, key: LicenseKey, *, actor: str) -> None:
    """Keep a key and ask the vendor for its license.

    The license in force stays until a reply for the new key was applied. In airgap mode, and
    while another check-in does not end, the key is kept and LicensingRefusedError says how to
    go on.
    """
    if licensing.airgap:
        _keep_key(licensing, key, actor)
        licensing.snapshot.refresh()
        raise airgap()
    try:
        with turn(licensing):
            # Kept within the turn, so that nobody else asks for it first.
            ask(licensing, _keep_key(licensing, key, actor), actor=actor)
    except BusyError as error:
        _keep_key(licensing, key, actor)
        licensing.snapshot.refresh()
        raise kept_while_busy() from error


def present_reply(licensing: Licensing, text: str, *, actor: str, via: str) -> None:
    """Apply a reply that was carried by hand; one that fails is refused and changes nothing."""
    with _refusals_told(licensing, actor=actor, via=via):
        reply = verified(licensing, text)
        with writing() as session:
            apply_reply(session, licensing, reply, Arrival(via, actor), licensing.clock.now())


def preview_reply(licensing: Licensing, text: str, *, actor: str, via: str) -> Preview:
    """Return what a reply would change; one that would be refused is refused already here.

    Nothing of the preview is believed later: `present_reply` verifies the text again.
    """
    with _refusals_told(licensing, actor=actor, via=via):
        reply = verified(licensing, text)
        with writing() as session:
            check_reply(session, licensing, reply, Arrival(via, actor), licensing.clock.now())
    return preview(licensing.snapshot.latest(), reply)


@contextmanager
def _refusals_told(licensing: Licensing, *, actor: str, via: str) -> Iterator[None]:
    """Write a refusal into the audit log and pass it on; look at the license anew at the end."""
    try:
        yield
    except ReplyRefusedError as error:
        detail = {"cause": error.cause.value, "detail": error.detail, "via": via}
        with writing() as session:
            history.tell(session, licensing.clock.now(), history.REPLY_REFUSED, detail, actor=actor)
        raise
    finally:
        licensing.snapshot.refresh()


def remove(licensing: Licensing, *, actor: str) -> None:
    """Remove the license with its keys; what it covered stays, and the server is unlicensed."""
    with writing() as session:
        history.lock_history(session)
        past = history.read_history(session)
        recorded = past.recorded
        if recorded is None and store.read_license(session) is None:
            raise nothing_installed()
        detail = {**vars(recorded), "audit_seq": past.anchored_seq} if recorded else {}
        store.delete_license(session)
        history.tell(session, licensing.clock.now(), history.REMOVED, detail, actor=actor)
    licensing.snapshot.refresh()


def discard_waiting_key(licensing: Licensing, *, actor: str) -> None:
    """Forget the key that waits for its activation; the license in force is untouched."""
    with writing() as session:
        history.lock_history(session)
        waiting = store.discard_pending_key(session)
        if waiting is None:
            raise nothing_waiting()
        detail = {"key_hint": waiting.hint}
        history.tell(session, licensing.clock.now(), history.KEY_DISCARDED, detail, actor=actor)
    licensing.snapshot.refresh()


def request_file(licensing: Licensing) -> str:
    """Return the armoured request for the key that waits, else for the one in force."""
    return armor_request(request_document(licensing))


def request_document(licensing: Licensing) -> str:
    """Return the same request without its armour: the very text that a check-in sends."""
    with writing() as session:
        history.lock_history(session)
        key = store.next_key(session)
        if key is None:
            raise no_key()
        try:
            request = open_request(session, licensing, key, licensing.clock.now())
        except (VaultError, IdentityError) as error:
            raise sealed(str(error)) from error
        return request.document


def prepare(licensing: Licensing) -> None:
    """Do what a start needs, without the network: identity, totals, the environment's key.

    The first check-in follows the start, unless another server just made one.
    """
    now, claims = licensing.clock.now(), licensing.snapshot.refresh().claims
    with writing() as session:
        _begin_identity(session, licensing, now)
        record = store.check_in_record(session)
        if record is not None and not asked_lately(record.attempted_at, now):
            store.ask_soon(session)
    recount(licensing)
    with writing() as session:
        licensing.time.begin(session, claims)
    try:
        apply_environment(licensing)
    except (LicenseTokenError, ReplyRefusedError, LicensingRefusedError, IdentityError) as error:
        log.error("SENTARI_LICENSE_KEY was not applied: %s", error)


def _begin_identity(session: Session, licensing: Licensing, now: datetime) -> None:
    try:
        ensure_identity(session, licensing.vault, now)
    except IdentityError as error:
        # The license is tampered with then; pages and data stay with whoever has to repair it.
        log.error("this server has no identity to check in with: %s", error)


def keep_time(licensing: Licensing) -> None:
    """Store how far the time has come, each minute and for all workers."""
    claims = licensing.snapshot.refresh().claims
    with writing() as session:
        licensing.time.keep(session, claims)


def apply_environment(licensing: Licensing) -> None:
    """Apply SENTARI_LICENSE_KEY if it is not the value that was applied from there last.

    So a key that was pasted later is not undone by a restart with the old variable. A key waits
    for the next check-in; a reply is applied here.
    """
    value = licensing.environment_value
    if value is None:
        return
    digest = licensing.vault.digest(Purpose.ENVIRONMENT, value)
    with writing() as session:
        ensure_identity(session, licensing.vault, licensing.clock.now())
        instance = session.get_one(Instance, ROW)
        if instance.environment_digest == digest:
            return
    if looks_like_reply(value):
        present_reply(licensing, value, actor=ENVIRONMENT, via=ENVIRONMENT)
    else:
        _keep_key(licensing, LicenseKey.parse(value), ENVIRONMENT)
    with writing() as session:
        session.get_one(Instance, ROW).environment_digest = digest


def _keep_key(licensing: Licensing, key: LicenseKey, actor: str) -> Role:
    """Store a key unless it is known already; return what it is now."""
    now = licensing.clock.now()
    with writing() as session:
        history.lock_history(session)
        current = store.find_key(session, Role.CURRENT)
        if current is not None and current.key_hash == key.key_hash:
            store.discard_pending_key(session)
            return Role.CURRENT
        waiting = store.find_key(session, Role.PENDING)
        if waiting is None or waiting.key_hash != key.key_hash:
            store.put_pending_key(session, licensing.vault, key, now)
            store.ask_soon(session)
            detail = {"key_hint": key.hint}
            history.tell(session, now, history.KEY_GIVEN, detail, actor=actor)
        return Role.PENDING
