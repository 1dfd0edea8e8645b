"""Logs as agents keep them: chains of entries, whole and damaged."""

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from sentari.agents.audit_chain import LogEntry, content_hash

BEGAN = "2026-05-23T10:00:{:02}.000000001Z"


def entry(number: int, before: str = "", *, version: int = 2, **texts: str) -> LogEntry:
    """Return an entry whose own hash is right."""
    words = {
        "event_type": "scan.started",
        "detail": f"hostname=web{number:02}",
        "created_at": BEGAN.format(number % 60),
    } | texts
    digest = content_hash(
        version, words["event_type"], words["detail"], before, words["created_at"]
    )
    return LogEntry(number, content_hash=digest, prev_hash=before, hash_version=version, **words)


def chain(length: int, *, after: LogEntry | None = None, **texts: str) -> list[LogEntry]:
    """Return a log of so many entries, from the first or from the one after another."""
    entries = [] if after is None else [after]
    for _ in range(length):
        last = entries[-1] if entries else None
        number, before = (last.entry_id + 1, last.content_hash) if last else (1, "")
        entries.append(entry(number, before, **texts))
    return entries if after is None else entries[1:]


def forged(original: LogEntry, **changes: Any) -> LogEntry:
    """Return the entry as somebody who edits it without its hash leaves it."""
    return replace(original, **changes)


def sent(entries: Iterable[LogEntry]) -> list[dict[str, Any]]:
    """Return entries as they stand in a request."""
    return [asdict(each) for each in entries]
