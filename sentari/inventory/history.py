"""A device's scans, and what each of them changed. Reads only."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, undefer

from sentari.inventory.ingestion import APPLIED
from sentari.inventory.models import CHANGED_SCANS, Device, Package, ScanEntry
from sentari.inventory.records import PackageKey
from sentari.inventory.scan_changes import Change, PackageChange, count_changes, tell_changes
from sentari.inventory.version_order import compare
from serverkit.paging import Page

_CHUNK = 500
_LONGEST_NUMBER = 18
# A scan that changed more is told in numbers where several scans stand together.
MOST_TOLD = 200


@dataclass(frozen=True)
class ScanReport:
    """A scan and what it changed; `first`: there was nothing to compare it with."""

    scan: ScanEntry
    changes: Sequence[PackageChange]

    @property
    def first(self) -> bool:
        """Tell whether this was the first scan that made an inventory."""
        return self.scan.status == APPLIED and self.scan.changes is None

    @property
    def counts(self) -> dict[Change, int]:
        """Return how many changes there are of each kind."""
        return count_changes(self.changes)

    def page(self, kind: Change | None, *, page: int, page_size: int) -> Page[PackageChange]:
        """Return one page of the changes, of one kind if asked."""
        found = [each for each in self.changes if kind in (None, each.change)]
        start = (page - 1) * page_size
        return Page(found[start : start + page_size], len(found), page, page_size)


@dataclass(frozen=True)
class Novelty:
    """A scan that changed something, and its device; `changes` is None when they are too many."""

    device: Device
    scan: ScanEntry
    changes: Sequence[PackageChange] | None


def device_scans(session: Session, device: Device, *, page: int, page_size: int) -> Page[ScanEntry]:
    """Return one page of a device's scans, the newest first."""
    mine = ScanEntry.device_id == device.id
    total = session.scalar(select(func.count(ScanEntry.id)).where(mine))
    query = select(ScanEntry).where(mine).order_by(ScanEntry.scanned_at.desc())
    items = session.scalars(query.limit(page_size).offset((page - 1) * page_size)).all()
    return Page(items, total or 0, page, page_size)


def newest_changes(session: Session, limit: int) -> list[Novelty]:
    """Return the scans of all devices that last changed something, the newest first."""
    query = (
        select(Device, ScanEntry)
        .join(Device, Device.id == ScanEntry.device_id)
        .where(text(CHANGED_SCANS))
        .order_by(ScanEntry.received_at.desc(), ScanEntry.id.desc())
        .limit(limit)
    )
    found = [(device, scan) for device, scan in session.execute(query)]
    short = [scan.id for _, scan in found if scan.added + scan.removed <= MOST_TOLD]
    told = _told(session, short)
    return [Novelty(device, scan, told.get(scan.id)) for device, scan in found]


def _told(session: Session, scan_ids: Sequence[int]) -> dict[int, list[PackageChange]]:
    query = select(ScanEntry.id, ScanEntry.changes).where(ScanEntry.id.in_(scan_ids))
    ids = {row.id: json.loads(row.changes) for row in session.execute(query)}
    packages = _packages(session, list({each for both in ids.values() for each in chain(*both)}))
    return {scan_id: _changes(packages, *both) for scan_id, both in ids.items()}


def scan_report(session: Session, device: Device, number: str) -> ScanReport | None:
    """Return the device's scan of this number with its changes, or None when there is none."""
    if not (number.isascii() and number.isdigit() and len(number) <= _LONGEST_NUMBER):
        return None
    query = select(ScanEntry).where(ScanEntry.id == int(number), ScanEntry.device_id == device.id)
    scan = session.scalars(query.options(undefer(ScanEntry.changes))).one_or_none()
    if scan is None:
        return None
    added, removed = json.loads(scan.changes) if scan.changes else ((), ())
    packages = _packages(session, [*added, *removed])
    return ScanReport(scan, _changes(packages, added, removed))


def _changes(
    packages: Mapping[int, PackageKey], added: Sequence[int], removed: Sequence[int]
) -> list[PackageChange]:
    came, went = ([packages[number] for number in numbers] for numbers in (added, removed))
    return tell_changes(came, went, compare)


def _packages(session: Session, ids: Sequence[int]) -> dict[int, PackageKey]:
    columns = (Package.id, Package.ecosystem, Package.name, Package.version)
    found: dict[int, PackageKey] = {}
    numbers = iter(ids)
    while chunk := list(islice(numbers, _CHUNK)):
        for row in session.execute(select(*columns).where(Package.id.in_(chunk))):
            found[row.id] = PackageKey(row.ecosystem, row.name, row.version)
    return found
