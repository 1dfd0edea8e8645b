"""What a scan changed on its device, as people tell it: upgraded, downgraded, added, removed. PURE.

The history keeps which packages came and which went. A version that went and one that came of the
same package belong together; several versions may lie side by side, so which belongs to which is
found by what they have in common.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from sentari.inventory.records import PackageKey
from sentari.inventory.versions import VersionKey, version_key

_PARTS = re.compile(r"\d+|[a-z]+", re.IGNORECASE | re.ASCII)
# Beyond this many pairs to choose from, versions are put together in their order alone.
_MOST_CANDIDATES = 400


class Change(StrEnum):
    """What happened to a package, in the order in which it is told."""

    UPGRADED = "upgraded"
    DOWNGRADED = "downgraded"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class PackageChange:
    """One change; `before` is None of what was added, `after` of what was removed."""

    change: Change
    ecosystem: str
    name: str
    before: str | None
    after: str | None


# Ecosystem and two versions: below, at or above 0 as the first comes before the second, or after.
Compare = Callable[[str, str, str], int]


def tell_changes(
    added: Iterable[PackageKey], removed: Iterable[PackageKey], compare: Compare
) -> list[PackageChange]:
    """Return the changes, by kind and then by name."""
    came, went = _by_name(added), _by_name(removed)
    found: list[PackageChange] = []
    for key in came.keys() | went.keys():
        found += _steps(key, went[key], came[key], compare)
    return sorted(found, key=_place)


def count_changes(changes: Iterable[PackageChange]) -> dict[Change, int]:
    """Return how many there are of each kind."""
    counts = dict.fromkeys(Change, 0)
    for each in changes:
        counts[each.change] += 1
    return counts


def _by_name(keys: Iterable[PackageKey]) -> defaultdict[tuple[str, str], list[str]]:
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for key in keys:
        found[key.ecosystem, key.name].append(key.version)
    return found


def _steps(
    key: tuple[str, str], went: Sequence[str], came: Sequence[str], compare: Compare
) -> Iterator[PackageChange]:
    """Put versions that went together with versions that came; what is left stays alone."""
    ecosystem, name = key
    old, new = (sorted(each, key=_order, reverse=True) for each in (went, came))
    for before, after in _candidates(old, new):
        if before not in old or after not in new:
            continue
        order = compare(ecosystem, before, after)
        # Two texts for one version are no step in either direction.
        if order:
            old.remove(before)
            new.remove(after)
            change = Change.UPGRADED if order < 0 else Change.DOWNGRADED
            yield PackageChange(change, ecosystem, name, before, after)
    for before in old:
        yield PackageChange(Change.REMOVED, ecosystem, name, before, None)
    for after in new:
        yield PackageChange(Change.ADDED, ecosystem, name, None, after)


def _candidates(old: Sequence[str], new: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs to try: first those with the most in common, then the highest versions."""
    if len(old) * len(new) > _MOST_CANDIDATES:
        return list(zip(old, new, strict=False))
    pairs = [(before, after) for before in old for after in new]
    if len(pairs) == 1:
        return pairs
    # The sort is stable: pairs with as much in common stay in the order of their versions.
    return sorted(pairs, key=lambda pair: -_in_common(*pair))


def _in_common(one: str, other: str) -> int:
    """Return how many parts two versions begin with together."""
    count = 0
    for left, right in zip(_PARTS.findall(one), _PARTS.findall(other), strict=False):
        if left != right:
            break
        count += 1
    return count


@lru_cache(maxsize=8_192)
def _order(version: str) -> tuple[VersionKey, str]:
    return version_key(version), version


_RANKS = {change: rank for rank, change in enumerate(Change)}


def _place(change: PackageChange) -> tuple[int, str, str, str, str]:
    version = change.before if change.after is None else change.after
    return (
        _RANKS[change.change],
        change.name.casefold(),
        change.name,
        change.ecosystem,
        version or "",
    )
