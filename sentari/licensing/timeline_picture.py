"""Where everything stands in the picture of a license's time, to scale. PURE.

Units are those of the picture: about a CSS pixel, and a character is CHARACTER units wide.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import combinations, pairwise, permutations, product

from sentari.licensing.dates import DAY, spoken_date, spoken_moment
from sentari.licensing.state import Deadlines, LicenseStatus, State
from sentari.licensing.timeline import Mark, Moment, moments

WIDE, NARROW = 640, 320
TRACK_TOP, TRACK_HEIGHT = 26, 24
CHARACTER = 6.0
LINE = 15
_MARGIN = 0.06
_GAP = 8  # half of it on either side of the words
_CLOSE = 2  # a line may come so far into the gap
_FIRST_ROW = TRACK_TOP + TRACK_HEIGHT + 14
_HOURS_MATTER = 3 * DAY


class Stage(StrEnum):
    """What the server does in one part of the picture."""

    FULL = "full"
    GRACE = "grace"
    READ_ONLY = "read_only"
    LOCKED = "locked"


_STAGE_NAMES = {
    Stage.FULL: "Everything works",
    Stage.GRACE: "Grace",
    Stage.READ_ONLY: "Read-only",
    Stage.LOCKED: "Locked",
}
_NAMES = {
    Mark.TODAY: "Today",
    Mark.EXPIRY: "License expires",
    Mark.READ_ONLY: "Writes stop",
    Mark.LOCKOUT: "Lockout",
    Mark.OFFLINE: "Offline deadline",
}
_UNDRAWN = (State.TAMPERED, State.REVOKED)


@dataclass(frozen=True)
class Part:
    """A stretch of the track; `name` is None where it has no room for it."""

    stage: Stage
    x: float
    width: float
    name: str | None


@dataclass(frozen=True)
class Label:
    """A mark's words: `x` is its moment, and the lines begin or end there, at row `row`."""

    mark: Mark
    x: float
    lines: tuple[str, ...]
    leftwards: bool
    row: int

    @property
    def width(self) -> float:
        """Return how much room the words take."""
        return max(map(len, self.lines)) * CHARACTER + _GAP

    @property
    def span(self) -> tuple[float, float]:
        """Return the left and right end of the words, the mark itself included."""
        return (self.x - self.width, self.x) if self.leftwards else (self.x, self.x + self.width)


@dataclass(frozen=True)
class Picture:
    """One drawing of the track; `labels` hang below it, `today` stands above."""

    width: int
    height: float
    parts: tuple[Part, ...]
    today: Label
    labels: tuple[Label, ...]
    description: str

    @property
    def today_at_end(self) -> bool:
        """Tell whether today's words end with the picture: from their mark they would not fit."""
        return self.today.span[1] > self.width

    def top(self, label: Label) -> float:
        """Return the base line of a label's first line."""
        lines = max((len(each.lines) for each in self.labels), default=0)
        return _FIRST_ROW + LINE * 0.75 + label.row * (lines * LINE + _GAP)

    def bottom(self, label: Label) -> float:
        """Return where the line down to a label ends."""
        return self.top(label) + (len(label.lines) - 1) * LINE


def draw(status: LicenseStatus, width: int) -> Picture | None:
    """Return the picture, at least 300 units wide.

    There is none without a license, nor where its dates decide nothing any more.
    """
    deadlines = status.deadlines
    if deadlines is None or status.state in _UNDRAWN:
        return None
    found = moments(status)
    scale = _Scale.over([moment.at for moment in found], width)
    hours = found[-1].at - found[0].at < _HOURS_MATTER
    hung = [moment for moment in found if moment.mark is not Mark.TODAY]
    labels = _arranged([_label(each, scale, hours) for each in hung], width)
    now = next(moment for moment in found if moment.mark is Mark.TODAY)
    rows = max(label.row for label in labels) + 1
    return Picture(
        width=width,
        height=_FIRST_ROW + rows * (len(labels[0].lines) * LINE + _GAP),
        parts=tuple(_parts(status, deadlines, scale)),
        today=_today(now, scale, hours),
        labels=labels,
        description=_description(found, hours),
    )


@dataclass(frozen=True)
class _Scale:
    start: datetime
    end: datetime
    width: int

    @classmethod
    def over(cls, instants: Sequence[datetime], width: int) -> "_Scale":
        """Return the scale that has all instants inside, with a margin on either side."""
        first, last = min(instants), max(instants)
        margin = (last - first) * _MARGIN or timedelta(hours=1)
        return cls(first - margin, last + margin, width)

    def x(self, at: datetime) -> float:
        share = (at - self.start) / (self.end - self.start)
        return round(self.width * share, 2)


def _label(moment: Moment, scale: _Scale, hours: bool) -> Label:
    lines = (_NAMES[moment.mark], *_when(moment.at, hours))
    return Label(moment.mark, scale.x(moment.at), lines, leftwards=False, row=0)


def _today(moment: Moment, scale: _Scale, hours: bool) -> Label:
    line = f"Today, {', '.join(_when(moment.at, hours))}"
    return Label(moment.mark, scale.x(moment.at), (line,), leftwards=False, row=0)


def _when(at: datetime, hours: bool) -> tuple[str, ...]:
    day, month, year = spoken_date(at).split()
    short = f"{day} {month[:3]} {year}"
    return (short, f"{at.astimezone(UTC):%H:%M} UTC") if hours else (short,)


def _description(found: Sequence[Moment], hours: bool) -> str:
    say = spoken_moment if hours else spoken_date
    told = (f"{_NAMES[each.mark]}: {say(each.at)}" for each in found)
    return "In the order of time: " + "; ".join(told) + "."


def _parts(status: LicenseStatus, deadlines: Deadlines, scale: _Scale) -> Iterator[Part]:
    changes = [deadlines.expiry, deadlines.grace_end, deadlines.read_only_end, deadlines.offline]
    if status.since is not None:
        changes.append(status.since)
    inside = {at for at in changes if scale.start < at < scale.end}
    edges = [scale.start, *sorted(inside), scale.end]
    stretches = [(_stage(status, deadlines, start), start, end) for start, end in pairwise(edges)]
    for stage, start, end in _joined(stretches):
        x, until = scale.x(start), scale.x(end)
        name = _STAGE_NAMES[stage]
        fits = until - x >= len(name) * CHARACTER + _GAP
        yield Part(stage, x, round(until - x, 2), name if fits else None)


Stretch = tuple[Stage, datetime, datetime]


def _joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Return the stretches with neighbors of one stage made one."""
    joined: list[Stretch] = []
    for stage, start, end in stretches:
        again = bool(joined) and joined[-1][0] is stage
        joined.append((stage, joined.pop()[1] if again else start, end))
    return joined


def _stage(status: LicenseStatus, deadlines: Deadlines, at: datetime) -> Stage:
    """Return the stage at a moment; an offline deadline that is still ahead moves on by itself."""
    lapsed = deadlines.offline <= status.evaluated_at and at >= deadlines.offline
    if lapsed or at >= deadlines.read_only_end:
        return Stage.LOCKED
    suspended = status.state is State.SUSPENDED and (status.since is None or at >= status.since)
    if suspended or at >= deadlines.grace_end:
        return Stage.READ_ONLY
    return Stage.GRACE if at >= deadlines.expiry else Stage.FULL


def _arranged(labels: Sequence[Label], width: int) -> tuple[Label, ...]:
    """Return the labels side by side where they fit, else in as few rows as possible.

    Words never overlap. Where a line must pass behind words, that is once.
    """
    sides = ([side for side in _sides(label) if _inside(side, width)] for label in labels)
    tried = (_hung(order) for chosen in product(*sides) for order in permutations(chosen))
    return tuple(sorted(min(tried, key=_cost), key=lambda label: (label.x, label.row)))


def _sides(label: Label) -> tuple[Label, Label]:
    return label, replace(label, leftwards=True)


def _inside(label: Label, width: int) -> bool:
    left, right = label.span
    return left >= 0 and right <= width


def _hung(labels: Sequence[Label]) -> list[Label]:
    """Return the labels, each in the highest row with room for it."""
    placed: list[Label] = []
    for label in labels:
        rows = [replace(label, row=row) for row in range(len(placed) + 1)]
        free = [each for each in rows if not any(_overlap(each, other) for other in placed)]
        clear = (each for each in free if not any(_cross(each, other) for other in placed))
        placed.append(next(clear, free[0]))
    return placed


def _cost(labels: Iterable[Label]) -> tuple[int, int, int]:
    crossings = sum(_cross(one, other) for one, other in combinations(labels, 2))
    rows = sum(label.row for label in labels)
    return crossings, rows, sum(label.leftwards for label in labels)


def _overlap(one: Label, other: Label) -> bool:
    (left, right), (other_left, other_right) = one.span, other.span
    return one.row == other.row and left < other_right and other_left < right


def _cross(one: Label, other: Label) -> bool:
    """Tell whether the line down to the lower label passes through the words of the upper."""
    upper, lower = (one, other) if one.row < other.row else (other, one)
    left, right = upper.span
    return upper.row < lower.row and left + _CLOSE < lower.x < right - _CLOSE
