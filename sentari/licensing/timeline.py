"""What happens next to the license: its moments in order, and sentences about them. PURE."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sentari.licensing.dates import spoken_date, spoken_moment
from sentari.licensing.state import Deadlines, Gate, LicenseStatus, State


class Mark(StrEnum):
    """A kind of moment on the timeline."""

    TODAY = "today"
    EXPIRY = "expiry"
    READ_ONLY = "read_only"
    LOCKOUT = "lockout"
    OFFLINE = "offline"


@dataclass(frozen=True)
class Moment:
    """One mark of the timeline, with what it means."""

    mark: Mark
    at: datetime
    label: str


_LABELS = {
    Mark.TODAY: "Today",
    Mark.EXPIRY: "License expires",
    Mark.READ_ONLY: "Grace ends, read-only begins",
    Mark.LOCKOUT: "Lockout",
    Mark.OFFLINE: "Offline deadline",
}


def moments(status: LicenseStatus) -> list[Moment]:
    """Return today and the license's moments in the order of time; none without a license."""
    deadlines = status.deadlines
    if deadlines is None:
        return []
    found = {
        Mark.TODAY: status.evaluated_at,
        Mark.EXPIRY: deadlines.expiry,
        Mark.READ_ONLY: deadlines.grace_end,
        Mark.LOCKOUT: deadlines.read_only_end,
        Mark.OFFLINE: deadlines.offline,
    }
    ordered = sorted(found.items(), key=lambda item: item[1])
    return [Moment(mark, at, _LABELS[mark]) for mark, at in ordered]


def what_happens_next(status: LicenseStatus) -> list[str]:
    """Return sentences with dates, the nearest first: what stops when, and what prevents it."""
    deadlines = status.deadlines
    if deadlines is None or status.gate is Gate.LOCKED:
        return [status.reason]
    steps = [*_expiry_steps(status, deadlines), _offline_step(deadlines)]
    return [
        text for at, text in sorted(steps) if status.evaluated_at < at <= deadlines.read_only_end
    ]


def _expiry_steps(status: LicenseStatus, deadlines: Deadlines) -> list[tuple[datetime, str]]:
    lockout = (
        deadlines.read_only_end,
        f"Only Settings → License stays open from {spoken_date(deadlines.read_only_end)} "
        "unless a new key is installed.",
    )
    if status.state is State.SUSPENDED:
        # Writes have stopped already: of the license's dates only the lockout still matters.
        return [lockout]
    steps = [lockout]
    if deadlines.grace_end < deadlines.read_only_end:
        day = spoken_date(deadlines.grace_end)
        steps.append((deadlines.grace_end, f"Writes stop on {day} unless a new key is installed."))
    if deadlines.expiry < deadlines.grace_end:
        day = spoken_date(deadlines.expiry)
        ends = f"The license expires on {day}; everything keeps working while grace lasts."
        steps.append((deadlines.expiry, ends))
    return steps


def _offline_step(deadlines: Deadlines) -> tuple[datetime, str]:
    when = spoken_moment(deadlines.offline)
    return (deadlines.offline, f"The server locks on {when} unless it checks in before then.")
