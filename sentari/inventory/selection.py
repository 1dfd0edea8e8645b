"""Turn what is asked for into conditions on packages; versions are compared here. Never commits."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import Session, aliased

from sentari.inventory import counts
from sentari.inventory.filters import FilterError
from sentari.inventory.models import DevicePackage, Package
from sentari.inventory.queries import Bound, Query
from sentari.inventory.text import fold
from sentari.inventory.version_order import Range

# Versions are compared one by one, at about 0.1 ms each.
MOST_COMPARED = 5_000

# How many separators of a Python name are tried in all their spellings.
_MOST_SEPARATORS = 3
_SEPARATORS = re.compile(r"[-_.]+")


@dataclass(frozen=True, slots=True)
class Incomparable:
    """A package of the name whose version could not be compared, and why."""

    id: int
    ecosystem: str
    name: str
    version: str
    why: str


@dataclass(frozen=True, slots=True)
class Selection:
    """What packages must be to match; those of which it cannot be told stand beside it."""

    conditions: tuple[ColumnElement[bool], ...]
    incomparable: tuple[Incomparable, ...] = ()


def select_packages(
    session: Session, query: Query, *, ecosystem: str = "", device_id: int | None = None
) -> Selection:
    """Return the selection; FilterError when too many versions would have to be compared."""
    conditions = [*_named(query), on_device(session, device_id)]
    if ecosystem:
        conditions.append(Package.ecosystem == ecosystem)
    return within(session, query.bounds, conditions)


def within(
    session: Session, bounds: Sequence[Bound], conditions: Sequence[ColumnElement[bool]]
) -> Selection:
    """Return the selection of what meets the conditions and keeps the bounds."""
    if not bounds:
        return Selection(tuple(conditions))
    matching, incomparable, asked = [], [], Range(bounds)
    for row in _narrowed(session, conditions):
        verdict = asked.judge(row.ecosystem, row.version)
        if verdict.holds:
            matching.append(row.id)
        elif verdict.why_not:
            incomparable.append(
                Incomparable(row.id, row.ecosystem, row.name, row.version, verdict.why_not)
            )
    incomparable.sort(key=lambda each: (each.name, each.ecosystem, each.version))
    return Selection((Package.id.in_(matching) if matching else false(),), tuple(incomparable))


def on_device(session: Session, device_id: int | None = None) -> ColumnElement[bool]:
    """Return the condition that a package is on this device, or on any."""
    if device_id is None:
        return counts.held(session)
    # An alias: the query around it may read the same table.
    held = aliased(DevicePackage)
    return Package.id.in_(select(held.package_id).where(held.device_id == device_id))


def _narrowed(session: Session, conditions: Sequence[ColumnElement[bool]]) -> Sequence[Any]:
    columns = (Package.id, Package.ecosystem, Package.name, Package.version)
    narrowed = select(*columns).where(*conditions).limit(MOST_COMPARED + 1)
    rows = session.execute(narrowed).all()
    if len(rows) > MOST_COMPARED:
        raise FilterError(
            f"More than {MOST_COMPARED:,} versions have such a name, too many to compare. "
            "Write more of the name, or say the ecosystem."
        )
    return rows


def _named(query: Query) -> Iterator[ColumnElement[bool]]:
    if query.part:
        yield Package.name_folded.contains(fold(query.part), autoescape=True)
    if query.name is not None:
        yield _called(fold(query.name))
    if query.ecosystem is not None:
        yield Package.ecosystem == query.ecosystem
    if query.version is not None:
        yield Package.version == query.version


def _called(name: str) -> ColumnElement[bool]:
    """Return the condition for a whole name, as each ecosystem takes it.

    Python's index tells - _ . apart in no name; of a Maven artifact the group may be left out.
    """
    if "*" in name:
        return Package.name_folded.like(_pattern(name), escape="/")
    spellings = and_(Package.ecosystem == "pypi", Package.name_folded.in_(_spellings(name)))
    conditions: list[Any] = [Package.name_folded == name, spellings]
    if ":" not in name:
        artifact = Package.name_folded.endswith(f":{name}", autoescape=True)
        conditions.append(and_(Package.ecosystem == "maven", artifact))
    return or_(*conditions)


def _pattern(name: str) -> str:
    escaped = re.sub("[/%_]", r"/\g<0>", name)
    return escaped.replace("*", "%")


def _spellings(name: str) -> list[str]:
    first, *others = _SEPARATORS.split(name)
    if len(others) > _MOST_SEPARATORS:
        return [name, *(separator.join([first, *others]) for separator in "-_.")]
    found = [first]
    for other in others:
        found = [start + separator + other for start in found for separator in "-_."]
    return found
