"""Find packages and the devices that have them. Never commits."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from sentari.inventory import counts
from sentari.inventory.filters import Order, PackageFilter
from sentari.inventory.models import Device, DevicePackage, Package
from sentari.inventory.queries import EVERYTHING, Bound
from sentari.inventory.selection import Selection, on_device, select_packages, within
from sentari.inventory.text import fold
from sentari.inventory.version_order import highest_first
from serverkit.paging import By, Page, read_page

Locations = list[dict[str, str]]
Query = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class PackageRow:
    """A distinct package and on how many devices it is.

    `why` says why its version could not be compared; it is empty for all that match.
    """

    id: int
    ecosystem: str
    name: str
    version: str
    device_count: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Holder:
    """A package on a device, and where it lies there."""

    device_uid: str
    hostname: str
    ecosystem: str
    name: str
    version: str
    locations: Locations


@dataclass(frozen=True)
class Found(Page[PackageRow]):
    """One page of packages, and all of those of which it cannot be told whether they match."""

    incomparable: Sequence[PackageRow] = ()


def search_packages(
    session: Session,
    asked: PackageFilter,
    *,
    page: int,
    page_size: int,
    device_id: int | None = None,
) -> Found:
    """Return one page of the packages that match and are on a device (or on the one given)."""
    selection = select_packages(
        session, asked.query, ecosystem=asked.ecosystem, device_id=device_id
    )
    matching = _matching(selection)
    if device_id is None and asked.query == EVERYTHING:
        kept = counts.packages_by_ecosystem(session)
        total = kept.get(asked.ecosystem, 0) if asked.ecosystem else sum(kept.values())
    else:
        total = _count(session, matching)
    query, order = _ordered(session, matching, asked.order)
    rows = read_page(session, query, order, total, page, page_size)
    found = counts.device_counts(session, [row.id for row in rows])
    items = [_package_row(row, found.get(row.id, 0)) for row in rows]
    return Found(items, total, page, page_size, incomparable(session, selection))


def incomparable(session: Session, selection: Selection) -> list[PackageRow]:
    """Return the packages of which it cannot be told whether they match."""
    left = selection.incomparable
    found = counts.device_counts(session, [each.id for each in left])
    return [
        PackageRow(each.id, each.ecosystem, each.name, each.version, count, each.why)
        for each in left
        if (count := found.get(each.id))
    ]


def every_package(session: Session, asked: PackageFilter) -> Iterator[PackageRow]:
    """Return all packages that match, without holding them in memory.

    Those of which it cannot be told come last, each with the reason.
    """
    # Now, not when the first row is asked for: what cannot be done is to be said at once.
    selection = select_packages(session, asked.query, ecosystem=asked.ecosystem)
    return _every_package(session, selection, asked.order)


def _every_package(session: Session, selection: Selection, order: Order) -> Iterator[PackageRow]:
    query, by = _ordered(session, _matching(selection), order)
    if order.column != "device_count":
        query, _ = _counted(session, query)
    query = query.order_by(*(each.clause() for each in by))
    for row in session.execute(query.execution_options(yield_per=1000)):
        yield _package_row(row, row.device_count)
    yield from incomparable(session, selection)


def ecosystems_of(device: Device) -> dict[str, int]:
    """Return the ecosystems of a device's packages, with how many it has of each."""
    return dict(sorted(json.loads(device.ecosystems).items()))


def package_versions(session: Session, ecosystem: str, name: str) -> list[PackageRow]:
    """Return the versions of a package that are on devices, the highest first."""
    named: Query = select(Package.id, Package.ecosystem, Package.name, Package.version)
    query, count = _counted(session, named.where(*_named(name, ecosystem)))
    query = query.where(count > 0)
    rows = {row.version: _package_row(row, row.device_count) for row in session.execute(query)}
    return [rows[version] for version in highest_first(ecosystem, rows)]


def package_holders(
    session: Session,
    name: str,
    ecosystem: str | None = None,
    version: str | None = None,
    *,
    page: int,
    page_size: int,
) -> Page[Holder]:
    """Return one page of the devices that have the package, one row per device and version."""
    conditions = _named(name, ecosystem)
    if version is not None:
        conditions.append(Package.version == version)
    return _holder_page(session, conditions, page, page_size)


def holders_within(
    session: Session,
    name: str,
    ecosystem: str | None,
    bounds: Sequence[Bound],
    *,
    page: int,
    page_size: int,
) -> tuple[Page[Holder], list[PackageRow]]:
    """Return the same for versions within bounds, and the packages that cannot be compared."""
    named = _named(name, ecosystem)
    selection = within(session, bounds, [*named, on_device(session)])
    found = _holder_page(session, [*named, *selection.conditions], page, page_size)
    return found, incomparable(session, selection)


def every_holder(
    session: Session, name: str, ecosystem: str | None = None, version: str | None = None
) -> Iterator[Holder]:
    """Yield all of them, without holding them in memory."""
    conditions = _named(name, ecosystem)
    if version is not None:
        conditions.append(Package.version == version)
    query = _holders(conditions).add_columns(DevicePackage.locations)
    query = query.order_by(*(by.clause() for by in _HOLDER_ORDER))
    for row in session.execute(query.execution_options(yield_per=500)):
        yield _holder(row, row.locations)


def device_inventory(
    session: Session, device: Device, asked: PackageFilter, *, page: int, page_size: int
) -> Page[Holder]:
    """Return one page of a device's packages with their locations."""
    matching = _on_this_device(session, device, asked)
    total = _count(session, matching)
    query, order = _ordered(session, matching, asked.order)
    query = query.add_columns(DevicePackage.locations)
    rows = read_page(session, query, order, total, page, page_size)
    return Page([_of_device(device, row) for row in rows], total, page, page_size)


def whole_inventory(
    session: Session, device: Device, asked: PackageFilter | None = None
) -> list[Holder]:
    """Return all packages of one device, or those that match."""
    asked = asked or PackageFilter()
    matching = _on_this_device(session, device, asked)
    query, order = _ordered(session, matching, asked.order)
    query = query.add_columns(DevicePackage.locations).order_by(*(by.clause() for by in order))
    return [_of_device(device, row) for row in session.execute(query)]


def _holder_page(
    session: Session, conditions: Sequence[ColumnElement[bool]], page: int, page_size: int
) -> Page[Holder]:
    named: Query = select(Package.id).where(*conditions)
    query, count = _counted(session, named)
    total = int(session.scalar(query.with_only_columns(func.sum(count))) or 0)
    rows = read_page(session, _holders(conditions), _HOLDER_ORDER, total, page, page_size)
    # Only now, for those that are shown: they are long, and sorting would carry them along.
    places = _locations(session, {(row.device_id, row.package_id) for row in rows})
    found = ((row, places.get((row.device_id, row.package_id))) for row in rows)
    # What went in between is not shown.
    items = [_holder(row, place) for row, place in found if place is not None]
    return Page(items, total, page, page_size)


def _locations(session: Session, pairs: Collection[tuple[int, int]]) -> dict[tuple[int, int], str]:
    held = DevicePackage
    query = select(held.device_id, held.package_id, held.locations).where(
        held.device_id.in_({device for device, _ in pairs}),
        held.package_id.in_({package for _, package in pairs}),
    )
    return {(row.device_id, row.package_id): row.locations for row in session.execute(query)}


def _package_row(row: Any, device_count: int) -> PackageRow:
    return PackageRow(row.id, row.ecosystem, row.name, row.version, device_count)


def _matching(selection: Selection) -> Query:
    query: Query = select(Package.id, Package.ecosystem, Package.name, Package.version)
    return query.where(*selection.conditions)


def _on_this_device(session: Session, device: Device, asked: PackageFilter) -> Query:
    selection = select_packages(
        session, asked.query, ecosystem=asked.ecosystem, device_id=device.id
    )
    query = _matching(selection).join(DevicePackage, DevicePackage.package_id == Package.id)
    return query.where(DevicePackage.device_id == device.id)


def _named(name: str, ecosystem: str | None) -> list[ColumnElement[bool]]:
    # The folded name is indexed; the verbatim one decides.
    conditions = [Package.name_folded == fold(name), Package.name == name]
    return conditions if ecosystem is None else [*conditions, Package.ecosystem == ecosystem]


def _count(session: Session, query: Query) -> int:
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def _counted(session: Session, query: Query) -> tuple[Query, ColumnElement[int]]:
    """Return the query with the column `device_count`, and that column."""
    query, count = counts.with_device_count(session, query)
    return query.add_columns(count.label("device_count")), count


def _ordered(session: Session, query: Query, order: Order) -> tuple[Query, list[By]]:
    """Return the query and what it is to be sorted by; by numbers of devices, these with it."""
    names = (Package.name_folded, Package.name, Package.ecosystem, Package.version, Package.id)
    columns: dict[str, Any] = {
        "name": Package.name_folded,
        "ecosystem": Package.ecosystem,
        "version": Package.version,
    }
    column = columns.get(order.column)
    if column is None:
        query, column = _counted(session, query)
    return query, [By(column, order.falling), *map(By, names)]


_HOLDER_ORDER = (
    By(func.lower(Device.hostname)),
    By(Device.id),
    By(Package.version),
    By(Package.id),
)


def _holders(conditions: Sequence[ColumnElement[bool]]) -> Query:
    query: Query = select(
        DevicePackage.device_id,
        DevicePackage.package_id,
        Device.uid,
        Device.hostname,
        Package.ecosystem,
        Package.name,
        Package.version,
    )
    return (
        query.join(DevicePackage, DevicePackage.package_id == Package.id)
        .join(Device, Device.id == DevicePackage.device_id)
        .where(*conditions)
    )


def _holder(row: Any, locations: str) -> Holder:
    return Holder(
        row.uid, row.hostname, row.ecosystem, row.name, row.version, json.loads(locations)
    )


def _of_device(device: Device, row: Any) -> Holder:
    return Holder(
        device.uid, device.hostname, row.ecosystem, row.name, row.version, json.loads(row.locations)
    )
