"""Where everything stands in a small chart of one number over time. PURE.

Units are those of the picture: about a CSS pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HEIGHT = 170
MOST_POINTS = 200
_TOP, _BOTTOM, _LEFT, _RIGHT = 14, 24, 52, 8
_FEW_POINTS = 32
_ROOM_FOR_FIVE = 400
_STEPS = (1, 2, 5, 10)
_MOST_TICKS = 4

Point = tuple[datetime, int]


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where it stands and what it says."""

    at: float
    text: str


@dataclass(frozen=True)
class Chart:
    """One drawing; `limit` is the height of the limit's line, None where it is not in sight."""

    width: int
    height: int
    left: float
    right: float
    top: float
    base: float
    line: str
    area: str
    dots: tuple[tuple[float, float], ...]
    levels: tuple[Tick, ...]
    days: tuple[Tick, ...]
    limit: float | None


def draw(
    points: Sequence[Point], *, start: datetime, end: datetime, width: int, limit: int | None = None
) -> Chart:
    """Return the chart of at least one point, oldest first, between two moments.

    The limit is drawn when it would not press the line flat to the ground.
    """
    thin = _thinned(points, start, end)
    most = max(value for _, value in thin)
    in_sight = limit is not None and limit <= 4 * max(most, 1)
    top_value = max(most, limit if in_sight and limit is not None else 0, 1)
    levels = _levels(top_value)
    scale = _Scale(start, end, width, max(levels[-1], top_value))
    places = [(scale.x(at), scale.y(value)) for at, value in thin]
    line = " ".join(f"{x},{y}" for x, y in places)
    return Chart(
        width=width,
        height=HEIGHT,
        left=_LEFT,
        right=width - _RIGHT,
        top=_TOP,
        base=scale.y(0),
        line=line,
        area=f"{places[0][0]},{scale.y(0)} {line} {places[-1][0]},{scale.y(0)}",
        dots=tuple(places) if len(places) <= _FEW_POINTS else (places[-1],),
        levels=tuple(Tick(scale.y(level), short(level)) for level in levels),
        days=_days(scale),
        limit=scale.y(limit) if in_sight and limit is not None else None,
    )


@dataclass(frozen=True)
class _Scale:
    start: datetime
    end: datetime
    width: int
    top_value: int

    def x(self, at: datetime) -> float:
        share = (at - self.start) / (self.end - self.start)
        return round(_LEFT + share * (self.width - _LEFT - _RIGHT), 1)

    def y(self, value: int) -> float:
        room = HEIGHT - _TOP - _BOTTOM
        return round(_TOP + room * (1 - value / self.top_value), 1)


def _thinned(points: Sequence[Point], start: datetime, end: datetime) -> list[Point]:
    """Return the last point of each of at most MOST_POINTS stretches of time."""
    if len(points) <= MOST_POINTS:
        return list(points)
    stretch = (end - start) / MOST_POINTS
    last = {int((at - start) / stretch): (at, value) for at, value in points}
    return [last[number] for number in sorted(last)]


def _levels(most: int) -> list[int]:
    """Return round numbers from 0 up to what is just enough for the greatest value."""
    size = 1
    while True:
        for step in _STEPS:
            if most <= step * size * _MOST_TICKS:
                each = step * size
                return [each * number for number in range(-(-most // each) + 1)]
        size *= 10


def _days(scale: _Scale) -> tuple[Tick, ...]:
    span = scale.end - scale.start
    parts = 4 if scale.width >= _ROOM_FOR_FIVE else 2
    found = []
    for number in range(parts + 1):
        at = scale.start + span * number / parts
        found.append(Tick(scale.x(at), _when(at, span)))
    return tuple(found)


def _when(at: datetime, span: timedelta) -> str:
    utc = at.astimezone(UTC)
    return f"{utc:%H:%M}" if span <= timedelta(days=2) else f"{utc.day} {utc:%b}"


def short(value: int) -> str:
    """Return a number in at most five characters: 950, 12k, 1.5M."""
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if value >= size:
            text = f"{value / size:.1f}".rstrip("0").rstrip(".")
            return f"{text}{letter}"
    return str(value)
