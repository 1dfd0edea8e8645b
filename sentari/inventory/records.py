"""The package records of a scan: fingerprints of what was sent, and what one record says. PURE.

A record is one element of the scan's `packages`. Scans of one device are nearly the same from
hour to hour, so a record is read only when its fingerprint was not seen in the scan before.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b, sha256
from operator import attrgetter
from typing import Annotated, Any, NamedTuple

from msgspec import Meta, MsgspecError, defstruct
from msgspec.json import Decoder, Encoder

from sentari.inventory.document import load_value
from sentari.inventory.ecosystems import ecosystem_of
from sentari.inventory.faults import Faults
from sentari.inventory.text import Warnings, excerpt, mend

MAX_PACKAGES = 100_000
MAX_NAME, MAX_VERSION, MAX_PATH, MAX_LICENSE, MAX_WORD = 512, 256, 4096, 4096, 64
FINGERPRINT_BYTES = 8

# Another value makes every stored fingerprint old, so that all records are read afresh once.
_READER_VERSION = b"2"

_encode = Encoder().encode


class PackageKey(NamedTuple):
    """What `max_packages` counts once per device; compared verbatim."""

    ecosystem: str
    name: str
    version: str

    @property
    def digest(self) -> bytes:
        """Return 16 bytes that stand for the key; NUL cannot occur in the parts."""
        return sha256("\0".join(self).encode()).digest()[:16]


class Record(NamedTuple):
    """One read record: the package, its digest, and the JSON text of one location of it."""

    key: PackageKey
    digest: bytes
    location: str
    mended: int


# What the agent sends, the name under which it is kept, the longest text that is kept.
_LOCATION_FIELDS = (
    ("env_type", "env_type", MAX_WORD),
    ("environment", "environment", MAX_PATH),
    ("install_path", "install_path", MAX_PATH),
    ("interpreter_version", "interpreter_version", MAX_VERSION),
    ("installer_user", "installer_user", MAX_VERSION),
    ("install_date", "install_date", MAX_WORD),
    ("source_package", "source_package", MAX_NAME),
    ("license_raw", "package_license", MAX_LICENSE),
    ("license_spdx", "spdx_id", MAX_LICENSE),
    ("license_tier", "package_license_tier", MAX_WORD),
    ("container_runtime", "container_runtime", MAX_WORD),
    ("container_name", "container_name", MAX_NAME),
    ("container_id", "container_id", MAX_VERSION),
    ("container_image_id", "container_image_id", MAX_VERSION),
)


@dataclass(frozen=True)
class RawRecords:
    """The records as they came, each as the bytes of its JSON text, not looked into yet."""

    values: tuple[bytes, ...]

    @cached_property
    def content_hash(self) -> str:
        """Return 64 hex digits that depend on the set of records, not on their order."""
        # NUL cannot occur in JSON text.
        return sha256(b"\0".join([_READER_VERSION, *sorted(set(self.values))])).hexdigest()

    @cached_property
    def positions(self) -> dict[bytes, int]:
        """Return the fingerprint of every distinct record with the place where it stands."""
        return {
            blake2b(value, digest_size=FINGERPRINT_BYTES, person=_READER_VERSION).digest(): place
            for place, value in enumerate(self.values)
        }

    def read(self, places: Iterable[int], warnings: Warnings) -> dict[int, Record]:
        """Return the records at the given places.

        ScanError names every one of a wrong structure.
        """
        faults = Faults()
        records = {}
        for place in places:
            raw = self.values[place]
            quickly = _remember if len(raw) <= _REMEMBERED_BYTES else _read_quickly
            record = quickly(raw) or read_record(
                load_value(raw), f"/packages/{place}", faults, warnings
            )
            if record is not None:
                records[place] = record
        faults.raise_if_any()
        return records


def read_record(value: object, pointer: str, faults: Faults, warnings: Warnings) -> Record | None:
    """Return what one record says, or None after noting what is wrong with its structure."""
    if not isinstance(value, dict):
        faults.add(pointer, "must be an object")
        return None
    if not _is_well_formed(value, pointer, faults):
        return None
    before = warnings.count
    key = _read_key(value, warnings)
    location = _read_location(value, key, warnings)
    return Record(key, key.digest, location, warnings.count - before)


def _is_well_formed(value: Mapping[str, Any], pointer: str, faults: Faults) -> bool:
    wrong = [name for name in _REQUIRED_TEXTS if type(value.get(name)) is not str]
    wrong += [name for name in _OPTIONAL_TEXTS if type(value.get(name)) not in _TEXT_OR_NULL]
    if value.get("env_type") is None and not value.get("ecosystem"):
        wrong.append("env_type")
    for name in wrong:
        faults.add(f"{pointer}/{name}", "must be a text")
    return not wrong


_TEXT_OR_NULL = (str, type(None))
_REQUIRED_TEXTS = ("name", "version")
_OPTIONAL_TEXTS = ("ecosystem", *(name for name, _, _ in _LOCATION_FIELDS))


def _read_key(value: Mapping[str, Any], warnings: Warnings) -> PackageKey:
    name = mend(value["name"], MAX_NAME, "package name", warnings)
    version = mend(value["version"], MAX_VERSION, "version", warnings)
    ecosystem = value.get("ecosystem") or ecosystem_of(value.get("env_type") or "")
    return PackageKey(mend(ecosystem, MAX_WORD, "ecosystem", warnings), name, version)


def _read_location(value: Mapping[str, Any], key: PackageKey, warnings: Warnings) -> str:
    location: dict[str, Any] = {}
    for sent, kept, limit in _LOCATION_FIELDS:
        text = value.get(sent)
        if text:
            if len(text) > limit or not text.isascii() or "\0" in text:
                text = mend(text, limit, f"{sent} of {excerpt(key.name)!r}:", warnings)
            location[kept] = text
    return _encode(location).decode()


def _most(characters: int) -> Any:
    return Annotated[str, Meta(max_length=characters)]


# A record of which nothing is refused and nothing is mended.
_Ordinary = defstruct(
    "_Ordinary",
    [
        ("name", _most(MAX_NAME)),
        ("version", _most(MAX_VERSION)),
        ("ecosystem", _most(MAX_WORD) | None, None),
        *((sent, _most(limit) | None, None) for sent, _, limit in _LOCATION_FIELDS),
    ],
)
_decode_ordinary: Any = Decoder(_Ordinary).decode
_texts_of: Any = attrgetter(*(sent for sent, _, _ in _LOCATION_FIELDS))
_KEPT_NAMES = tuple(kept for _, kept, _ in _LOCATION_FIELDS)


def _read_quickly(raw: bytes) -> Record | None:
    """Return what an ordinary record says, None for one that has to be read thoroughly."""
    # What no database can hold, NUL and lone surrogates, comes as an escape.
    if b"\\u" in raw:
        return None
    try:
        sent = _decode_ordinary(raw)
    except (MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not sent.ecosystem and sent.env_type is None:
        return None
    ecosystem = sent.ecosystem or ecosystem_of(sent.env_type)
    key = PackageKey(ecosystem, sent.name, sent.version)
    texts = zip(_KEPT_NAMES, _texts_of(sent), strict=True)
    location = _encode({name: text for name, text in texts if text}).decode()
    return Record(key, key.digest, location, 0)


# Machines that were made from one image send the same records. Long ones are rare and are not kept:
# an agent must not fill the memory of the server with them.
_REMEMBERED, _REMEMBERED_BYTES = 8_192, 1_024
_remember = lru_cache(_REMEMBERED)(_read_quickly)


def join_locations(locations: Iterable[str]) -> str:
    """Return distinct locations as one JSON array whose text does not depend on their order."""
    return "[" + ",".join(sorted(set(locations))) + "]"
