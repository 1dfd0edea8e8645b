"""Which warnings the license gives reason for, and who is to see them. PURE."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sentari.licensing.clock import ClockReading
from sentari.licensing.dates import counted, spoken_date, spoken_moment, spoken_span
from sentari.licensing.state import Gate, LicenseStatus, State

EXPIRY_DAYS = (60, 30, 14, 7, 1)
OFFLINE_PERCENT = (50, 75, 90)
USAGE_PERCENT = (80, 90, 100)


class Severity(StrEnum):
    """How loud a warning is."""

    INFO = "info"
    WARNING = "warning"
    DANGER = "danger"


_LOUDNESS = {Severity.DANGER: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True)
class LicenseWarning:
    """One warning; `threshold` is the step it crossed, `everyone` that viewers see it too."""

    code: str
    severity: Severity
    text: str
    threshold: int | None = None
    everyone: bool = False


def warnings(status: LicenseStatus) -> list[LicenseWarning]:
    """Return all warnings of this moment, the loudest first and the state's before its equals."""
    found = [*_of_state(status), *_of_clock(status.facts.clock)]
    if status.gate is not Gate.LOCKED:
        found += [*_of_expiry(status), *_of_offline(status), *_of_usage(status)]
    return sorted(found, key=lambda warning: _LOUDNESS[warning.severity])


def visible_to(found: Sequence[LicenseWarning], *, admin: bool) -> list[LicenseWarning]:
    """Return the warnings for a role: admins see all, viewers those from grace on."""
    return [warning for warning in found if admin or warning.everyone]


_STATE_SEVERITY = {
    State.GRACE: Severity.WARNING,
    State.UNLICENSED: Severity.WARNING,
    State.READ_ONLY: Severity.DANGER,
    State.SUSPENDED: Severity.DANGER,
    State.LOCKED_OUT: Severity.DANGER,
    State.OFFLINE_EXCEEDED: Severity.DANGER,
    State.REVOKED: Severity.DANGER,
    State.TAMPERED: Severity.DANGER,
}


def _of_state(status: LicenseStatus) -> Iterator[LicenseWarning]:
    severity = _STATE_SEVERITY.get(status.state)
    if severity is not None:
        yield LicenseWarning(status.state.value, severity, status.reason, everyone=True)


def _of_clock(clock: ClockReading) -> Iterator[LicenseWarning]:
    if clock.rolled_back:
        text = (
            f"The server's clock was turned back: it is {spoken_span(-clock.offset)} behind the "
            "latest time that it has seen. The license goes by that time; set the clock right."
        )
        yield LicenseWarning("clock_rollback", Severity.WARNING, text)
    if clock.skewed and clock.skew is not None:
        way = "ahead of" if clock.skew > timedelta() else "behind"
        text = (
            f"The server's clock was {spoken_span(abs(clock.skew))} {way} the license server's "
            "when that last answered. Set the clock right, or let a time server set it."
        )
        yield LicenseWarning("clock_skew", Severity.WARNING, text)


def _of_expiry(status: LicenseStatus) -> Iterator[LicenseWarning]:
    days, deadlines = status.days_until_expiry, status.deadlines
    if days is None or deadlines is None or deadlines.expiry <= status.evaluated_at:
        return
    # A threshold is crossed when exactly that many days are left.
    left = deadlines.expiry - status.evaluated_at
    crossed = [step for step in EXPIRY_DAYS if left.total_seconds() <= step * 86_400]
    if crossed:
        step = min(crossed)
        severity = Severity.WARNING if step <= 14 else Severity.INFO
        text = f"The license expires on {spoken_date(deadlines.expiry)}, in {_days(days)}."
        yield LicenseWarning("expiry", severity, text, step)


def _days(days: int) -> str:
    return "less than a day" if days < 1 else counted(days, "day")


def _of_offline(status: LicenseStatus) -> Iterator[LicenseWarning]:
    if status.deadlines is None or status.claims is None:
        return
    budget = status.claims.terms.max_offline_days * 86_400
    left = (status.deadlines.offline - status.evaluated_at).total_seconds()
    step = _crossed(OFFLINE_PERCENT, budget - left, budget)
    if step is not None:
        severity = Severity.DANGER if step >= 90 else Severity.WARNING
        text = (
            f"{step} % of the time without a check-in is used up: the server locks on "
            f"{spoken_moment(status.deadlines.offline)} unless it checks in before then."
        )
        yield LicenseWarning("offline", severity, text, step)


def _of_usage(status: LicenseStatus) -> Iterator[LicenseWarning]:
    if status.claims is None:
        return
    pairs = (
        ("devices", status.usage.devices, status.limits.devices),
        ("packages", status.usage.packages, status.limits.packages),
    )
    for noun, used, limit in pairs:
        step = _crossed(USAGE_PERCENT, used, limit) if limit is not None else None
        if step is not None:
            severity = Severity.DANGER if step >= 100 else Severity.WARNING
            text = f"{used:,} of {limit:,} licensed {noun} are in use."
            yield LicenseWarning(f"{noun}_usage", severity, text, step)


def _crossed(steps: Sequence[int], used: float, budget: float) -> int | None:
    """Return the highest step, in percent, that `used` has reached; equality has reached it."""
    reached = [step for step in steps if used * 100 >= budget * step]
    return max(reached) if reached else None
