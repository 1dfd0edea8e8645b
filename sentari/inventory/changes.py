"""The difference of two inventories of one device. PURE.

Beside a device's packages the database keeps an index of its last scan: the fingerprint of
each record and the package it belongs to. With it a scan that differs in a few records is
compared, read and written in those few records only.
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from sentari.inventory.records import (
    FINGERPRINT_BYTES,
    PackageKey,
    RawRecords,
    Record,
    join_locations,
)
from sentari.inventory.text import Warnings

# Fingerprint, package id, number of values that were mended in the record (255: or more).
_ENTRY = struct.Struct(f"<{FINGERPRINT_BYTES}sIB")
_MOST_MENDED = 255


class Entry(NamedTuple):
    """What the index knows of one record."""

    package_id: int
    mended: int


Index = Mapping[bytes, Entry]


def decode_index(blob: bytes) -> dict[bytes, Entry]:
    """Return the stored index of a device's last scan; empty bytes are an empty index."""
    return {
        fingerprint: Entry(package_id, mended)
        for fingerprint, package_id, mended in _ENTRY.iter_unpack(blob)
    }


def encode_index(index: Index) -> bytes:
    """Return the index as it is stored; equal indexes have equal bytes."""
    return b"".join(
        _ENTRY.pack(fingerprint, entry.package_id, min(entry.mended, _MOST_MENDED))
        for fingerprint, entry in sorted(index.items())
    )


@dataclass(frozen=True, slots=True)
class News:
    """What a scan brings against an index, before packages have got their ids.

    `fresh` are the records that were not in the last scan, by fingerprint; `gone` are the
    fingerprints of those that are no longer there.
    """

    fresh: Mapping[bytes, Record]
    gone: frozenset[bytes]

    @property
    def keys(self) -> list[PackageKey]:
        """Return the packages of the fresh records, sorted, each once."""
        return sorted({record.key for record in self.fresh.values()})


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to be written: package ids, and with them the JSON text of the locations."""

    added: Mapping[int, str]
    changed: Mapping[int, str]
    removed: tuple[int, ...]
    index: bytes
    tracked: int

    @property
    def growth(self) -> int:
        """Return by how many tracked packages the device's inventory grows."""
        return len(self.added) - len(self.removed)

    @property
    def is_empty(self) -> bool:
        """Tell whether the inventory stays as it is."""
        return not (self.added or self.changed or self.removed)

    def beside(self, stored: Mapping[int, str]) -> "Difference":
        """Return the difference without what is stored already: an agent may only write it anew."""
        changed = {
            number: text for number, text in self.changed.items() if stored.get(number) != text
        }
        return replace(self, changed=changed)


def find_news(records: RawRecords, index: Index, warnings: Warnings) -> News:
    """Compare a scan's records with the index of the last scan; only the fresh ones are read.

    Raises ScanError for a fresh record with a wrong structure. Records that are kept and were
    mended are read again for their warnings.
    """
    positions = records.positions
    new = [place for mark, place in positions.items() if mark not in index]
    mended = [place for mark, place in positions.items() if mark in index and index[mark].mended]
    read = records.read([*new, *mended], warnings)
    fresh = {mark: read[place] for mark, place in positions.items() if mark not in index}
    return News(fresh, frozenset(index.keys() - positions.keys()))


def settle(
    news: News, records: RawRecords, index: Index, ids: Mapping[PackageKey, int]
) -> Difference:
    """Return what has to be written, once every fresh record's package has an id.

    All locations of a package are written together, so the records of the touched packages
    that did not change are read again.
    """
    entries = {mark: index[mark] for mark in records.positions if mark in index}
    fresh = {mark: Entry(ids[r.key], r.mended) for mark, r in news.fresh.items()}
    touched = {entry.package_id for entry in fresh.values()}
    touched.update(index[mark].package_id for mark in news.gone)
    locations = _locations(touched, news, records, {**entries, **fresh})
    known = {entry.package_id for entry in index.values()}
    now = {entry.package_id for entry in (*entries.values(), *fresh.values())}
    return Difference(
        added=_only(locations, now - known),
        changed=_only(locations, touched & now & known),
        removed=tuple(sorted(touched - now)),
        index=encode_index({**entries, **fresh}),
        tracked=len(now),
    )


def _locations(
    touched: set[int], news: News, records: RawRecords, entries: Index
) -> dict[int, str]:
    kept = [
        mark
        for mark, entry in entries.items()
        if entry.package_id in touched and mark not in news.fresh
    ]
    places = [records.positions[mark] for mark in kept]
    # They were read without a fault when they were fresh; what was mended is counted already.
    read = records.read(places, Warnings())
    found: dict[int, list[str]] = {}
    for mark, record in news.fresh.items():
        found.setdefault(entries[mark].package_id, []).append(record.location)
    for mark, place in zip(kept, places, strict=True):
        found.setdefault(entries[mark].package_id, []).append(read[place].location)
    return {package_id: join_locations(texts) for package_id, texts in found.items()}


def _only(locations: Mapping[int, str], package_ids: Iterable[int]) -> dict[int, str]:
    return {package_id: locations[package_id] for package_id in sorted(package_ids)}
