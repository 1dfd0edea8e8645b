"""Take in a scan: read what is new outside of the write, then write it whole or not at all.

A scan whose records are those of the scan before costs one hash and one small write.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from sentari.inventory import store
from sentari.inventory.changes import Difference, Entry, News, decode_index, find_news, settle
from sentari.inventory.records import PackageKey
from sentari.inventory.scan import Scan
from sentari.inventory.scan_time import as_datetime, order_of
from sentari.inventory.text import Warnings
from sentari.licensing import caps
from sentari.licensing.state import LicenseStatus

# What became of a scan.
APPLIED, UNCHANGED, SUPERSEDED, DUPLICATE = "applied", "unchanged", "superseded", "duplicate"


class UnknownDeviceError(LookupError):
    """The device was removed meanwhile."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A scan compared with the inventory that was stored when it was read.

    `seen_hash` tells which that was, `packages` how many it had, `ecosystems` how many of each
    (as JSON). When the scan has the same
    records, `index`, `news` and `known` are empty. `warnings` are those of the scan's records,
    `known` the ids of fresh records' packages that were there already.
    """

    device_id: int
    scan: Scan
    seen_hash: str | None
    packages: int
    ecosystems: str
    index: Mapping[bytes, Entry]
    news: News
    known: Mapping[PackageKey, int]
    warnings: Warnings

    @property
    def is_unchanged(self) -> bool:
        """Tell whether the scan has the records that were stored."""
        return self.scan.records.content_hash == self.seen_hash


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a scan; `packages` counts the distinct ones that it names."""

    scan_id: int
    status: str
    packages_received: int
    packages: int
    added: int = 0
    changed: int = 0
    removed: int = 0
    warnings: int = 0

    @property
    def growth(self) -> int:
        """Return by how many tracked packages the inventory grew."""
        return self.added - self.removed


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What the history says of a scan beside the scan's own words."""

    status: str
    packages: int
    package_warnings: int
    added: int = 0
    changed: int = 0
    removed: int = 0
    changes: str | None = None


def prepare(session: Session, device_id: int, scan: Scan) -> Prepared:
    """Compare a scan with what is stored, reading its new records.

    Raises ScanError when one of them has a wrong structure, UnknownDeviceError when the device
    is gone. A reading transaction is enough.
    """
    state = store.device_state(session, device_id)
    if state is None:
        raise UnknownDeviceError
    seen = (state.content_hash, state.package_count, state.ecosystems)
    if scan.records.content_hash == state.content_hash:
        nothing = News({}, frozenset())
        warnings = Warnings.from_json(state.package_warnings)
        return Prepared(device_id, scan, *seen, {}, nothing, {}, warnings)
    warnings = Warnings()
    index = decode_index(store.read_index(session, device_id))
    news = find_news(scan.records, index, warnings)
    known = store.known_ids(session, news.keys)
    return Prepared(device_id, scan, *seen, index, news, known, warnings)


def ingest(
    session: Session, prepared: Prepared, *, now: datetime, license_status: LicenseStatus
) -> Receipt:
    """Store a prepared scan in the caller's write transaction and say what became of it.

    Raises Problem 402 when its packages do not fit under the cap, and what `prepare` raises.
    """
    if prepared.is_unchanged and (receipt := _confirm(session, prepared, now)):
        return receipt
    device_id, scan = prepared.device_id, prepared.scan
    state = store.device_state(session, device_id, lock=True)
    if state is None:
        raise UnknownDeviceError
    if store.find_scan(session, device_id, scan.scanned_at) is not None:
        return _repeat(session, prepared, now)
    if state.order_at is not None and order_of(scan.scanned_at, now) < state.order_at:
        return _keep_as_history(session, prepared, now)
    if prepared.seen_hash != state.content_hash:
        # Another scan of the device came in between; it is rare, so it may take the lock's time.
        prepared = prepare(session, device_id, scan)
    if prepared.is_unchanged:
        store.update_device(session, device_id, _head_of(prepared, now))
        return _record_unchanged(session, prepared, now)
    receipt = _apply(session, prepared, now)
    if receipt.growth:
        # The totals are every writer's: taken last, their row is locked for the shortest time.
        caps.change_packages(session, license_status, receipt.growth)
    return receipt


def _confirm(session: Session, prepared: Prepared, now: datetime) -> Receipt | None:
    """Record a scan that repeats the inventory, as nearly all do, with two statements.

    Return None, and leave all as it is, when it is late, known, or the inventory has moved.
    """
    values = _head_of(prepared, now)
    this = {
        "seen_hash": prepared.seen_hash,
        "this_time": prepared.scan.scanned_at,
        "this_order": values["order_at"],
    }
    if not store.update_unchanged(session, prepared.device_id, values | this):
        return None
    return _record_unchanged(session, prepared, now)


def _record_unchanged(session: Session, prepared: Prepared, now: datetime) -> Receipt:
    outcome = _Outcome(UNCHANGED, prepared.packages, prepared.warnings.count)
    return _record(session, prepared, now, outcome)


def _repeat(session: Session, prepared: Prepared, now: datetime) -> Receipt:
    """Give a scan that is in the history already its number there, and change nothing."""
    known = store.find_scan(session, prepared.device_id, prepared.scan.scanned_at)
    store.update_device(session, prepared.device_id, {"last_seen_at": now})
    return Receipt(known.id, DUPLICATE, known.packages_received, known.package_count)


def _keep_as_history(session: Session, prepared: Prepared, now: datetime) -> Receipt:
    """Record a scan that is older than the stored inventory and leave that as it is."""
    warnings = Warnings()
    packages = len(find_news(prepared.scan.records, {}, warnings).keys)
    store.update_device(session, prepared.device_id, {"last_seen_at": now})
    return _record(session, prepared, now, _Outcome(SUPERSEDED, packages, warnings.count))


def _apply(session: Session, prepared: Prepared, now: datetime) -> Receipt:
    scan, warnings = prepared.scan, prepared.warnings
    ids = store.package_ids(session, prepared.news.keys, prepared.known)
    difference = settle(prepared.news, scan.records, prepared.index, ids)
    stored = store.read_locations(session, prepared.device_id, difference.changed)
    difference = difference.beside(stored)
    store.write_difference(session, prepared.device_id, difference)
    if difference.added or difference.removed:
        store.note_change(session, difference.added, difference.removed)
    values = _head_of(prepared, now) | {
        "content_hash": scan.records.content_hash,
        "package_count": difference.tracked,
        "package_warnings": warnings.as_json(),
        "ecosystems": _ecosystems(session, prepared, difference, ids),
    }
    store.update_device(session, prepared.device_id, values)
    first = prepared.seen_hash is None
    outcome = _Outcome(
        APPLIED if first or not difference.is_empty else UNCHANGED,
        difference.tracked,
        warnings.count,
        added=len(difference.added),
        changed=len(difference.changed),
        removed=len(difference.removed),
        changes=None if first or difference.is_empty else _changes(difference),
    )
    return _record(session, prepared, now, outcome)


def _ecosystems(
    session: Session, prepared: Prepared, difference: Difference, ids: Mapping[PackageKey, int]
) -> str:
    """Return the device's number of packages for each ecosystem after the difference."""
    counted = Counter[str](json.loads(prepared.ecosystems))
    counted.update(key.ecosystem for key, number in ids.items() if number in difference.added)
    if difference.removed:
        counted.subtract(store.count_ecosystems(session, difference.removed))
    return _json({name: count for name, count in sorted(counted.items()) if count > 0})


def _head_of(prepared: Prepared, now: datetime) -> dict[str, Any]:
    """Return the columns of the device that every scan in its turn sets."""
    scan = prepared.scan
    order_at = order_of(scan.scanned_at, now)
    values = {
        "hostname": scan.hostname,
        "os": scan.os,
        "os_release": scan.os_release,
        "arch": scan.arch,
        "agent_version": scan.agent_version,
        "runtime": scan.runtime,
        "last_seen_at": now,
        "last_scan_at": as_datetime(order_at),
        "order_at": order_at,
        "error_count": scan.error_count,
        "warning_count": scan.warnings.count + prepared.warnings.count,
        "errors": _json(scan.errors),
        "runtimes": _json(scan.runtimes),
        "scan_warnings": scan.warnings.as_json(),
    }
    return values if scan.tags is None else values | {"tags": _json(scan.tags)}


def _record(session: Session, prepared: Prepared, now: datetime, outcome: _Outcome) -> Receipt:
    scan, received = prepared.scan, len(prepared.scan.records.values)
    warnings = scan.warnings.count + outcome.package_warnings
    counts = {
        "added": outcome.added,
        "changed": outcome.changed,
        "removed": outcome.removed,
    }
    values = {
        "device_id": prepared.device_id,
        "scanned_at": scan.scanned_at,
        "received_at": now,
        "status": outcome.status,
        "agent_version": scan.agent_version,
        "content_hash": scan.records.content_hash,
        "packages_received": received,
        "package_count": outcome.packages,
        "error_count": scan.error_count,
        "warning_count": warnings,
        "changes": outcome.changes,
    }
    scan_id = store.insert_scan(session, values | counts)
    if scan_id is None:
        return _repeat(session, prepared, now)
    return Receipt(scan_id, outcome.status, received, outcome.packages, **counts, warnings=warnings)


def _changes(difference: Difference) -> str:
    return _json([list(difference.added), list(difference.removed)])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
