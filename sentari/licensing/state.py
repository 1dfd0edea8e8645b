"""The table of license states: from signed claims, facts and the time to one status. PURE.

The rows of `TABLE` are asked in order, most severe first, and the first that applies decides.
Periods are half-open and equality belongs to the later stage.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from license_token.reply import LicenseTerms, ReplyClaims
from sentari.licensing.clock import ClockReading
from sentari.licensing.dates import (
    DAY,
    begun_days,
    counted,
    midnight,
    moment,
    spoken_date,
    spoken_moment,
    whole_days,
)


class State(StrEnum):
    """What the license is at one moment."""

    TAMPERED = "tampered"
    REVOKED = "revoked"
    OFFLINE_EXCEEDED = "offline_exceeded"
    LOCKED_OUT = "locked_out"
    SUSPENDED = "suspended"
    READ_ONLY = "read_only"
    GRACE = "grace"
    ACTIVE = "active"
    UNLICENSED = "unlicensed"


class Gate(StrEnum):
    """How far the server is open."""

    FULL = "full"
    READ_ONLY = "read_only"
    LOCKED = "locked"


@dataclass(frozen=True)
class Usage:
    """What the caps count."""

    devices: int = 0
    packages: int = 0


@dataclass(frozen=True)
class Limits:
    """The caps; None is unlimited."""

    devices: int | None = None
    packages: int | None = None


@dataclass(frozen=True)
class Entered:
    """A state, and when the server saw that it had begun."""

    state: State
    at: datetime


@dataclass(frozen=True)
class Facts:
    """What the server wrote down beside the signed reply.

    `tampering` is a sentence naming what contradicts the signature, or None. `entered` is the
    newest change of state in the audit log. Without claims, `activation_pending` tells that a
    key was given and no reply has come yet.
    """

    usage: Usage = field(default_factory=Usage)
    tampering: str | None = None
    tampered_at: datetime | None = None
    entered: Entered | None = None
    removed_at: datetime | None = None
    activation_pending: bool = False
    last_check_in_at: datetime | None = None
    last_check_in_error: str | None = None
    clock: ClockReading = field(default_factory=ClockReading)


@dataclass(frozen=True)
class Deadlines:
    """The four moments that follow from the signed claims."""

    expiry: datetime
    grace_end: datetime
    read_only_end: datetime
    offline: datetime

    @classmethod
    def of(cls, claims: ReplyClaims) -> "Deadlines":
        """Return the moments at which each period is over."""
        terms = claims.terms
        expiry = midnight(terms.expires_at)
        grace_end = expiry + terms.grace_period_days * DAY
        return cls(
            expiry=expiry,
            grace_end=grace_end,
            read_only_end=grace_end + terms.read_only_period_days * DAY,
            offline=moment(claims.issued_at) + terms.max_offline_days * DAY,
        )


@dataclass(frozen=True)
class Change:
    """A change of state that comes by itself unless a fresh reply is applied before."""

    at: datetime
    to: State
    why: str


@dataclass(frozen=True)
class LicenseStatus:
    """All that pages, API, command line and metrics say about the license.

    Days left count each begun day, so they reach 0 when the period is over; days until expiry
    are rounded down and negative afterwards. All of them are None without a license.
    """

    state: State
    gate: Gate
    evaluated_at: datetime
    since: datetime | None
    reason: str
    facts: Facts
    claims: ReplyClaims | None = None
    deadlines: Deadlines | None = None
    days_until_expiry: int | None = None
    grace_days_left: int | None = None
    read_only_days_left: int | None = None
    offline_days_used: int | None = None
    offline_days_left: int | None = None
    next_change: Change | None = None

    @property
    def terms(self) -> LicenseTerms | None:
        """Return the signed terms, if a license is installed."""
        return self.claims.terms if self.claims else None

    @property
    def usage(self) -> Usage:
        """Return what is used of the caps."""
        return self.facts.usage

    @property
    def limits(self) -> Limits:
        """Return the signed caps; nothing may be enrolled without a license."""
        if self.claims is None:
            return Limits(0, 0)
        return Limits(self.claims.terms.max_devices, self.claims.terms.max_packages)

    @property
    def offline_deadline(self) -> datetime | None:
        """Return the moment from which the last signed answer is too old."""
        return self.deadlines.offline if self.deadlines else None

    @property
    def max_offline_days(self) -> int | None:
        """Return how many days may pass without a signed answer."""
        return self.claims.terms.max_offline_days if self.claims else None


@dataclass(frozen=True)
class _Case:
    claims: ReplyClaims
    deadlines: Deadlines
    facts: Facts
    now: datetime

    @property
    def issued_at(self) -> datetime:
        return moment(self.claims.issued_at)

    def entered(self, state: State) -> datetime:
        """Return since when a state holds that no date in the claims tells of.

        Each check-in brings a reply of its own, so its `iat` is only the latest possible answer.
        """
        seen = self.facts.entered
        return seen.at if seen is not None and seen.state == state else self.issued_at


@dataclass(frozen=True)
class Row:
    """One row of the table: when it applies, since when, and what to tell people."""

    state: State
    gate: Gate
    applies: Callable[[_Case], bool]
    since: Callable[[_Case], datetime | None]
    reason: Callable[[_Case], str]


def _revoked(_case: _Case) -> str:
    return (
        "The vendor revoked this license. Contact your Sentari representative; a new key opens "
        "the server again."
    )


def _offline_exceeded(case: _Case) -> str:
    allowed = counted(case.claims.terms.max_offline_days, "day")
    return (
        f"The license server last answered on {spoken_moment(case.issued_at)}, and this license "
        f"allows {allowed} without an answer. Check in again, or use offline activation."
    )


def _locked_out(case: _Case) -> str:
    return (
        f"The license expired on {spoken_date(case.deadlines.expiry)} and its grace and read-only "
        f"periods are over since {spoken_date(case.deadlines.read_only_end)}. Install a new key."
    )


def _suspended(_case: _Case) -> str:
    return (
        "The vendor suspended this license: everything can be read, nothing can be changed, and "
        "scans are refused. Contact your Sentari representative, and check in again once it is "
        "reinstated."
    )


def _read_only(case: _Case) -> str:
    return (
        f"The license expired on {spoken_date(case.deadlines.expiry)} and its grace period is "
        "over: everything can be read, nothing can be changed, and scans are refused. Install a "
        f"new key before {spoken_date(case.deadlines.read_only_end)}."
    )


def _grace(case: _Case) -> str:
    return (
        f"The license expired on {spoken_date(case.deadlines.expiry)}. Everything works until "
        f"{spoken_date(case.deadlines.grace_end)}; install a new key before then."
    )


def _active(case: _Case) -> str:
    return f"The license is valid until {spoken_date(case.deadlines.expiry)}."


def _tampered(facts: Facts) -> str:
    return (
        f"{facts.tampering} Restore what was changed, or check in so that a fresh reply replaces "
        "it; contact your Sentari representative if you did not expect this."
    )


TABLE: tuple[Row, ...] = (
    Row(
        State.TAMPERED,
        Gate.LOCKED,
        applies=lambda case: case.facts.tampering is not None,
        since=lambda case: case.facts.tampered_at,
        reason=lambda case: _tampered(case.facts),
    ),
    Row(
        State.REVOKED,
        Gate.LOCKED,
        applies=lambda case: case.claims.terms.status == "revoked",
        since=lambda case: case.entered(State.REVOKED),
        reason=_revoked,
    ),
    Row(
        State.OFFLINE_EXCEEDED,
        Gate.LOCKED,
        applies=lambda case: case.now >= case.deadlines.offline,
        since=lambda case: case.deadlines.offline,
        reason=_offline_exceeded,
    ),
    Row(
        State.LOCKED_OUT,
        Gate.LOCKED,
        applies=lambda case: case.now >= case.deadlines.read_only_end,
        since=lambda case: case.deadlines.read_only_end,
        reason=_locked_out,
    ),
    Row(
        State.SUSPENDED,
        Gate.READ_ONLY,
        applies=lambda case: case.claims.terms.status == "suspended",
        since=lambda case: case.entered(State.SUSPENDED),
        reason=_suspended,
    ),
    Row(
        State.READ_ONLY,
        Gate.READ_ONLY,
        applies=lambda case: case.now >= case.deadlines.grace_end,
        since=lambda case: case.deadlines.grace_end,
        reason=_read_only,
    ),
    Row(
        State.GRACE,
        Gate.FULL,
        applies=lambda case: case.now >= case.deadlines.expiry,
        since=lambda case: case.deadlines.expiry,
        reason=_grace,
    ),
    Row(
        State.ACTIVE,
        Gate.FULL,
        applies=lambda _case: True,
        since=lambda case: case.entered(State.ACTIVE),
        reason=_active,
    ),
)

GATES: dict[State, Gate] = {
    **{row.state: row.gate for row in TABLE},
    State.UNLICENSED: Gate.READ_ONLY,
}


def evaluate(claims: ReplyClaims | None, facts: Facts, now: datetime) -> LicenseStatus:
    """Return the license's status at `now`; total: every input has a status."""
    if claims is None:
        return _without_claims(facts, now)
    case = _Case(claims, Deadlines.of(claims), facts, now)
    row = _row(case)
    deadlines = case.deadlines
    used = max(0, whole_days(now - case.issued_at))
    return LicenseStatus(
        state=row.state,
        gate=row.gate,
        evaluated_at=now,
        since=row.since(case),
        reason=row.reason(case),
        facts=facts,
        claims=claims,
        deadlines=deadlines,
        days_until_expiry=whole_days(deadlines.expiry - now),
        grace_days_left=_left(now, deadlines.expiry, deadlines.grace_end),
        read_only_days_left=_left(now, deadlines.grace_end, deadlines.read_only_end),
        offline_days_used=used,
        offline_days_left=_left(now, case.issued_at, deadlines.offline),
        next_change=_next_change(case, row.state),
    )


def _without_claims(facts: Facts, now: datetime) -> LicenseStatus:
    state = State.UNLICENSED if facts.tampering is None else State.TAMPERED
    since = facts.removed_at if facts.tampering is None else facts.tampered_at
    reason = _unlicensed(facts) if facts.tampering is None else _tampered(facts)
    return LicenseStatus(state, GATES[state], now, since, reason, facts)


def _unlicensed(facts: Facts) -> str:
    if facts.activation_pending:
        return (
            "Activation is pending: a license key was given, and the license server has not "
            "answered with a license yet."
        )
    if facts.removed_at is not None:
        return (
            f"The license was removed on {spoken_date(facts.removed_at)}. Install a license key "
            "to accept scans and changes again."
        )
    return "No license is installed. Install a license key to accept scans and changes."


def _row(case: _Case) -> Row:
    return next(row for row in TABLE if row.applies(case))


def _left(now: datetime, start: datetime, end: datetime) -> int:
    """Return the begun days that are left of a period, all of them before it starts."""
    return begun_days(end - max(now, start))


def _next_change(case: _Case, state: State) -> Change | None:
    """Return the first moment after `now` at which the same table says something else."""
    deadlines = case.deadlines
    moments = {deadlines.expiry, deadlines.grace_end, deadlines.read_only_end, deadlines.offline}
    for at in sorted(at for at in moments if at > case.now):
        later = _Case(case.claims, deadlines, case.facts, at)
        row = _row(later)
        if row.state != state:
            return Change(at, row.state, row.reason(later))
    return None
