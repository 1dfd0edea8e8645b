"""Read and write one device's inventory in bulk statements. Never commits.

Rows are locked in one order everywhere, so that PostgreSQL finds no deadlock: the device, then
packages by digest, then the totals.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from sentari.inventory import statements
from sentari.inventory.changes import Difference
from sentari.inventory.records import PackageKey
from sentari.inventory.text import fold
from serverkit.driver import run_text

# SQLite's driver keeps a statement ready for each number of rows, so these are few.
ROWS_AT_ONCE = (500, 100, 20, 5, 1)
_POSTGRESQL = "postgresql"

Item = TypeVar("Item")


class State(NamedTuple):
    """What decides on a scan's fate."""

    order_at: str | None
    content_hash: str | None
    package_count: int
    package_warnings: str
    ecosystems: str


class Turn(NamedTuple):
    """When a scan may be stored as the device's last one: named like the statements' parameters.

    The inventory has the hash and the time that were seen, and the history no scan of this time
    or after it.
    """

    this_device: int
    this_time: str
    this_order: str
    seen_hash: str | None
    seen_order: str | None


class KnownScan(NamedTuple):
    """What the history says of a scan that came before."""

    id: int
    packages_received: int
    package_count: int


def device_state(session: Session, device_id: int, *, lock: bool = False) -> State | None:
    """Return what decides on a scan's fate, locked against other scans if asked; or None."""
    query = statements.LOCKED_STATE if lock else statements.STATE
    row = query.run(session.connection(), {"this_device": device_id}).fetchone()
    return row and State(*row)


def find_scan(session: Session, device_id: int, scanned_at: str) -> KnownScan | None:
    """Return the scan of this time, or None."""
    values = {"this_device": device_id, "this_time": scanned_at}
    row = statements.KNOWN_SCAN.run(session.connection(), values).fetchone()
    return row and KnownScan(*row)


def read_index(session: Session, device_id: int) -> bytes:
    """Return the stored index of the device's last scan, empty before the first."""
    values = {"this_device": device_id}
    row = statements.READ_INDEX.run(session.connection(), values).fetchone()
    return bytes(row[0]) if row else b""


def known_ids(session: Session, digests: Iterable[bytes]) -> dict[bytes, int]:
    """Return the ids of the packages that are there already; they stay for good."""
    connection = session.connection()
    found: list[tuple[str, int]] = []
    if connection.dialect.name == _POSTGRESQL:
        document = {"document": _json([digest.hex() for digest in digests])}
        found = statements.KNOWN_PACKAGES.run(connection, document).fetchall()
    else:
        for piece in _pieces(digests):
            rows = run_text(connection, statements.known_packages(len(piece)), piece)
            found += json.loads(rows.fetchone()[0])
    return {bytes.fromhex(digest): package_id for digest, package_id in found}


def add_packages(session: Session, packages: Mapping[bytes, PackageKey]) -> dict[bytes, int]:
    """Add packages, sorted by their digests, unless another scan has; return the ids of all."""
    if not packages:
        return {}
    connection = session.connection()
    if connection.dialect.name == _POSTGRESQL:
        rows = [(digest.hex(), *key, fold(key.name)) for digest, key in packages.items()]
        statements.INSERT_PACKAGES.run(connection, {"document": _json(rows)})
    else:
        for piece in _pieces(packages.items()):
            parts = ((digest, *key, fold(key.name)) for digest, key in piece)
            text = statements.insert_packages(len(piece))
            run_text(connection, text, tuple(chain.from_iterable(parts)))
    return known_ids(session, packages)


def read_locations(
    session: Session, device_id: int, package_ids: Collection[int]
) -> dict[int, str]:
    """Return the stored locations of some of the device's packages."""
    if not package_ids:
        return {}
    values = {"this_device": device_id, "document": _json(list(package_ids))}
    rows = statements.READ_LOCATIONS.run(session.connection(), values).fetchall()
    return dict(rows)


def write_difference(session: Session, device_id: int, difference: Difference) -> None:
    """Change the device's stored inventory, and only where it differs."""
    connection = session.connection()
    if difference.removed:
        values = {"this_device": device_id, "document": _json(difference.removed)}
        statements.REMOVE_PACKAGES.run(connection, values)
    _write_packages(connection, device_id, {**difference.added, **difference.changed})
    row = {"device_id": device_id, "entries": difference.index}
    statements.WRITE_INDEX.run(connection, row)


def note_change(session: Session, added: Iterable[int], removed: Iterable[int]) -> None:
    """Leave word of which packages a device got and lost, for counts.py."""
    row = {"added": json.dumps(list(added)), "removed": json.dumps(list(removed))}
    statements.NOTE_CHANGE.run(session.connection(), row)


def count_ecosystems(session: Session, package_ids: Collection[int]) -> Counter[str]:
    """Return how many of the packages are of each ecosystem."""
    if not package_ids:
        return Counter()
    document = {"document": _json(list(package_ids))}
    rows = statements.ECOSYSTEMS.run(session.connection(), document).fetchall()
    return Counter(ecosystem for (ecosystem,) in rows)


def update_device(session: Session, device_id: int, values: Mapping[str, Any]) -> None:
    """Set columns of the device's row."""
    row = {"this_device": device_id, **values}
    statements.UPDATE_DEVICE.run(session.connection(), row)


def advance(session: Session, turn: Turn, head: Mapping[str, Any]) -> bool:
    """Set columns of the device's row when it is the scan's turn; tell whether it was."""
    row = {**head, **turn._asdict()}
    found: int = statements.ADVANCE.run(session.connection(), row).rowcount
    return found == 1


def confirm(
    session: Session, turn: Turn, head: Mapping[str, Any], scan: Mapping[str, Any]
) -> int | None:
    """Do the same for a scan that repeats the inventory, and return its id in the history.

    Return None, and change nothing, when it is not its turn.
    """
    connection = session.connection()
    values = turn._asdict()
    if connection.dialect.name == _POSTGRESQL:
        values |= {f"head_{name}": value for name, value in head.items()}
        values |= {f"scan_{name}": value for name, value in scan.items()}
        row = statements.confirm(tuple(head)).run(connection, values).fetchone()
        return row[0] if row else None
    if not statements.CONFIRM.run(connection, {**head, **values}).rowcount:
        return None
    return insert_scan(session, scan)


def insert_scan(session: Session, values: Mapping[str, Any]) -> int | None:
    """Record a scan in the device's history and return its id; None when it is there already."""
    row = statements.INSERT_SCAN.run(session.connection(), values).fetchone()
    return row[0] if row else None


def _write_packages(connection: Connection, device_id: int, locations: Mapping[int, str]) -> None:
    if not locations:
        return
    if connection.dialect.name == _POSTGRESQL:
        values = {"this_device": device_id, "document": _json(locations)}
        statements.WRITE_PACKAGES.run(connection, values)
        return
    for piece in _pieces(sorted(locations.items())):
        row_by_row = ((device_id, package_id, text) for package_id, text in piece)
        flat = tuple(chain.from_iterable(row_by_row))
        run_text(connection, statements.write_packages(len(piece)), flat)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _pieces(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(items)
    rest = list(islice(iterator, ROWS_AT_ONCE[0]))
    while rest:
        size = next(size for size in ROWS_AT_ONCE if size <= len(rest))
        yield rest[:size]
        rest = rest[size:] or list(islice(iterator, ROWS_AT_ONCE[0]))
