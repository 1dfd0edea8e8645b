"""Queue the notices that are due, each with the record of it in one transaction."""

import logging
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.orm import Session

from license_server.activations.models import Activation
from license_server.activations.store import get_activation
from license_server.errors import LicenseServerError
from license_server.licenses.models import License, TermsVersion
from license_server.licenses.store import current_key, granted_version, locked_license
from license_server.notices import rules, store
from license_server.notices.models import ExpiryNotice, SilenceNotice
from license_server.outbox import messages
from license_server.outbox.letter import Letter
from license_server.outbox.models import EXPIRY_NOTICE, SILENCE_NOTICE
from license_server.outbox.service import Draft, cancel, queue
from license_server.rules import Status
from serverkit.database import Writing

log = logging.getLogger(__name__)


def queue_due(session: Session, writing: Writing, *, key: bytes, now: datetime) -> int:
    """Queue what is due at `now` and return how many notices that are.

    What may be due is looked for with `session`, without a lock. Each notice is decided again
    with its license's row locked, so that of several who look at once one queues it.
    """
    licenses, activations = _candidates(session, now)
    announcements = [
        *(partial(_announce_expiry, license_id=each) for each in licenses),
        *(partial(_announce_silence, activation_id=each) for each in activations),
    ]
    queued = 0
    for announce in announcements:
        try:
            with writing() as locking:
                queued += announce(locking, key=key, now=now)
        except LicenseServerError:
            # Of a license that contradicts itself nothing is said; the others are not held up.
            log.exception("a notice could not be decided; staff must look at the license")
    return queued


def _candidates(session: Session, now: datetime) -> tuple[list[str], list[str]]:
    dates = store.expiring(session, now.date())
    told = store.told(session, list(dates))
    licenses = [
        license_id
        for license_id, expires_at in dates.items()
        if rules.due_threshold(expires_at, told.get((license_id, expires_at), ()), now)
    ]
    activations = [
        activation.id
        for activation, days in store.quiet(session, now)
        if rules.is_silent(activation.last_check_in_at, days, now)
    ]
    return licenses, activations


def _announce_expiry(session: Session, *, license_id: str, key: bytes, now: datetime) -> bool:
    license_, version = _in_force(session, license_id)
    if version is None:
        return False
    told = store.told(session, [license_id]).get((license_id, version.expires_at), ())
    days = rules.due_threshold(version.expires_at, told, now)
    if days is None:
        return False
    session.add(
        ExpiryNotice(
            license_id=license_id, expires_at=version.expires_at, days=days, created_at=now
        )
    )
    # One that still waits for the mail server would arrive together with this one.
    cancel(session, license_id, [EXPIRY_NOTICE])
    expiry = messages.Expiry(
        customer_name=version.customer_name,
        tier=version.tier,
        key_hint=current_key(session, license_id).hint,
        expires_at=version.expires_at,
        grace_period_days=version.grace_period_days,
        read_only_period_days=version.read_only_period_days,
    )
    letter = messages.expiry_mail(expiry, today=now.date())
    _queue(session, license_, EXPIRY_NOTICE, letter, key=key, now=now)
    return True


def _announce_silence(session: Session, *, activation_id: str, key: bytes, now: datetime) -> bool:
    license_, version = _in_force(session, get_activation(session, activation_id).license_id)
    found = store.quiet(session, now, activation_id)
    if version is None or not found:
        return False
    [(activation, days)] = found
    if not rules.is_silent(activation.last_check_in_at, days, now):
        return False
    session.add(
        SilenceNotice(
            activation_id=activation.id,
            last_check_in_at=activation.last_check_in_at,
            created_at=now,
        )
    )
    letter = messages.silence_mail(_silence(activation, version, days))
    _queue(session, license_, SILENCE_NOTICE, letter, key=key, now=now)
    return True


def _in_force(session: Session, license_id: str) -> tuple[License, TermsVersion | None]:
    """Return the license, locked, and its granted terms if it is active and has some."""
    license_ = locked_license(session, license_id)
    if license_.status != Status.ACTIVE:
        return license_, None
    return license_, granted_version(session, license_id)


def _silence(activation: Activation, version: TermsVersion, days: int) -> messages.Silence:
    return messages.Silence(
        customer_name=version.customer_name,
        instance_id=activation.instance_id,
        server_version=activation.server_version,
        last_check_in_at=activation.last_check_in_at,
        locks_at=activation.last_check_in_at + timedelta(days=days),
        airgap=version.airgap,
    )


def _queue(
    session: Session, license_: License, kind: str, letter: Letter, *, key: bytes, now: datetime
) -> None:
    draft = Draft(kind, license_.id, license_.customer.email, letter)
    queue(session, draft, held=False, key=key, at=now)
