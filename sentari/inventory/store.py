"""Read and write one device's inventory in bulk statements. Never commits.

Rows are locked in one order everywhere, so that PostgreSQL finds no deadlock: the device, then
packages by digest, then the totals.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Integer, Text, bindparam, delete, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sentari.inventory.changes import Difference
from sentari.inventory.models import Device, DevicePackage, Package, RecordIndex, ScanEntry
from sentari.inventory.records import PackageKey
from sentari.inventory.text import fold

CHUNK = 500

Item = TypeVar("Item")


def device_state(session: Session, device_id: int, *, lock: bool = False) -> Any:
    """Return what decides on a scan's fate, locked against other scans if asked; or None."""
    query = select(
        Device.order_at, Device.content_hash, Device.package_count, Device.package_warnings
    ).where(Device.id == device_id)
    return session.execute(query.with_for_update() if lock else query).one_or_none()


def find_scan(session: Session, device_id: int, scanned_at: str) -> ScanEntry | None:
    """Return the scan of this time if it was recorded."""
    query = select(ScanEntry).where(
        ScanEntry.device_id == device_id, ScanEntry.scanned_at == scanned_at
    )
    return session.scalars(query).one_or_none()


def read_index(session: Session, device_id: int) -> bytes:
    """Return the stored index of the device's last scan, empty before the first."""
    query = select(RecordIndex.entries).where(RecordIndex.device_id == device_id)
    return session.scalar(query) or b""


def package_ids(session: Session, keys: Iterable[PackageKey]) -> dict[PackageKey, int]:
    """Return the ids of packages, adding those that are new."""
    digests = {key.digest: key for key in keys}
    found = _known_ids(session, digests)
    missing = sorted(digests.keys() - found.keys())
    if missing:
        _insert_packages(session, {digest: digests[digest] for digest in missing})
        found |= _known_ids(session, missing)
    return {key: found[digest] for digest, key in digests.items()}


def write_difference(session: Session, device_id: int, difference: Difference) -> None:
    """Change the device's stored inventory, and only where it differs."""
    for chunk in _chunks(difference.removed):
        session.execute(
            delete(DevicePackage).where(
                DevicePackage.device_id == device_id, DevicePackage.package_id.in_(chunk)
            )
        )
    _upsert_packages(session, device_id, {**difference.added, **difference.changed})
    _upsert(
        session,
        RecordIndex,
        [{"device_id": device_id, "entries": difference.index}],
        keys=["device_id"],
        update_column="entries",
    )


def update_device(session: Session, device_id: int, values: Mapping[str, Any]) -> None:
    """Set columns of the device's row."""
    session.execute(update(Device).where(Device.id == device_id).values(values))


def insert_scan(session: Session, values: Mapping[str, Any]) -> int:
    """Record a scan in the device's history and return its id."""
    build = _builder(session)
    statement = build(ScanEntry).values(values).returning(ScanEntry.id)
    return int(session.execute(statement).scalar_one())


def _known_ids(session: Session, digests: Iterable[bytes]) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    for chunk in _chunks(digests):
        query = select(Package.digest, Package.id).where(Package.digest.in_(chunk))
        found.update((bytes(digest), key) for digest, key in session.execute(query))
    return found


def _insert_packages(session: Session, packages: Mapping[bytes, PackageKey]) -> None:
    rows = [
        {**key._asdict(), "digest": digest, "name_folded": fold(key.name)}
        for digest, key in packages.items()
    ]
    # Another scan may add the same package meanwhile; then its row is the one.
    statement = _builder(session)(Package).on_conflict_do_nothing(index_elements=["digest"])
    session.connection().execute(statement, rows)


def _upsert_packages(session: Session, device_id: int, locations: Mapping[int, str]) -> None:
    if not locations:
        return
    if session.get_bind().dialect.name != "postgresql":
        rows = [
            {"device_id": device_id, "package_id": package_id, "locations": text}
            for package_id, text in sorted(locations.items())
        ]
        _upsert(session, DevicePackage, rows, ["device_id", "package_id"], "locations")
        return
    columns = postgresql.ARRAY(Integer), postgresql.ARRAY(Text)
    source = select(
        literal(device_id),
        func.unnest(bindparam("package_ids", type_=columns[0])),
        func.unnest(bindparam("texts", type_=columns[1])),
    )
    insert = postgresql.insert(DevicePackage).from_select(
        ["device_id", "package_id", "locations"], source
    )
    statement = insert.on_conflict_do_update(
        index_elements=["device_id", "package_id"], set_={"locations": insert.excluded.locations}
    )
    ids = sorted(locations)
    texts = [locations[package_id] for package_id in ids]
    session.connection().execute(statement, {"package_ids": ids, "texts": texts})


def _upsert(
    session: Session,
    model: Any,
    rows: Sequence[Mapping[str, Any]],
    keys: Sequence[str],
    update_column: str,
) -> None:
    insert = _builder(session)(model)
    changed = {update_column: insert.excluded[update_column]}
    statement = insert.on_conflict_do_update(index_elements=keys, set_=changed)
    session.connection().execute(statement, rows)


def _builder(session: Session) -> Any:
    dialect = session.get_bind().dialect.name
    return postgresql.insert if dialect == "postgresql" else sqlite.insert


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
