"""Read and write one device's inventory in bulk statements. Never commits.

Rows are locked in one order everywhere, so that PostgreSQL finds no deadlock: the device, then
packages by digest, then the totals.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from sentari.inventory import statements
from sentari.inventory.changes import Difference
from sentari.inventory.records import PackageKey
from sentari.inventory.text import fold

CHUNK = 500
_POSTGRESQL = "postgresql"

Item = TypeVar("Item")


def device_state(session: Session, device_id: int, *, lock: bool = False) -> Any:
    """Return what decides on a scan's fate, locked against other scans if asked; or None."""
    query = statements.LOCKED_STATE if lock else statements.STATE
    return session.connection().execute(query, {"this_device": device_id}).one_or_none()


def find_scan(session: Session, device_id: int, scanned_at: str) -> Any:
    """Return (id, packages_received, package_count) of the scan of this time, or None."""
    values = {"this_device": device_id, "this_time": scanned_at}
    return session.connection().execute(statements.KNOWN_SCAN, values).one_or_none()


def read_index(session: Session, device_id: int) -> bytes:
    """Return the stored index of the device's last scan, empty before the first."""
    values = {"this_device": device_id}
    return bytes(session.connection().execute(statements.READ_INDEX, values).scalar() or b"")


def known_ids(session: Session, keys: Iterable[PackageKey]) -> dict[PackageKey, int]:
    """Return the ids of the packages that are there already; they stay for good."""
    digests = {key.digest: key for key in keys}
    found = _known_ids(session.connection(), list(digests))
    return {digests[digest]: package_id for digest, package_id in found.items()}


def package_ids(
    session: Session, keys: Iterable[PackageKey], known: Mapping[PackageKey, int]
) -> dict[PackageKey, int]:
    """Return the ids of packages, adding those that are not known and are not there."""
    missing = {key.digest: key for key in keys if key not in known}
    if not missing:
        return dict(known)
    connection = session.connection()
    _insert_packages(connection, {digest: missing[digest] for digest in sorted(missing)})
    added = _known_ids(connection, list(missing))
    return {**known, **{missing[digest]: package_id for digest, package_id in added.items()}}


def read_locations(session: Session, device_id: int, package_ids: Iterable[int]) -> dict[int, str]:
    """Return the stored locations of some of the device's packages."""
    found: dict[int, str] = {}
    for chunk in _chunks(package_ids):
        values = {"this_device": device_id, "package_ids": chunk}
        rows = session.connection().execute(statements.READ_LOCATIONS, values)
        found |= {row.package_id: row.locations for row in rows}
    return found


def write_difference(session: Session, device_id: int, difference: Difference) -> None:
    """Change the device's stored inventory, and only where it differs."""
    connection = session.connection()
    for chunk in _chunks(difference.removed):
        values = {"this_device": device_id, "package_ids": chunk}
        connection.execute(statements.REMOVE_PACKAGES, values)
    _write_packages(connection, device_id, {**difference.added, **difference.changed})
    row = {"device_id": device_id, "entries": difference.index}
    connection.execute(statements.WRITE_INDEX[connection.dialect.name], row)


def note_change(session: Session, added: Iterable[int], removed: Iterable[int]) -> None:
    """Leave word of which packages a device got and lost, for counts.py."""
    row = {"added": json.dumps(list(added)), "removed": json.dumps(list(removed))}
    session.connection().execute(statements.NOTE_CHANGE, row)


def count_ecosystems(session: Session, package_ids: Iterable[int]) -> Counter[str]:
    """Return how many of the packages are of each ecosystem."""
    connection = session.connection()
    statement = statements.ECOSYSTEMS[connection.dialect.name]
    return Counter(connection.execute(statement, {"document": _json(list(package_ids))}).scalars())


def update_device(session: Session, device_id: int, values: Mapping[str, Any]) -> None:
    """Set columns of the device's row."""
    row = {"this_device": device_id, **values}
    session.connection().execute(statements.UPDATE_DEVICE, row)


def update_unchanged(session: Session, device_id: int, values: Mapping[str, Any]) -> bool:
    """Set columns of the device's row for a scan that repeats the stored inventory.

    `seen_hash`, `this_time` and `this_order` are the scan's own. Tell whether it was done: it is
    not when the inventory is another, or when a scan of this time or a later one is known.
    """
    row = {"this_device": device_id, **values}
    return session.connection().execute(statements.UPDATE_UNCHANGED, row).rowcount == 1


def insert_scan(session: Session, values: Mapping[str, Any]) -> int | None:
    """Record a scan in the device's history and return its id; None when it is there already."""
    connection = session.connection()
    statement = statements.INSERT_SCAN[connection.dialect.name]
    found: int | None = connection.execute(statement, values).scalar()
    return found


def _known_ids(connection: Connection, digests: list[bytes]) -> dict[bytes, int]:
    if connection.dialect.name == _POSTGRESQL:
        document = _json([digest.hex() for digest in digests])
        found = connection.execute(statements.KNOWN_PACKAGES, {"document": document}).all()
    else:
        asked = ((statements.known_packages(len(each)), each) for each in _chunks(digests))
        found = [
            row for query, each in asked for row in connection.exec_driver_sql(query, tuple(each))
        ]
    return {bytes(digest): package_id for digest, package_id in found}


def _insert_packages(connection: Connection, packages: Mapping[bytes, PackageKey]) -> None:
    statement = statements.INSERT_PACKAGES[connection.dialect.name]
    as_text = connection.dialect.name == _POSTGRESQL
    rows = [
        {
            **key._asdict(),
            "digest": digest.hex() if as_text else digest,
            "name_folded": fold(key.name),
        }
        for digest, key in packages.items()
    ]
    connection.execute(statement, {"document": _json(rows)} if as_text else rows)


def _write_packages(connection: Connection, device_id: int, locations: Mapping[int, str]) -> None:
    if not locations:
        return
    if connection.dialect.name == _POSTGRESQL:
        values = {"this_device": device_id, "document": _json(locations)}
        connection.execute(statements.WRITE_PACKAGES, values)
        return
    for chunk in _chunks(sorted(locations.items())):
        row_by_row = ((device_id, package_id, text) for package_id, text in chunk)
        flat = tuple(chain.from_iterable(row_by_row))
        connection.exec_driver_sql(statements.write_packages(len(chunk)), flat)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
