"""The difference of two inventories of one device. PURE.

Beside a device's packages the database keeps an index of its last scan: the fingerprint of
each record and the package it belongs to. With it a scan that differs in a few records is
compared, read and written in those few records only.
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
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
_ID = struct.Struct("<I")
_MOST_MENDED = 255
# Databases count to 2**31 - 1: a package that has no id yet is given one from here on.
_PROVISIONAL = 2**31


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
    def packages(self) -> dict[bytes, PackageKey]:
        """Return the packages of the fresh records by their digests."""
        return {record.digest: record.key for record in self.fresh.values()}


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to be written: package ids, and with them the JSON text of the locations.

    `arrived` are the digests of the added packages. `missing` are packages that have provisional
    ids, by their digests in order; `pending` are the places of such ids in the index.
    """

    added: Mapping[int, str]
    changed: Mapping[int, str]
    removed: tuple[int, ...]
    index: bytes
    tracked: int
    arrived: tuple[bytes, ...] = ()
    missing: Mapping[bytes, PackageKey] = field(default_factory=dict)
    pending: tuple[int, ...] = ()

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

    def with_ids(self, ids: Mapping[bytes, int]) -> "Difference":
        """Return the difference with the ids that the missing packages have got."""
        if not self.missing:
            return self
        real = [ids[digest] for digest in self.missing]
        added = {
            number if number < _PROVISIONAL else real[number - _PROVISIONAL]: text
            for number, text in self.added.items()
        }
        index = bytearray(self.index)
        for place in self.pending:
            (number,) = _ID.unpack_from(index, place)
            _ID.pack_into(index, place, real[number - _PROVISIONAL])
        return replace(self, added=added, index=bytes(index), missing={}, pending=())


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


def settle(news: News, records: RawRecords, index: Index, known: Mapping[bytes, int]) -> Difference:
    """Return what has to be written; `known` are the ids of the packages that have one.

    All locations of a package are written together, so the records of the touched packages
    that did not change are read again.
    """
    packages = news.packages
    missing = {digest: packages[digest] for digest in sorted(packages.keys() - known.keys())}
    ids = {**known, **{digest: _PROVISIONAL + place for place, digest in enumerate(missing)}}
    kept = {mark: index[mark] for mark in records.positions if mark in index}
    fresh = {mark: Entry(ids[r.digest], r.mended) for mark, r in news.fresh.items()}
    entries = {**kept, **fresh}
    touched = {entry.package_id for entry in fresh.values()}
    touched.update(index[mark].package_id for mark in news.gone)
    locations = _locations(touched, news, records, entries)
    before = {entry.package_id for entry in index.values()}
    now = {entry.package_id for entry in entries.values()}
    added = now - before
    return Difference(
        added=_only(locations, added),
        changed=_only(locations, touched & now & before),
        removed=tuple(sorted(touched - now)),
        index=encode_index(entries),
        tracked=len(now),
        arrived=tuple(digest for digest, number in ids.items() if number in added),
        missing=missing,
        pending=_pending(entries) if missing else (),
    )


def _pending(entries: Index) -> tuple[int, ...]:
    return tuple(
        place * _ENTRY.size + FINGERPRINT_BYTES
        for place, mark in enumerate(sorted(entries))
        if entries[mark].package_id >= _PROVISIONAL
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
