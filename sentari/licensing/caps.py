"""The two caps, exact under concurrency: the check and the change are one statement.

Called inside the caller's write transaction, and before anything is written to the audit log:
everywhere the totals row is locked first and the audit head second, so that no two writers wait
for each other.
"""

from typing import cast

from sqlalchemy import BigInteger, CursorResult, Update, case, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Session

from sentari.inventory.models import Device, DevicePackage, InventoryTotals
from sentari.licensing.state import LicenseStatus, Usage
from serverkit.problems import Problem

SETTINGS_PATH = "/settings/license"
RETRY_AFTER_SECONDS = 3600
_ROW = 1


def take_device_place(session: Session, status: LicenseStatus) -> None:
    """Count a new device; raise Problem 402 `device_limit_reached` when it does not fit.

    To be called before the device is inserted. The rows themselves are counted, under the
    totals row's lock: an edited total must give no place.
    """
    limit = status.limits.devices
    _change(session, InventoryTotals.devices, InventoryTotals.devices)
    used = session.scalar(select(func.count()).select_from(Device)) or 0
    if limit is not None and used >= limit:
        raise _limit_reached(status, "device", used, limit)
    _change(session, InventoryTotals.devices, used + 1)


def release_device_places(session: Session, count: int = 1) -> None:
    """Count devices that were removed."""
    _lower(session, InventoryTotals.devices, count)


def change_packages(session: Session, status: LicenseStatus, delta: int) -> None:
    """Count the change of tracked packages that a scan makes.

    Raise Problem 402 `package_limit_reached` when it would take the total over the cap; what
    does not raise the total always fits, even when the total is over the cap already.
    """
    limit = status.limits.packages
    if delta <= 0:
        release_packages(session, -delta)
    elif not _raise(session, InventoryTotals.packages, delta, limit):
        raise _limit_reached(status, "package", usage(session).packages, limit)


def release_packages(session: Session, count: int) -> None:
    """Count tracked packages that went, with a removed device for example."""
    _lower(session, InventoryTotals.packages, count)


def usage(session: Session) -> Usage:
    """Return what is counted at this moment."""
    row = session.execute(select(InventoryTotals.devices, InventoryTotals.packages)).one_or_none()
    # SQLite lets any value into any column.
    whole = row is not None and all(isinstance(value, int) for value in row)
    return Usage(row.devices, row.packages) if row and whole else counted(session)


def told_usage(session: Session) -> Usage:
    """Return what the vendor is told: from the devices' own rows, whatever the totals say.

    Each device knows how many packages it has, so a fleet is added up in milliseconds.
    """
    packages = func.coalesce(func.sum(Device.package_count), 0)
    devices, summed = session.execute(select(func.count(), packages).select_from(Device)).one()
    return Usage(devices, max(0, int(summed)))


def counted(session: Session) -> Usage:
    """Return what the rows themselves say: slower than the totals, and right whatever they say."""
    devices = session.scalar(select(func.count()).select_from(Device))
    packages = session.scalar(select(func.count()).select_from(DevicePackage))
    return Usage(devices or 0, packages or 0)


def correct_totals(session: Session) -> tuple[Usage, Usage]:
    """Set the totals to what is there; return what they said before and what they say now."""
    _change(session, InventoryTotals.devices, InventoryTotals.devices)
    before, now = usage(session), counted(session)
    if before != now:
        _change(session, InventoryTotals.devices, now.devices)
        _change(session, InventoryTotals.packages, now.packages)
    return before, now


def _raise(
    session: Session, column: InstrumentedAttribute[int], count: int, limit: int | None
) -> bool:
    if limit is None:
        return _change(session, column, column + count)
    return _change(session, column, column + count, at_most=limit - count)


def _lower(session: Session, column: InstrumentedAttribute[int], count: int) -> None:
    # An edited total must not stop a device from being removed.
    _change(session, column, case((column > count, column - count), else_=0))


def _change(
    session: Session,
    column: InstrumentedAttribute[int],
    value: object,
    at_most: int | None = None,
) -> bool:
    """Set a total while it is `at_most`; tell whether it was. The row stays locked."""
    statement = update(InventoryTotals).where(InventoryTotals.id == _ROW)
    if at_most is not None:
        # A license may allow more than the column's type can hold.
        statement = statement.where(column <= literal(at_most, BigInteger))
    statement = statement.values({column: value}).execution_options(synchronize_session=False)
    if _changed(session, statement):
        return True
    if not _exists(session):
        _create(session)
    # Another writer may have made the row since it was looked for: look once more, or nothing
    # would be locked.
    return _changed(session, statement)


def _changed(session: Session, statement: Update) -> bool:
    return cast(CursorResult[object], session.execute(statement)).rowcount == 1


def _exists(session: Session) -> bool:
    return session.scalar(select(InventoryTotals.id)) is not None


def _create(session: Session) -> None:
    """Make the row that is missing out of what is there; another writer may be first."""
    now = counted(session)
    dialect = session.connection().dialect.name
    build = postgresql.insert if dialect == "postgresql" else sqlite.insert
    values = {"id": _ROW, "devices": now.devices, "packages": now.packages}
    session.execute(build(InventoryTotals).values(**values).on_conflict_do_nothing())


def _limit_reached(status: LicenseStatus, noun: str, used: int, limit: int | None) -> Problem:
    return Problem(
        402,
        f"{noun}_limit_reached",
        f"The license's {noun} limit is reached",
        f"The license allows {limit:,} {noun}s, and {used:,} are in use. Remove some, or ask "
        "your Sentari representative for a larger license.",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        license_state=status.state.value,
        settings_url=SETTINGS_PATH,
        used=used,
        limit=limit,
    )
