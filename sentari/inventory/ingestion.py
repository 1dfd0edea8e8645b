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
from sentari.inventory.changes import Difference, decode_index, find_news, settle
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

    `seen` is what was stored. `difference` is None when the scan has the same records; `warnings`
    are those of the scan's records, `ecosystems` says how many packages of each there are then.
    """

    device_id: int
    scan: Scan
    seen: store.State
    difference: Difference | None
    warnings: Warnings
    ecosystems: Mapping[str, int]

    @property
    def is_first(self) -> bool:
        """Tell whether there was no inventory before."""
        return self.seen.content_hash is None


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
    is gone. Reading is enough, and what is read may move meanwhile.
    """
    # First, so that whatever is read after it belongs to it or is found to be newer.
    state = store.device_state(session, device_id)
    if state is None:
        raise UnknownDeviceError
    if scan.records.content_hash == state.content_hash:
        warnings = Warnings.from_json(state.package_warnings)
        return Prepared(device_id, scan, state, None, warnings, {})
    warnings = Warnings()
    index = decode_index(store.read_index(session, device_id))
    news = find_news(scan.records, index, warnings)
    packages = news.packages
    known = store.known_ids(session, packages)
    difference = settle(news, scan.records, index, known)
    difference = difference.beside(store.read_locations(session, device_id, difference.changed))
    ecosystems = Counter[str](json.loads(state.ecosystems))
    ecosystems.update(packages[digest].ecosystem for digest in difference.arrived)
    ecosystems.subtract(store.count_ecosystems(session, difference.removed))
    return Prepared(device_id, scan, state, difference, warnings, ecosystems)


def ingest(
    session: Session, prepared: Prepared, *, now: datetime, license_status: LicenseStatus
) -> Receipt:
    """Store a prepared scan in the caller's write transaction and say what became of it.

    Raises Problem 402 when its packages do not fit under the cap, and what `prepare` raises.
    """
    receipt = _take_turn(session, prepared, now) or _out_of_turn(session, prepared, now)
    if receipt.growth:
        # The totals are every writer's: taken last, their row is locked for the shortest time.
        caps.change_packages(session, license_status, receipt.growth)
    return receipt


def confirm(session: Session, prepared: Prepared, now: datetime) -> Receipt | None:
    """Record a scan that repeats the inventory, as nearly all do, as cheaply as can be.

    On PostgreSQL it is one statement. Return None, and leave all as it is, when it brings something
    new, is late, known, or the inventory has moved.
    """
    if prepared.difference is not None:
        return None
    outcome = _unchanged(prepared)
    entry = _entry_of(prepared, now, outcome)
    scan_id = store.confirm(session, _turn_of(prepared, now), _head_of(prepared, now), entry)
    return None if scan_id is None else _receipt(prepared, scan_id, outcome)


def _take_turn(session: Session, prepared: Prepared, now: datetime) -> Receipt | None:
    """Store the scan as the device's last one.

    Return None, and leave all as it is, when it is late, known, or the inventory has moved.
    """
    if prepared.difference is None:
        return confirm(session, prepared, now)
    return _apply(session, prepared, prepared.difference, now)


def _out_of_turn(session: Session, prepared: Prepared, now: datetime) -> Receipt:
    device_id, scan = prepared.device_id, prepared.scan
    state = store.device_state(session, device_id, lock=True)
    if state is None:
        raise UnknownDeviceError
    if known := store.find_scan(session, device_id, scan.scanned_at):
        return _repeat(session, prepared, now, known)
    if state.order_at is not None and order_of(scan.scanned_at, now) < state.order_at:
        return _keep_as_history(session, prepared, now)
    # Another scan of the device came in between; it is rare, so it may take the lock's time.
    receipt = _take_turn(session, prepare(session, device_id, scan), now)
    if receipt is None:
        raise RuntimeError("the inventory of a locked device has moved")
    return receipt


def _unchanged(prepared: Prepared) -> _Outcome:
    return _Outcome(UNCHANGED, prepared.seen.package_count, prepared.warnings.count)


def _repeat(
    session: Session, prepared: Prepared, now: datetime, known: store.KnownScan | None
) -> Receipt:
    """Give a scan that is in the history already its number there, and change nothing."""
    if known is None:
        raise UnknownDeviceError
    store.update_device(session, prepared.device_id, {"last_seen_at": now})
    return Receipt(known.id, DUPLICATE, known.packages_received, known.package_count)


def _keep_as_history(session: Session, prepared: Prepared, now: datetime) -> Receipt:
    """Record a scan that is older than the stored inventory and leave that as it is."""
    warnings = Warnings()
    packages = len(find_news(prepared.scan.records, {}, warnings).packages)
    store.update_device(session, prepared.device_id, {"last_seen_at": now})
    return _record(session, prepared, now, _Outcome(SUPERSEDED, packages, warnings.count))


def _apply(
    session: Session, prepared: Prepared, difference: Difference, now: datetime
) -> Receipt | None:
    scan, warnings = prepared.scan, prepared.warnings
    values = _head_of(prepared, now) | {
        "content_hash": scan.records.content_hash,
        "package_count": difference.tracked,
        "package_warnings": warnings.as_json(),
        "ecosystems": _json(
            {n: count for n, count in sorted(prepared.ecosystems.items()) if count}
        ),
    }
    if not store.advance(session, _turn_of(prepared, now), values):
        return None
    difference = difference.with_ids(store.add_packages(session, difference.missing))
    store.write_difference(session, prepared.device_id, difference)
    if difference.added or difference.removed:
        store.note_change(session, difference.added, difference.removed)
    nothing_new = difference.is_empty and not prepared.is_first
    outcome = _Outcome(
        UNCHANGED if nothing_new else APPLIED,
        difference.tracked,
        warnings.count,
        added=len(difference.added),
        changed=len(difference.changed),
        removed=len(difference.removed),
        changes=None if nothing_new or prepared.is_first else _changes(difference),
    )
    return _record(session, prepared, now, outcome)


def _turn_of(prepared: Prepared, now: datetime) -> store.Turn:
    scanned_at, seen = prepared.scan.scanned_at, prepared.seen
    order_at = order_of(scanned_at, now)
    return store.Turn(prepared.device_id, scanned_at, order_at, seen.content_hash, seen.order_at)


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
    scan_id = store.insert_scan(session, _entry_of(prepared, now, outcome))
    if scan_id is None:
        known = store.find_scan(session, prepared.device_id, prepared.scan.scanned_at)
        return _repeat(session, prepared, now, known)
    return _receipt(prepared, scan_id, outcome)


def _entry_of(prepared: Prepared, now: datetime, outcome: _Outcome) -> dict[str, Any]:
    """Return the columns of the scan's line in the history."""
    scan = prepared.scan
    return {
        "device_id": prepared.device_id,
        "scanned_at": scan.scanned_at,
        "received_at": now,
        "status": outcome.status,
        "agent_version": scan.agent_version,
        "content_hash": scan.records.content_hash,
        "packages_received": len(scan.records.values),
        "package_count": outcome.packages,
        "added": outcome.added,
        "changed": outcome.changed,
        "removed": outcome.removed,
        "error_count": scan.error_count,
        "warning_count": scan.warnings.count + outcome.package_warnings,
        "changes": outcome.changes,
    }


def _receipt(prepared: Prepared, scan_id: int, outcome: _Outcome) -> Receipt:
    scan = prepared.scan
    return Receipt(
        scan_id,
        outcome.status,
        len(scan.records.values),
        outcome.packages,
        added=outcome.added,
        changed=outcome.changed,
        removed=outcome.removed,
        warnings=scan.warnings.count + outcome.package_warnings,
    )


def _changes(difference: Difference) -> str:
    return _json([list(difference.added), list(difference.removed)])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
