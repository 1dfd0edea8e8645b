"""The log that an agent keeps of its own doings: its hashes, and what the server makes of a batch.
PURE.

An agent's log is a chain: each entry has the hash of its content, and the hash of the entry before
it is part of that content. Whoever owns the device can write the whole chain anew, so the chain
proves something only against what another machine saw of it earlier: that is this server.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

HASH_VERSIONS = (1, 2)
_LENGTH_BYTES = 8
_DIGEST_BYTES = 16


class Kind(StrEnum):
    """What can be wrong with an entry."""

    ALTERED = "altered"  # its hash is not the hash of its content
    CHANGED = "changed"  # it was shipped before with another content
    UNLINKED = "unlinked"  # it does not follow the entry before it
    MISSING = "missing"  # the entries before it never came
    BACKWARDS = "backwards"  # it is older than what was shipped already
    RESTARTED = "restarted"  # the log began anew without an enrollment


@dataclass(frozen=True)
class Problem:
    """One broken rule; `expected` and `found` are hashes, numbers of entries or empty."""

    kind: Kind
    entry_id: int
    expected: str
    found: str
    sentence: str


@dataclass(frozen=True)
class LogEntry:
    """One entry as the agent shipped it; the texts are verbatim, for they are what is hashed."""

    entry_id: int
    event_type: str
    detail: str
    content_hash: str
    prev_hash: str
    created_at: str
    hash_version: int = 1

    @cached_property
    def own_hash(self) -> str:
        """Return the hash that the content has."""
        return content_hash(
            self.hash_version, self.event_type, self.detail, self.prev_hash, self.created_at
        )

    @cached_property
    def digest(self) -> bytes:
        """Return 16 bytes that stand for everything that was shipped of this entry."""
        fields = (
            str(self.entry_id), self.event_type, self.detail, self.prev_hash, self.created_at,
            self.content_hash.lower(), str(self.hash_version),
        )  # fmt: skip
        return hashlib.sha256(_framed(fields)).digest()[:_DIGEST_BYTES]


def content_hash(
    version: int, event_type: str, detail: str, prev_hash: str, created_at: str
) -> str:
    """Return the lower-case hex SHA-256 of an entry's content.

    Version 1 hashes the plain concatenation; version 2 puts each field's length in front of it, so
    that no character can move from one field to the next.
    """
    fields = (event_type, detail, prev_hash, created_at)
    data = b"".join(map(_bytes, fields)) if version == 1 else _framed(fields)
    return hashlib.sha256(data).hexdigest()


def _framed(fields: Iterable[str]) -> bytes:
    encoded = [_bytes(text) for text in fields]
    return b"".join(len(data).to_bytes(_LENGTH_BYTES, "big") + data for data in encoded)


def _bytes(text: str) -> bytes:
    # A lone surrogate has no UTF-8; it gets a form of its own, so that its entry can be judged.
    return text.encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the server has of one entry: everything it was shipped as (see LogEntry.digest), the
    hash that it gave, and what was found wrong with it."""

    digest: bytes
    content_hash: str
    problems: str = ""


@dataclass(frozen=True)
class Witness:
    """What the server knows of a chain before a batch.

    `last` is the highest entry that it has, 0 when there is none; `entries` are those of the
    batch, and those right before them, that it has. An entry that came in two forms has two.
    """

    last: int = 0
    entries: Mapping[int, tuple[Seen, ...]] = field(default_factory=dict)

    @staticmethod
    def asks_for(batch: Iterable[LogEntry], last: int) -> list[int]:
        """Return the numbers that `entries` must have for this batch, if the server has them."""
        numbers = {entry.entry_id for entry in batch}
        numbers |= {number - 1 for number in numbers}
        return sorted(number for number in numbers if 0 < number <= last)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one shipped entry is: known already (`again` says what was wrong then), or new."""

    entry: LogEntry
    known: bool = False
    problems: tuple[Problem, ...] = ()
    again: str = ""


def begins_anew(batch: Iterable[LogEntry], witness: Witness) -> bool:
    """Tell whether a batch is the beginning of another log than the one that the server has.

    One changed entry is a changed entry; a first one with another that follows it is a new log.
    """
    first, second = _start(batch)
    if first is None or not _differs(first, witness) or first.prev_hash:
        return False
    return (
        second is not None
        and second.prev_hash == first.content_hash
        and (second.entry_id > witness.last or _differs(second, witness))
    )


def _start(batch: Iterable[LogEntry]) -> tuple[LogEntry | None, LogEntry | None]:
    found = {entry.entry_id: entry for entry in batch if entry.entry_id <= 2}
    return found.get(1), found.get(2)


def _differs(entry: LogEntry, witness: Witness) -> bool:
    seen = witness.entries.get(entry.entry_id, ())
    return bool(seen) and entry.digest not in {each.digest for each in seen}


def verify(
    batch: Iterable[LogEntry], witness: Witness, *, restarted: bool = False
) -> list[Finding]:
    """Judge a batch, entry by entry in the order of their numbers.

    After a broken entry the next is judged against that one, so each break is told once.
    `restarted`: the batch begins a chain that it had no right to begin.
    """
    chain = _Chain(witness)
    findings = [chain.judge(entry) for entry in sorted(batch, key=lambda entry: entry.entry_id)]
    if restarted and findings:
        first = findings[0]
        problems = (_restarted(first.entry), *first.problems)
        findings[0] = Finding(first.entry, first.known, problems, first.again)
    return findings


class _Chain:
    """The chain while a batch is put to its end."""

    def __init__(self, witness: Witness) -> None:
        self._seen = {number: list(seen) for number, seen in witness.entries.items()}
        self._witnessed = witness.last
        self._last = witness.last

    def judge(self, entry: LogEntry) -> Finding:
        known = self._seen.setdefault(entry.entry_id, [])
        for seen in known:
            if seen.digest == entry.digest:
                return Finding(entry, known=True, again=seen.problems)
        problems = tuple(self._problems(entry, known))
        known.append(Seen(entry.digest, entry.content_hash))
        self._last = max(self._last, entry.entry_id)
        return Finding(entry, problems=problems)

    def _problems(self, entry: LogEntry, known: Sequence[Seen]) -> Iterable[Problem]:
        if entry.content_hash.lower() != entry.own_hash:
            yield _altered(entry)
        if known:
            yield _changed(entry, known[0])
        elif entry.entry_id <= self._witnessed:
            yield _backwards(entry, self._witnessed)
        before = self._seen.get(entry.entry_id - 1)
        if entry.entry_id == 1:
            if entry.prev_hash:
                yield _unlinked(entry, "")
        elif before:
            hashes = {seen.content_hash.lower() for seen in before}
            if entry.prev_hash.lower() not in hashes:
                yield _unlinked(entry, before[-1].content_hash)
        elif entry.entry_id > self._last:
            yield _missing(entry, self._last + 1)


def _altered(entry: LogEntry) -> Problem:
    sentence = (
        f"Entry {entry.entry_id} was altered: its content has the hash {entry.own_hash}, "
        f"and the entry says {_named(entry.content_hash)}."
    )
    return Problem(Kind.ALTERED, entry.entry_id, entry.own_hash, entry.content_hash, sentence)


def _changed(entry: LogEntry, first: Seen) -> Problem:
    sentence = (
        f"Entry {entry.entry_id} was shipped before with another content: it had the hash "
        f"{_named(first.content_hash)}, and now it has {_named(entry.content_hash)}."
    )
    return Problem(Kind.CHANGED, entry.entry_id, first.content_hash, entry.content_hash, sentence)


def _unlinked(entry: LogEntry, expected: str) -> Problem:
    if entry.entry_id == 1:
        sentence = f"Entry 1 begins the log, and names {entry.prev_hash} as the hash before it."
    else:
        sentence = (
            f"Entry {entry.entry_id} does not follow entry {entry.entry_id - 1}: that has the hash "
            f"{_named(expected)}, and entry {entry.entry_id} names {_named(entry.prev_hash)}."
        )
    return Problem(Kind.UNLINKED, entry.entry_id, expected, entry.prev_hash, sentence)


def _missing(entry: LogEntry, first: int) -> Problem:
    last = entry.entry_id - 1
    what = f"Entry {last} never came" if first == last else f"Entries {first} to {last} never came"
    sentence = f"{what}: entry {entry.entry_id} was expected to be entry {first}."
    return Problem(Kind.MISSING, entry.entry_id, str(first), str(entry.entry_id), sentence)


def _backwards(entry: LogEntry, last: int) -> Problem:
    sentence = (
        f"Entry {entry.entry_id} came late: entry {last} was shipped before it, "
        f"and entry {last + 1} was expected."
    )
    return Problem(Kind.BACKWARDS, entry.entry_id, str(last + 1), str(entry.entry_id), sentence)


def _restarted(entry: LogEntry) -> Problem:
    sentence = "The log began again at entry 1, and the device was not enrolled anew."
    return Problem(Kind.RESTARTED, entry.entry_id, "", entry.content_hash, sentence)


def _named(text: str) -> str:
    return text or "none"
