"""The audit chain itself: canonical form, hashes, and the walk that proves them. PURE."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

GENESIS = "0" * 64
_LARGEST_INTEGER = 2**53


class ChainError(ValueError):
    """A value cannot be part of the chain."""


@dataclass(frozen=True)
class AuditEntry:
    """One link. `hash` is over all the other fields, `prev_hash` is the link before."""

    seq: int
    occurred_at: datetime
    actor: str
    action: str
    target: str
    detail: Mapping[str, Any]
    prev_hash: str
    hash: str


@dataclass(frozen=True)
class Verdict:
    """What a walk found: the last good link, and the first broken one if there is one."""

    checked: int
    seq: int
    head: str
    broken_seq: int | None = None
    problem: str | None = None

    @classmethod
    def at_the_beginning(cls) -> "Verdict":
        """Return what is known before the first link."""
        return cls(0, 0, GENESIS)

    @property
    def intact(self) -> bool:
        """Tell whether no link is broken."""
        return self.problem is None


@dataclass(frozen=True)
class Break:
    """A link that does not hold; `hash` is what it should have, if it can be hashed at all."""

    seq: int
    problem: str
    hash: str | None = None


def canonical(value: object) -> str:
    """Return the RFC 8785 form of a JSON value without fractional numbers."""
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ChainError("a key is not text")
        # RFC 8785, 3.2.3: keys are ordered by their UTF-16 code units.
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in keys) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    return _canonical_scalar(value)


def _canonical_scalar(value: object) -> str:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ChainError("a text is not well-formed Unicode") from error
    elif isinstance(value, int):
        if abs(value) > _LARGEST_INTEGER:
            raise ChainError("a number is larger than 2^53")
    elif value is not None:
        raise ChainError(f"{type(value).__name__} has no canonical form here")
    return json.dumps(value, ensure_ascii=False)


def format_time(moment: datetime) -> str:
    """Return RFC 3339 in UTC with six digits and Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def entry_hash(entry: AuditEntry) -> str:
    """Return the lower-case hex SHA-256 of the entry's canonical form without its hash."""
    document = {
        "seq": entry.seq,
        "occurred_at": format_time(entry.occurred_at),
        "actor": entry.actor,
        "action": entry.action,
        "target": entry.target,
        "detail": entry.detail,
        "prev_hash": entry.prev_hash,
    }
    return hashlib.sha256(canonical(document).encode()).hexdigest()


def next_entry(
    seq: int,
    prev_hash: str,
    *,
    at: datetime,
    actor: str,
    action: str,
    target: str,
    detail: Mapping[str, Any],
) -> AuditEntry:
    """Return the link after (`seq`, `prev_hash`)."""
    bare = AuditEntry(seq + 1, at, actor, action, target, detail, prev_hash, "")
    return AuditEntry(seq + 1, at, actor, action, target, detail, prev_hash, entry_hash(bare))


def verify(entries: Iterable[AuditEntry], *, seq: int = 0, head: str = GENESIS) -> Verdict:
    """Walk the links that follow (`seq`, `head`) and stop at the first that does not hold."""
    checked = 0
    for entry in entries:
        problem = _problem(entry, seq, head)
        if problem:
            return Verdict(checked, seq, head, entry.seq, problem)
        seq, head, checked = entry.seq, entry.hash, checked + 1
    return Verdict(checked, seq, head)


def breaks(entries: Iterable[AuditEntry]) -> Iterator[Break]:
    """Walk all the links and yield each that does not hold, taken as it is for the next one."""
    seq, head = 0, GENESIS
    for entry in entries:
        problem = _problem(entry, seq, head)
        if problem:
            yield Break(entry.seq, problem, _hash_or_none(entry))
        seq, head = entry.seq, entry.hash


def _hash_or_none(entry: AuditEntry) -> str | None:
    try:
        return entry_hash(entry)
    except ChainError:
        return None


def _problem(entry: AuditEntry, seq: int, head: str) -> str | None:
    if entry.seq != seq + 1:
        return f"entry {seq + 1} is missing"
    if entry.prev_hash != head:
        return f"entry {entry.seq} does not follow the one before it"
    try:
        expected = entry_hash(entry)
    except ChainError as error:
        return f"entry {entry.seq} cannot be hashed: {error}"
    return None if entry.hash == expected else f"entry {entry.seq} was changed after it was written"
