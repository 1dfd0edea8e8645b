"""Find packages and the devices that have them. Never commits."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from sentari.inventory.filters import Order, PackageFilter
from sentari.inventory.models import Device, DevicePackage, Package
from sentari.inventory.queries import Bound
from sentari.inventory.selection import Selection, on_device, select_packages, within
from sentari.inventory.text import fold
from sentari.inventory.version_order import highest_first
from serverkit.paging import Page

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
    total = session.scalar(select(func.count()).select_from(matching.subquery()))
    query = _ordered(matching, asked.order).limit(page_size).offset((page - 1) * page_size)
    rows = session.execute(query).all()
    counts = _device_counts(session, [row.id for row in rows])
    items = [_package_row(row, counts.get(row.id, 0)) for row in rows]
    return Found(items, total or 0, page, page_size, incomparable(session, selection))


def incomparable(session: Session, selection: Selection) -> list[PackageRow]:
    """Return the packages of which it cannot be told whether they match."""
    left = selection.incomparable
    counts = _device_counts(session, [each.id for each in left])
    return [
        PackageRow(each.id, each.ecosystem, each.name, each.version, count, each.why)
        for each in left
        if (count := counts.get(each.id))
    ]


def every_package(session: Session, asked: PackageFilter) -> Iterator[PackageRow]:
    """Return all packages that match, without holding them in memory.

    Those of which it cannot be told come last, each with the reason.
    """
    # Now, not when the first row is asked for: what cannot be done is to be said at once.
    selection = select_packages(session, asked.query, ecosystem=asked.ecosystem)
    return _every_package(session, selection, asked.order)


def _every_package(session: Session, selection: Selection, order: Order) -> Iterator[PackageRow]:
    counts = _counts().subquery()
    query = (
        _ordered(_matching(selection), order)
        .join(counts, counts.c.package_id == Package.id)
        .add_columns(counts.c.device_count)
        .execution_options(yield_per=1000)
    )
    for row in session.execute(query):
        yield _package_row(row, row.device_count)
    yield from incomparable(session, selection)


def ecosystems(session: Session, device: Device | None = None) -> dict[str, int]:
    """Return the ecosystems that are on devices (or on one), with their numbers of packages."""
    query = select(Package.ecosystem, func.count())
    query = query.group_by(Package.ecosystem).order_by(Package.ecosystem)
    if device is None:
        query = query.where(on_device(None))
    else:
        query = query.join(DevicePackage, DevicePackage.package_id == Package.id)
        query = query.where(DevicePackage.device_id == device.id)
    return {row[0]: row[1] for row in session.execute(query)}


def package_versions(session: Session, ecosystem: str, name: str) -> list[PackageRow]:
    """Return the versions of a package that are on devices, the highest first."""
    counts = _counts().subquery()
    query = (
        select(Package.id, Package.ecosystem, Package.name, Package.version, counts.c.device_count)
        .join(counts, counts.c.package_id == Package.id)
        .where(*_named(name, ecosystem))
    )
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
    return _holder_page(session, _holders(name, ecosystem, version), page, page_size)


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
    selection = within(session, bounds, [*_named(name, ecosystem), on_device(None)])
    query = _holders(name, ecosystem, None).where(*selection.conditions)
    found = _holder_page(session, query, page, page_size)
    return found, incomparable(session, selection)


def every_holder(
    session: Session, name: str, ecosystem: str | None = None, version: str | None = None
) -> Iterator[Holder]:
    """Yield all of them, without holding them in memory."""
    query = _holders(name, ecosystem, version).execution_options(yield_per=500)
    for row in session.execute(query):
        yield _holder(row)


def device_inventory(
    session: Session, device: Device, asked: PackageFilter, *, page: int, page_size: int
) -> Page[Holder]:
    """Return one page of a device's packages with their locations."""
    matching = _on_this_device(session, device, asked)
    total = session.scalar(select(func.count()).select_from(matching.subquery()))
    query = _ordered(matching, asked.order).add_columns(DevicePackage.locations)
    rows = session.execute(query.limit(page_size).offset((page - 1) * page_size))
    return Page([_of_device(device, row) for row in rows], total or 0, page, page_size)


def whole_inventory(
    session: Session, device: Device, asked: PackageFilter | None = None
) -> list[Holder]:
    """Return all packages of one device, or those that match."""
    asked = asked or PackageFilter()
    matching = _on_this_device(session, device, asked)
    query = _ordered(matching, asked.order).add_columns(DevicePackage.locations)
    return [_of_device(device, row) for row in session.execute(query)]


def _holder_page(session: Session, query: Query, page: int, page_size: int) -> Page[Holder]:
    total = session.scalar(select(func.count()).select_from(query.subquery()))
    rows = session.execute(query.limit(page_size).offset((page - 1) * page_size))
    return Page([_holder(row) for row in rows], total or 0, page, page_size)


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


def _counts() -> Query:
    counted = func.count().label("device_count")
    return select(DevicePackage.package_id, counted).group_by(DevicePackage.package_id)


def _device_counts(session: Session, package_ids: Sequence[int]) -> dict[int, int]:
    query = _counts().where(DevicePackage.package_id.in_(package_ids))
    return {row[0]: row[1] for row in session.execute(query)}


def _ordered(query: Query, order: Order) -> Query:
    by_name = (Package.name_folded, Package.name, Package.ecosystem, Package.version)
    columns: dict[str, Any] = {
        "name": Package.name_folded,
        "ecosystem": Package.ecosystem,
        "version": Package.version,
    }
    column = columns.get(order.column)
    if column is None:
        counts = _counts().subquery("sorted_by")
        query = query.join(counts, counts.c.package_id == Package.id)
        column = counts.c.device_count
    return query.order_by(column.desc() if order.falling else column.asc(), *by_name, Package.id)


def _holders(name: str, ecosystem: str | None, version: str | None) -> Query:
    query: Query = (
        select(
            Device.uid,
            Device.hostname,
            Package.ecosystem,
            Package.name,
            Package.version,
            DevicePackage.locations,
        )
        .join(DevicePackage, DevicePackage.package_id == Package.id)
        .join(Device, Device.id == DevicePackage.device_id)
        .where(*_named(name, ecosystem))
        .order_by(func.lower(Device.hostname), Device.id, Package.version, Package.id)
    )
    return query if version is None else query.where(Package.version == version)


def _holder(row: Any) -> Holder:
    uid, hostname, ecosystem, package, version, locations = row
    return Holder(uid, hostname, ecosystem, package, version, json.loads(locations))


def _of_device(device: Device, row: Any) -> Holder:
    return Holder(
        device.uid, device.hostname, row.ecosystem, row.name, row.version, json.loads(row.locations)
    )
