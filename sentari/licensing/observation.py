"""Look at everything the verdict depends on, in one transaction."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from license_token.errors import LicenseTokenError
from license_token.keys import RootSet
from license_token.reply import Reply, ReplyClaims, read_reply
from sentari.audit.store import audit_log
from sentari.licensing import caps, store
from sentari.licensing.clock import ClockReading
from sentari.licensing.history import History, read_history
from sentari.licensing.identity import IdentityError, find_identity
from sentari.licensing.state import Facts
from sentari.licensing.tamper import Identity, Stored, Tampering, examine
from sentari.licensing.timekeeper import Timekeeper


@dataclass(frozen=True)
class Observation:
    """What was found: the signed claims, the facts beside them, and contradictions."""

    claims: ReplyClaims | None
    kid: str | None
    facts: Facts
    tampering: Tampering | None
    history: History

    @property
    def unreported(self) -> bool:
        """Tell whether the audit log does not say yet what was found."""
        reported = self.history.tampering_reported
        if self.tampering is None:
            return reported is not None
        return reported is None or reported.detail.get("fingerprint") != self.tampering.fingerprint


@dataclass(frozen=True)
class _Verified:
    text: str
    reply: Reply | LicenseTokenError
    anchored_hash: str | None


class Observer:
    """Observe again and again; a signature is verified again only when the row's text changed."""

    def __init__(self, roots: RootSet, time: Timekeeper) -> None:
        """Trust these roots, and have the timekeeper learn what is stored of the time."""
        self._roots, self._time = roots, time
        self._verified: _Verified | None = None
        self._history: History | None = None

    def observe(self, session: Session, now: datetime) -> Observation:
        """Return what is there. Not for several threads at once."""
        history = self._history = read_history(session, self._history)
        stored, verified = self._read(session)
        reply = verified.reply if verified and isinstance(verified.reply, Reply) else None
        clock = self._time.look(session, history, reply.claims if reply else None)
        tampering = examine(
            stored,
            history.recorded,
            _identity(session),
            verified.anchored_hash if verified else None,
            log_problem=history.log_problem,
            clock_edited=not clock.intact,
        )
        return Observation(
            claims=reply.claims if reply else None,
            kid=reply.kid if reply else None,
            facts=_facts(session, history, tampering, clock, now),
            tampering=tampering,
            history=history,
        )

    def _read(self, session: Session) -> tuple[Stored | None, _Verified | None]:
        raw = store.read_license(session)
        if raw is None:
            return None, None
        if self._verified is None or self._verified.text != raw.reply:
            self._verified = self._verify(session, raw.reply)
        return Stored(self._verified.reply, raw.columns), self._verified

    def _verify(self, session: Session, text: str) -> _Verified:
        try:
            reply = read_reply(text, self._roots)
        except LicenseTokenError as error:
            return _Verified(text, error, None)
        anchor = reply.claims.audit
        return _Verified(text, reply, audit_log.hash_at(session, anchor.seq) if anchor else None)


def _identity(session: Session) -> Identity | None:
    try:
        found = find_identity(session)
    except IdentityError:
        return None
    return found.identity if found else None


def _facts(
    session: Session,
    history: History,
    tampering: Tampering | None,
    clock: ClockReading,
    now: datetime,
) -> Facts:
    record = store.check_in_record(session)
    reported = history.tampering_reported
    return Facts(
        usage=caps.usage(session),
        tampering=tampering.sentence if tampering else None,
        tampered_at=(reported.at if reported else now) if tampering else None,
        entered=history.entered,
        removed_at=history.removed_at,
        activation_pending=store.find_key(session, store.Role.PENDING) is not None,
        last_check_in_at=record.attempted_at if record else None,
        last_check_in_error=record.cause if record else None,
        clock=clock,
    )
