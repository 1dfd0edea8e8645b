"""Tell apart the servers that checked in under one identity. PURE.

Each request names the reply that its server had installed, so the check-ins of one server hang
together like a chain. Where two go on from one reply, there are two servers, or one of the two
answers was lost on its way.
"""

from collections.abc import Sequence
from typing import Protocol


class Link(Protocol):
    """What is looked at of a check-in."""

    @property
    def reply_jti(self) -> str:
        """Return the reply's name."""

    @property
    def previous(self) -> str | None:
        """Return the name of the reply that the server had installed."""


def lines(check_ins: Sequence[Link]) -> list[int]:
    """Return for each check-in, oldest first, the number of its line; lines count from 0."""
    parents = _parents(check_ins)
    children: dict[int, list[int]] = {}
    for place, parent in enumerate(parents):
        if parent is not None:
            children.setdefault(parent, []).append(place)
    numbers: list[int] = []
    begun = 0
    for place, parent in enumerate(parents):
        if parent is not None and _goes_on(place, children[parent], children):
            numbers.append(numbers[parent])
        else:
            numbers.append(begun)
            begun += 1
    return numbers


def _parents(check_ins: Sequence[Link]) -> list[int | None]:
    """Return the place of the reply that each check-in goes on from, None when it is unknown."""
    places: dict[str, int] = {}
    found = []
    for place, check_in in enumerate(check_ins):
        found.append(places.get(check_in.previous or ""))
        places[check_in.reply_jti] = place
    return found


def _goes_on(place: int, siblings: list[int], children: dict[int, list[int]]) -> bool:
    """Tell whether the check-in is its line's next one, or one whose answer was lost."""
    heir = next((each for each in siblings if each in children), siblings[-1])
    lost = place not in children and place != siblings[-1]
    return place == heir or lost
