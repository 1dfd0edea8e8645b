"""The time that the license goes by: never behind what was known to have passed. PURE.

The floor is the latest time that is known to have come. It rises with running time, with the
wall clock, and with every moment that the vendor signed; only a fresh reply may lower it. The
wall clock is believed at once when it is ahead, but a lead of more than a day becomes part of
the floor only after a day of running time, so that a bad time server poisons nothing.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sentari.licensing.dates import DAY, moment

ZERO = timedelta()
# What clocks that are set right may differ by.
TOLERANCE = timedelta(minutes=5)
# From here on a clock that had been turned back counts as right again.
CAUGHT_UP = timedelta(minutes=1)
LARGEST_STEP = DAY
TRIAL = DAY
# A lead is counted only while somebody looks.
LONGEST_GLANCE = timedelta(minutes=2)
# What a process that ended may not have saved any more.
UNSAVED = timedelta(minutes=1)
LONGEST_RECORD_INTERVAL = DAY
# The vendor signs whole seconds.
_SIGNED_TO = timedelta(seconds=1)


@dataclass(frozen=True)
class Floor:
    """The floor and what was noticed on the way.

    `resets` counts how often the vendor corrected it: of two floors the one with more of them is
    in force. `skew` is how far the wall clock was ahead of the last fresh reply. `lead` is the
    smallest lead of more than a day that the wall clock had for `lead_for` of running time.
    `rolled_back` tells that the clock's turning back was reported and is not over.
    """

    at: datetime
    resets: int = 0
    skew: timedelta | None = None
    lead: timedelta | None = None
    lead_for: timedelta = ZERO
    rolled_back: bool = False


@dataclass(frozen=True)
class ClockReading:
    """What pages, warnings and metrics tell of the clock.

    `offset` is how far the wall clock is ahead of the floor, `intact` False when the stored
    floor was edited.
    """

    offset: timedelta = ZERO
    skew: timedelta | None = None
    rolled_back: bool = False
    intact: bool = True

    @property
    def skewed(self) -> bool:
        """Tell whether the last fresh reply found the wall clock wrong."""
        return is_skewed(self.skew)

    @property
    def offsets(self) -> dict[str, float]:
        """Return in seconds how far the wall clock is ahead, by what it was compared with."""
        found = {"floor": self.offset.total_seconds()}
        if self.skew is not None:
            found["vendor"] = self.skew.total_seconds()
        return found


def followed(floor: Floor, wall: datetime, elapsed: timedelta) -> Floor:
    """Return the floor after so much running time, with the wall clock where it is now."""
    at = floor.at + max(elapsed, ZERO)
    lead = wall - at
    if lead <= LARGEST_STEP:
        return replace(floor, at=max(at, wall), lead=None, lead_for=ZERO)
    if floor.lead is None:
        return replace(floor, at=at, lead=lead, lead_for=ZERO)
    lead_for = floor.lead_for + min(max(elapsed, ZERO), LONGEST_GLANCE)
    tried = replace(floor, at=at, lead=min(lead, floor.lead), lead_for=lead_for)
    return _adopted(tried, wall) if lead_for >= TRIAL else tried


def _adopted(floor: Floor, wall: datetime) -> Floor:
    """Raise the floor by the lead that lasted; what is ahead of that has to last a day, too."""
    raised = replace(floor, at=floor.at + (floor.lead or ZERO), lead=None, lead_for=ZERO)
    return followed(raised, wall, ZERO)


def merged(ours: Floor | None, stored: Floor) -> Floor:
    """Return what a process knows together with what all of them stored."""
    if ours is None or stored.resets > ours.resets:
        return stored
    if stored.resets < ours.resets:
        return ours  # An older row was put back.
    lead, lead_for = ours.lead, ours.lead_for
    if ours.lead is not None and stored.lead is not None:
        lead, lead_for = min(ours.lead, stored.lead), max(ours.lead_for, stored.lead_for)
    return replace(stored, at=max(ours.at, stored.at), lead=lead, lead_for=lead_for)


def at_least(floor: Floor, known: datetime) -> Floor:
    """Return the floor, raised to a moment that is known to have come."""
    return replace(floor, at=max(floor.at, known))


def confirmed(floor: Floor, wall: datetime, issued_at: int, request_age: timedelta) -> Floor:
    """Return the floor after a fresh reply: the vendor's time lies between two moments.

    It was signed after its request was made and is applied now, so the time is `issued_at` or
    as much later as the request is old. A floor between the two stands as it is.
    """
    earliest = moment(issued_at)
    latest = earliest + max(request_age, ZERO) + _SIGNED_TO
    at = min(max(floor.at, earliest), latest)
    skew = wall - latest if wall > latest else min(wall - earliest, ZERO)
    corrected = at < floor.at or floor.lead is not None
    return Floor(at, floor.resets + corrected, skew)


def is_skewed(skew: timedelta | None) -> bool:
    """Tell whether a wall clock is more than five minutes off the vendor's time."""
    return skew is not None and abs(skew) > TOLERANCE


def is_rolled_back(floor: Floor, wall: datetime) -> bool:
    """Tell whether the wall clock is more than five minutes behind the floor.

    As far as a fresh reply found it wrong already, it was not turned back, or was set right.
    """
    return _behind(floor, wall) > TOLERANCE


def has_caught_up(floor: Floor, wall: datetime) -> bool:
    """Tell whether a wall clock that was turned back is right again."""
    return _behind(floor, wall) <= CAUGHT_UP


def _behind(floor: Floor, wall: datetime) -> timedelta:
    return floor.at - wall - abs(floor.skew or ZERO)


def begun(floor: Floor, wall: datetime) -> Floor:
    """Return the floor at the start of a server.

    With a clock that was turned back, the last minute before the end counts as run: otherwise
    a server that is killed each minute would stand still in time.
    """
    return replace(floor, at=floor.at + UNSAVED) if is_rolled_back(floor, wall) else floor


def record_interval(max_offline_days: int) -> timedelta:
    """Return how far the floor may rise before the audit log is told: a 24th of the budget."""
    return min(timedelta(hours=max_offline_days), LONGEST_RECORD_INTERVAL)


def is_worth_recording(
    floor: Floor, recorded: datetime, issued_at: datetime, max_offline_days: int
) -> bool:
    """Tell whether the audit log has to know how far the floor has come since `recorded`.

    Once the offline budget is over by what is recorded, nothing more can be gained.
    """
    over = recorded - issued_at >= timedelta(days=max_offline_days)
    return not over and floor.at - recorded >= record_interval(max_offline_days)


def rebuilt(known: datetime, recorded: datetime, max_offline_days: int) -> Floor:
    """Return a floor in place of one that is missing although a license is installed.

    `known` is the newest moment that must have come; `recorded` is what the audit log was told
    last of the floor, or the reply's own time. The floor that is gone had not risen further
    than to the next record, so nobody gains by deleting it.
    """
    return Floor(max(known, recorded + record_interval(max_offline_days)))
