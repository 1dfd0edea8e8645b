"""A fleet that was never enrolled: rows written straight into a database, and consistent.

Devices are installed from a few images and are at different levels of patches, so that most of
their packages are the same as others', in several versions; one in a hundred is a device's own.
Every number that the server keeps beside its rows is what it would have come to.
"""

import hashlib
import json
import random
import sqlite3
import struct
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import psycopg

from bench.counted import COUNT_ON_POSTGRES, COUNT_ON_SQLITE
from bench.measure import plain_url
from sentari.inventory.records import PackageKey

IMAGES, LEVELS = 40, 8
SCANS, CHANGED_SCANS = 72, 6
LOG_ENTRIES = 20
_UNSHARED = 0.01
_NAMES = 24_000
_ECOSYSTEMS = (("deb", 50), ("rpm", 16), ("pypi", 16), ("npm", 10), ("maven", 6), ("nuget", 2))
_STEMS = ("ssl", "core", "http", "json", "utils", "client", "lib", "data", "crypt", "event")
_OPENSSL = ("3.0.9", "3.0.11", "3.0.13", "3.0.14", "3.0.15", "3.0.16", "3.0.17", "3.1.0")
_SYSTEMS = ("linux", "linux", "linux", "windows", "darwin")

Row = tuple[Any, ...]
Packages = list[tuple[int, str]]


class Target(Protocol):
    """A database that takes rows in bulk."""

    def copy(self, table: str, columns: str, rows: Iterable[Row]) -> None:
        """Write rows into a table."""

    def settle(self) -> None:
        """Build what was put off, and let the database know what it holds."""


@dataclass
class Generated:
    """So many devices with so many packages each; the same for the same numbers."""

    devices: int
    packages: int
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        """Draw by a seed of its own."""
        self._chance = random.Random(self.devices * 1_000_003 + self.packages)
        self._own = max(1, int(self.packages * _UNSHARED))
        self._inventories, self.keys = self._draw()

    def uid(self, number: int) -> str:
        """Return a device's id."""
        return str(uuid.UUID(int=number + 1))

    @property
    def distinct(self) -> int:
        """Return how many distinct packages there are."""
        return len(self.keys) + self.devices * self._own

    @property
    def rows(self) -> int:
        """Return how many packages the devices have in all."""
        return self.devices * self.packages

    def write(self, target: Target) -> None:
        """Write everything and settle."""
        target.copy("device", _DEVICE, map(self._device, range(1, self.devices + 1)))
        target.copy("device_package", "device_id, package_id, locations", self._held())
        target.copy("package", _PACKAGE, self._packages())
        target.copy("record_index", "device_id, entries", self._indexes())
        target.copy("scan", _SCAN, self._scans())
        target.copy("agent_log", _LOG, map(self._log, range(1, self.devices + 1)))
        target.copy("agent_log_entry", _ENTRY, self._entries())
        target.copy("inventory_totals", "id, devices, packages", [(1, self.devices, self.rows)])
        target.settle()

    def _draw(self) -> tuple[list[list[Packages]], list[PackageKey]]:
        """Return the packages of each image at each level, and all that there are, by their ids."""
        names = [(self._ecosystem(), self._name(n)) for n in range(_NAMES)]
        chosen = [self._chance.sample(range(_NAMES), self.packages) for _ in range(IMAGES)]
        ids: dict[PackageKey, int] = {}
        made = []
        for image, numbers in enumerate(chosen):
            count = self.packages - self._own - 1
            levels = []
            for level in range(LEVELS):
                keys = [_key(*names[n], n, level) for n in numbers[:count]]
                keys.append(PackageKey("deb" if image % 2 else "rpm", "openssl", _OPENSSL[level]))
                levels.append([(ids.setdefault(key, len(ids) + 1), _place(key)) for key in keys])
            made.append(levels)
        return made, list(ids)

    def _ecosystem(self) -> str:
        names, weights = zip(*_ECOSYSTEMS, strict=True)
        return str(self._chance.choices(names, weights)[0])

    def _name(self, number: int) -> str:
        stem, other = self._chance.choices(_STEMS, k=2)
        return f"{stem}-{hashlib.sha256(str(number).encode()).hexdigest()[:6]}-{other}"

    def _shape(self, device: int) -> tuple[int, int]:
        return device % IMAGES, device * 7 % LEVELS

    def _owned(self, device: int) -> range:
        """Return the ids of the packages that only this device has."""
        first = len(self.keys) + 1 + (device - 1) * self._own
        return range(first, first + self._own)

    def _inventory(self, device: int) -> Iterator[tuple[int, str]]:
        image, level = self._shape(device)
        yield from self._inventories[image][level]
        for number in self._owned(device):
            yield number, _place(self._own_key(device, number))

    def _own_key(self, device: int, number: int) -> PackageKey:
        return PackageKey("pypi", f"host-{device:05}-{number % self._own}", "0.1.0")

    def _held(self) -> Iterator[Row]:
        for device in range(1, self.devices + 1):
            for number, place in self._inventory(device):
                yield device, number, place

    def _packages(self) -> Iterator[Row]:
        for number, key in enumerate(self.keys, 1):
            yield number, key.digest, *key, key.name.casefold()
        for device in range(1, self.devices + 1):
            for number in self._owned(device):
                key = self._own_key(device, number)
                yield number, key.digest, *key, key.name.casefold()

    def _indexes(self) -> Iterator[Row]:
        for device in range(1, self.devices + 1):
            ids = (number for number, _ in self._inventory(device))
            yield device, b"".join(struct.pack("<QIB", number, number, 0) for number in ids)

    def _device(self, number: int) -> Row:
        image, _ = self._shape(number)
        system = _SYSTEMS[image % len(_SYSTEMS)]
        seen = self.now - timedelta(minutes=number * 13 % 180)
        name = f"{system}-{image:02}-{number:05}"
        tags = json.dumps([f"site-{number % 12}", "prod" if number % 3 else "test"])
        errors = number % 50 == 0
        return (
            number, self.uid(number), f"machine-{number}", name, system, "Debian GNU/Linux 12",
            "amd64", "1.0.0", "bare_metal", self.now - timedelta(days=number % 300), seen, seen,
            _canonical(seen), "0" * 64, self.packages, int(errors), 0, tags,
            '[{"path": "/opt", "message": "permission denied"}]' if errors else "[]",
            _RUNTIMES, _NONE, _NONE,
        )  # fmt: skip

    def _scans(self) -> Iterator[Row]:
        for hours in reversed(range(SCANS)):
            for device in range(1, self.devices + 1):
                yield self._scan(device, hours)

    def _scan(self, device: int, hours: int) -> Row:
        at = self.now - timedelta(hours=hours, minutes=device * 13 % 60 + 1)
        image, level = self._shape(device)
        changes, count = None, 0
        if (hours + device) % (SCANS // CHANGED_SCANS) == 0:
            now, then = self._inventories[image][level][:3], self._inventories[image][level - 1][:3]
            changes, count = json.dumps([[n for n, _ in now], [n for n, _ in then]]), 3
        status = "applied" if changes else "unchanged"
        counts = (self.packages, self.packages, count, count, 0, 0, 0)
        return (device, _canonical(at), at, status, "1.0.0", "0" * 64, *counts, changes)

    def _log(self, device: int) -> Row:
        began = self.now - timedelta(days=30)
        return (device, self.uid(device), 1, 0, began, self.now, LOG_ENTRIES, LOG_ENTRIES, 0)

    def _entries(self) -> Iterator[Row]:
        for device in range(1, self.devices + 1):
            for number in range(1, LOG_ENTRIES + 1):
                digest = struct.pack("<QQ", device, number)
                words = ("scan_completed", '{"packages": "1000"}', "0" * 64, "0" * 64)
                at = self.now - timedelta(hours=LOG_ENTRIES - number)
                yield (device, number, digest, *words, at.isoformat(), 2, at, "")


_PACKAGE = "id, digest, ecosystem, name, version, name_folded"
_DEVICE = (
    "id, uid, machine_id, hostname, os, os_release, arch, agent_version, runtime, enrolled_at, "
    "last_seen_at, last_scan_at, order_at, content_hash, package_count, error_count, "
    "warning_count, tags, errors, runtimes, scan_warnings, package_warnings"
)
_SCAN = (
    "device_id, scanned_at, received_at, status, agent_version, content_hash, packages_received, "
    "package_count, added, removed, changed, error_count, warning_count, changes"
)
_LOG = "id, device_uid, number, enrollment, began_at, shipped_at, last_entry_id, entries, broken"
_ENTRY = (
    "log_id, entry_id, digest, event_type, detail, content_hash, prev_hash, created_at, "
    "hash_version, received_at, problems"
)
_RUNTIMES = '[{"name": "python", "version": "3.13.0", "path": "/usr/bin/python3.13"}]'
_NONE = '{"count":0,"examples":[]}'


def _key(ecosystem: str, name: str, number: int, level: int) -> PackageKey:
    # Half of the packages are patched, each at a level of its own.
    patches = level * (number % 2) * (number % 5 + 1) // 5
    return PackageKey(ecosystem, name, f"{number % 7}.{number % 23}.{patches}")


def _place(key: PackageKey) -> str:
    place = {
        "env_type": "system",
        "environment": "/usr",
        "install_path": f"/usr/lib/{key.ecosystem}/{key.name}-{key.version}",
        "installer_user": "root",
        "package_license": "MIT",
        "spdx_id": "MIT",
        "package_license_tier": "permissive",
    }
    return json.dumps([place])


def _canonical(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


class Sqlite:
    """An SQLite file with the server's schema, written without waiting for the disk."""

    def __init__(self, url: str) -> None:
        """Open it."""
        self._connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        for pragma in ("synchronous=OFF", "cache_size=-400000"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._later = self._put_off()

    def _put_off(self) -> list[str]:
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        found = self._connection.execute(query).fetchall()
        for name, _ in found:
            self._connection.execute(f"DROP INDEX {name}")
        return [statement for _, statement in found]

    def copy(self, table: str, columns: str, rows: Iterable[Row]) -> None:
        """Write rows into a table."""
        marks = ", ".join("?" * (columns.count(",") + 1))
        statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(statement, map(_naive, rows))
        self._connection.execute("COMMIT")

    def settle(self) -> None:
        """Build the indexes and let the database know what it holds."""
        for statement in (
            *self._later,
            *COUNT_ON_SQLITE,
            "ANALYZE",
            "PRAGMA wal_checkpoint(TRUNCATE)",
        ):
            self._connection.execute(statement).fetchall()
        self._connection.close()


def _naive(row: Row) -> Row:
    return tuple(
        str(value.replace(tzinfo=None)) if isinstance(value, datetime) else value for value in row
    )


class Postgres:
    """A PostgreSQL database with the server's schema, written by COPY."""

    def __init__(self, url: str) -> None:
        """Connect as a superuser: foreign keys are not looked up row by row."""
        self._connection = psycopg.connect(plain_url(url), autocommit=True)
        self._run("SET session_replication_role = replica")
        self._run("SET maintenance_work_mem = '512MB'")
        self._later = self._put_off()

    def _run(self, statement: str) -> Sequence[Row]:
        cursor = self._connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []

    def _put_off(self) -> list[str]:
        found = self._run(
            "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
            "JOIN pg_class ON pg_class.oid = indexrelid "
            "WHERE NOT indisunique AND relnamespace = 'public'::regnamespace"
        )
        for name, _ in found:
            self._run(f"DROP INDEX {name}")
        return [definition for _, definition in found]

    def copy(self, table: str, columns: str, rows: Iterable[Row]) -> None:
        """Write rows into a table."""
        with (
            self._connection.cursor() as cursor,
            cursor.copy(f"COPY {table} ({columns}) FROM STDIN".encode()) as copy,
        ):
            for row in rows:
                copy.write_row(row)

    def settle(self) -> None:
        """Build the indexes, move the sequences, and let the database know what it holds."""
        for table in ("device", "package", "agent_log"):
            last = f"(SELECT max(id) FROM {table})"
            self._run(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {last})")
        for statement in (*self._later, *COUNT_ON_POSTGRES, "VACUUM ANALYZE"):
            self._run(statement)
        self._connection.close()


def target_of(url: str) -> Target:
    """Return the target for SQLAlchemy's URL of a migrated, empty database."""
    return Sqlite(url) if url.startswith("sqlite:///") else Postgres(url)
