"""What a scan changed on its device, as people tell it: upgraded, downgraded, added, removed. PURE.

The history keeps which packages came and which went. A version that went and one that came of the
same package belong together; several versions may lie side by side, so which belongs to which is
found by what they have in common.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
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


def tell_changes(added: Iterable[PackageKey], removed: Iterable[PackageKey]) -> list[PackageChange]:
    """Return the changes, by kind and then by name."""
    came, went = _by_name(added), _by_name(removed)
    found: list[PackageChange] = []
    for ecosystem, name in came.keys() | went.keys():
        pairs = _pairs(went[ecosystem, name], came[ecosystem, name])
        found += [_told(ecosystem, name, before, after) for before, after in pairs]
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


def _pairs(
    went: Sequence[str], came: Sequence[str]
) -> list[tuple[str, None] | tuple[None, str] | tuple[str, str]]:
    """Put versions that went together with versions that came; what is left stays alone."""
    if not (went and came):
        return [*((before, None) for before in went), *((None, after) for after in came)]
    old, new = (sorted(each, key=_order, reverse=True) for each in (went, came))
    pairs: list[tuple[str, None] | tuple[None, str] | tuple[str, str]] = []
    for before, after in _candidates(old, new):
        # Two texts for one version are no step in either direction.
        if before in old and after in new and _order(before)[0] != _order(after)[0]:
            old.remove(before)
            new.remove(after)
            pairs.append((before, after))
    pairs += [(before, None) for before in old]
    return pairs + [(None, after) for after in new]


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


def _told(ecosystem: str, name: str, before: str | None, after: str | None) -> PackageChange:
    if before is None:
        change = Change.ADDED
    elif after is None:
        change = Change.REMOVED
    else:
        rises = _order(after) > _order(before)
        change = Change.UPGRADED if rises else Change.DOWNGRADED
    return PackageChange(change, ecosystem, name, before, after)


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
