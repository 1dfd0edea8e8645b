"""Read a batch of an agent's log as it is shipped: structure and limits. PURE.

Only a wrong structure is refused, because a refused batch comes again for ever. Texts stay as they
came, for they are what is hashed; what a database cannot hold is mended when it is stored.
"""

import re
from dataclasses import dataclass
from typing import Any

from sentari.agents.audit_chain import HASH_VERSIONS, LogEntry
from sentari.inventory.document import load_object
from sentari.inventory.faults import Faults
from sentari.inventory.fields import Fields
from sentari.inventory.text import Warnings

MAX_ENTRIES = 100_000
# The largest number that every JSON reader keeps whole.
MAX_ENTRY_ID = 2**53 - 1
MAX_EVENT_TYPE, MAX_CREATED_AT, HASH_CHARACTERS = 100, 64, 64
MAX_DEVICE_ID = 64

_HASH = re.compile(r"(?:[0-9a-fA-F]{64})?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shipment:
    """One batch."""

    device_uid: str
    entries: tuple[LogEntry, ...]


def read_shipment(body: bytes) -> Shipment:
    """Return the batch in a request's body.

    Raises MalformedScanError when it is not JSON, ScanError when its structure is wrong.
    """
    faults, warnings = Faults(), Warnings()
    fields = Fields(load_object(body, warnings), "", faults, warnings)
    device_uid = fields.text("device_id", MAX_DEVICE_ID, required=True)
    if "entries" not in fields.members:
        faults.add("/entries", "is missing")
    values = fields.items("entries")
    if len(values) > MAX_ENTRIES:
        faults.add("/entries", f"must not have more than {MAX_ENTRIES:,} items")
        values = []
    entries = [_entry(fields, value, place) for place, value in enumerate(values)]
    faults.raise_if_any()
    return Shipment(device_uid, tuple(entry for entry in entries if entry is not None))


def _entry(fields: Fields, value: object, place: int) -> LogEntry | None:
    child = fields.child(value, f"entries/{place}")
    if child is None:
        return None
    return LogEntry(
        entry_id=_whole_number(child, "entry_id", MAX_ENTRY_ID),
        event_type=_text(child, "event_type", MAX_EVENT_TYPE, required=True),
        detail=_text(child, "detail"),
        content_hash=_hash(child, "content_hash", required=True),
        prev_hash=_hash(child, "prev_hash"),
        created_at=_text(child, "created_at", MAX_CREATED_AT, required=True),
        hash_version=_hash_version(child),
    )


def _text(fields: Fields, name: str, limit: int | None = None, *, required: bool = False) -> str:
    value = fields.members.get(name)
    if value is None and not required:
        return ""
    if type(value) is not str:
        fields.faults.add(f"{fields.pointer}/{name}", "must be a text")
        return ""
    if limit is not None and len(value) > limit:
        fault = f"must not have more than {limit} characters"
        fields.faults.add(f"{fields.pointer}/{name}", fault)
    return value


def _hash(fields: Fields, name: str, *, required: bool = False) -> str:
    text = _text(fields, name, required=required)
    if not _HASH.match(text):
        fault = f"must be {HASH_CHARACTERS} hex digits or empty"
        fields.faults.add(f"{fields.pointer}/{name}", fault)
    return text


def _whole_number(fields: Fields, name: str, highest: int) -> int:
    value: Any = fields.members.get(name)
    if type(value) is not int or not 1 <= value <= highest:
        fault = f"must be a whole number from 1 to {highest}"
        fields.faults.add(f"{fields.pointer}/{name}", fault)
        return 1
    return value


def _hash_version(fields: Fields) -> int:
    value: Any = fields.members.get("hash_version")
    if value is None:
        return HASH_VERSIONS[0]
    if type(value) is not int or value not in HASH_VERSIONS:
        fields.faults.add(f"{fields.pointer}/hash_version", "must be 1 or 2")
        return HASH_VERSIONS[0]
    return value
