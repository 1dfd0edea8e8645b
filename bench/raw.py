"""The raw limit: the rows of first scans, written by the database's driver and nothing else.

One process, no HTTP, no parsing: a cache of package ids, bulk statements, and one durable
commit for each device, on the server's own schema.
"""

import hashlib
import json
import sqlite3
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from bench.counted import COUNT_ON_POSTGRES, COUNT_ON_SQLITE
from bench.measure import plain_url
from sentari import create_app
from sentari.config import Settings
from sentari.extensions import db
from sentari.startup import schema

Rows = list[tuple[str, str, str, str]]  # ecosystem, name, version, locations

_PACKAGE = "INSERT INTO package (digest, ecosystem, name, version, name_folded) VALUES "
_HELD = "INSERT INTO device_package (device_id, package_id, locations) VALUES "
_DEVICE = (
    "INSERT INTO device (uid, hostname, os, os_release, arch, agent_version, runtime, "
    "enrolled_at, last_seen_at, package_count, error_count, warning_count, tags, errors, "
    "runtimes, scan_warnings, package_warnings) VALUES "
)
_SCAN = (
    "INSERT INTO scan (device_id, scanned_at, received_at, status, agent_version, content_hash, "
    "packages_received, package_count, added, removed, changed, error_count, warning_count) VALUES "
)


def rows_of(records: Iterable[dict[str, str]]) -> Rows:
    """Return the rows that a scan's records become, made before any time is taken."""
    rows = []
    for record in records:
        place = {name: text for name, text in record.items() if name not in ("name", "version")}
        rows.append(("pypi", record["name"], record["version"], json.dumps([place])))
    return rows


def _device(number: str) -> tuple[Any, ...]:
    now = datetime.now(UTC).replace(tzinfo=None)
    words = (number, "host", "linux", "", "amd64", "1.0.0", "", now, now, 0, 0, 0)
    return (*words, "[]", "[]", "[]", "{}", "{}")


def _scan(device_id: int, packages: int) -> tuple[Any, ...]:
    now = datetime.now(UTC).replace(tzinfo=None)
    words = (device_id, now.isoformat()[:26] + "Z", now, "applied", "1.0.0", "0" * 64)
    return (*words, packages, packages, packages, 0, 0, 0, 0)


def _digest(key: tuple[str, str, str]) -> bytes:
    return hashlib.sha256("\0".join(key).encode()).digest()[:16]


def _marks(count: int, mark: str) -> str:
    return "(" + ", ".join([mark] * count) + ")"


class RawSqlite:
    """Plain sqlite3 on a migrated file."""

    def __init__(self, path: str, *, durable: bool = True) -> None:
        """Open it as durably as the server does, or not where that is not measured."""
        self._ids: dict[tuple[str, str, str], int] = {}
        self._connection = sqlite3.connect(path, isolation_level=None)
        synchronous = "FULL" if durable else "OFF"
        for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "cache_size=-16000"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("PRAGMA foreign_keys=ON")

    def write(self, fleet: str, devices: list[Rows]) -> float:
        """Write the devices and return device-package rows per second."""
        began = time.perf_counter()
        for number, rows in enumerate(devices):
            self._write(f"{fleet}-{number}", rows)
        return sum(map(len, devices)) / (time.perf_counter() - began)

    def _write(self, uid: str, rows: Rows) -> None:
        run, ids = self._connection.execute, self._ids
        run("BEGIN IMMEDIATE")
        device_id = run(_DEVICE + _marks(17, "?"), _device(uid)).lastrowid
        new = [row for row in rows if row[:3] not in ids]
        if new:
            first = run("SELECT coalesce(max(id), 0) + 1 FROM package").fetchone()[0]
            ids |= {row[:3]: first + place for place, row in enumerate(new)}
            self._connection.executemany(
                _PACKAGE.replace("(digest", "(id, digest") + _marks(6, "?"),
                [(ids[row[:3]], _digest(row[:3]), *row[:3], row[1]) for row in new],
            )
        held = [(device_id, ids[row[:3]], row[3]) for row in rows]
        self._connection.executemany(_HELD + _marks(3, "?"), held)
        run(_SCAN + _marks(13, "?"), _scan(int(device_id or 0), len(rows)))
        run("COMMIT")

    def settle(self) -> None:
        """Let the database know what it holds; the server counts its totals anew."""
        for statement in (
            "DELETE FROM inventory_totals",
            *COUNT_ON_SQLITE,
            "ANALYZE",
            "PRAGMA wal_checkpoint(TRUNCATE)",
        ):
            self._connection.execute(statement).fetchall()

    def close(self) -> None:
        """Close it."""
        self._connection.close()


class RawPostgres:
    """Plain psycopg on a migrated database: COPY, which is the fastest it has."""

    def __init__(self, url: str, *, durable: bool = True) -> None:
        """Connect; commits wait for the disk unless that is not measured."""
        self._ids: dict[tuple[str, str, str], int] = {}
        self._connection = psycopg.connect(plain_url(url))
        if not durable:
            self._connection.execute("SET synchronous_commit = off")
            self._connection.commit()
        self._first = 1

    def write(self, fleet: str, devices: list[Rows]) -> float:
        """Write the devices and return device-package rows per second."""
        began = time.perf_counter()
        for number, rows in enumerate(devices):
            self._write(f"{fleet}-{number}", rows)
        return sum(map(len, devices)) / (time.perf_counter() - began)

    def _write(self, uid: str, rows: Rows) -> None:
        ids, run = self._ids, self._connection.execute
        made = run(f"{_DEVICE}{_marks(17, '%s')} RETURNING id", _device(uid)).fetchone()
        device_id = int(made[0]) if made else 0
        new = [row for row in rows if row[:3] not in ids]
        if new:
            ids |= {row[:3]: self._first + place for place, row in enumerate(new)}
            self._first += len(new)
            self._copy(
                "package (id, digest, ecosystem, name, version, name_folded)",
                [(ids[row[:3]], _digest(row[:3]), *row[:3], row[1]) for row in new],
            )
        held = [(device_id, ids[row[:3]], row[3]) for row in rows]
        self._copy("device_package (device_id, package_id, locations)", held)
        run(_SCAN + _marks(13, "%s"), _scan(device_id, len(rows)))
        self._connection.commit()

    def _copy(self, into: str, rows: Iterable[tuple[Any, ...]]) -> None:
        with (
            self._connection.cursor() as cursor,
            cursor.copy(f"COPY {into} FROM STDIN".encode()) as copy,
        ):
            for row in rows:
                copy.write_row(row)

    def settle(self) -> None:
        """Let the database know what it holds; the server counts its totals anew."""
        run = self._connection.execute
        run("SELECT setval(pg_get_serial_sequence('package', 'id'), %s)", (self._first,))
        run("DELETE FROM inventory_totals")
        for statement in COUNT_ON_POSTGRES:
            run(statement.encode())
        self._connection.commit()
        self._connection.autocommit = True
        run("VACUUM ANALYZE")

    def close(self) -> None:
        """Close it."""
        self._connection.close()


def raw_writer(url: str, *, durable: bool = True) -> RawSqlite | RawPostgres:
    """Return a writer to an empty database (SQLAlchemy's URL), which gets the server's schema."""
    with tempfile.TemporaryDirectory() as directory:
        app = create_app(Settings(url, Path(directory), "x" * 32))
        with app.app_context():
            schema().upgrade(db.engine)
            db.engine.dispose()
    if url.startswith("sqlite:///"):
        return RawSqlite(url.removeprefix("sqlite:///"), durable=durable)
    return RawPostgres(url, durable=durable)
