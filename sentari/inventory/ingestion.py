"""Take in a scan: read what is new outside of the write, then write it whole or not at all.

A scan whose records are those of the scan before costs one hash and one small write.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from sentari.inventory import store
from sentari.inventory.changes import Difference, Entry, News, decode_index, find_news, settle
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

    `seen_hash` tells which that was; `news` is empty when the scan has the same records.
    """

    device_id: int
    scan: Scan
    seen_hash: str | None
    index: Mapping[bytes, Entry]
    news: News
    warnings: Warnings


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
    warnings = Warnings()
    if scan.records.content_hash == state.content_hash:
        nothing = News({}, frozenset())
        return Prepared(device_id, scan, state.content_hash, {}, nothing, warnings)
    index = decode_index(store.read_index(session, device_id))
    news = find_news(scan.records, index, warnings)
    return Prepared(device_id, scan, state.content_hash, index, news, warnings)


def ingest(
    session: Session, prepared: Prepared, *, now: datetime, license_status: LicenseStatus
) -> Receipt:
    """Store a prepared scan in the caller's write transaction and say what became of it.

    Raises Problem 402 when its packages do not fit under the cap, and what `prepare` raises.
    """
    device_id, scan = prepared.device_id, prepared.scan
    state = store.device_state(session, device_id, lock=True)
    if state is None:
        raise UnknownDeviceError
    known = store.find_scan(session, device_id, scan.scanned_at)
    if known is not None:
        store.update_device(session, device_id, {"last_seen_at": now})
        return Receipt(known.id, DUPLICATE, known.packages_received, known.package_count)
    if state.order_at is not None and order_of(scan.scanned_at, now) < state.order_at:
        return _keep_as_history(session, prepared, now)
    if scan.records.content_hash == state.content_hash:
        return _keep_unchanged(session, prepared, state, now)
    if prepared.seen_hash != state.content_hash:
        # Another scan of the device came in between; it is rare, so it may take the lock's time.
        prepared = prepare(session, device_id, scan)
    receipt = _apply(session, prepared, now)
    if receipt.growth:
        # The totals are every writer's: taken last, their row is locked for the shortest time.
        caps.change_packages(session, license_status, receipt.growth)
    return receipt


def _keep_as_history(session: Session, prepared: Prepared, now: datetime) -> Receipt:
    """Record a scan that is older than the stored inventory and leave that as it is."""
    warnings = Warnings()
    packages = len(find_news(prepared.scan.records, {}, warnings).keys)
    store.update_device(session, prepared.device_id, {"last_seen_at": now})
    return _record(session, prepared, now, _Outcome(SUPERSEDED, packages, warnings.count))


def _keep_unchanged(session: Session, prepared: Prepared, state: Any, now: datetime) -> Receipt:
    warnings = Warnings.from_json(state.package_warnings).count
    values = _head_of(prepared.scan, now, warnings)
    store.update_device(session, prepared.device_id, values)
    return _record(session, prepared, now, _Outcome(UNCHANGED, state.package_count, warnings))


def _apply(session: Session, prepared: Prepared, now: datetime) -> Receipt:
    scan, warnings = prepared.scan, prepared.warnings
    ids = store.package_ids(session, prepared.news.keys)
    difference = settle(prepared.news, scan.records, prepared.index, ids)
    store.write_difference(session, prepared.device_id, difference)
    values = _head_of(scan, now, warnings.count) | {
        "content_hash": scan.records.content_hash,
        "package_count": difference.tracked,
        "package_warnings": warnings.as_json(),
    }
    store.update_device(session, prepared.device_id, values)
    outcome = _Outcome(
        APPLIED,
        difference.tracked,
        warnings.count,
        added=len(difference.added),
        changed=len(difference.changed),
        removed=len(difference.removed),
        changes=None if prepared.seen_hash is None else _changes(difference),
    )
    return _record(session, prepared, now, outcome)


def _head_of(scan: Scan, now: datetime, package_warnings: int) -> dict[str, Any]:
    """Return the columns of the device that every scan in its turn sets."""
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
        "warning_count": scan.warnings.count + package_warnings,
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
    return Receipt(scan_id, outcome.status, received, outcome.packages, **counts, warnings=warnings)


def _changes(difference: Difference) -> str:
    return _json([list(difference.added), list(difference.removed)])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
