"""Write audit events out as files, row by row."""

import json
from collections.abc import Iterable, Iterator

from flask import Response

from serverkit.audit.chain import AuditEntry, canonical, format_time
from serverkit.csv_files import csv_lines
from serverkit.pages import download
from serverkit.problems import Problem

FORMATS = ("csv", "jsonl")
_COLUMNS = ("seq", "occurred_at", "actor", "action", "target", "detail", "prev_hash", "hash")


def asked_format(form: str) -> str:
    """Return the format that was asked for; 400 says which there are."""
    if form not in FORMATS:
        detail = f"format is one of {', '.join(FORMATS)}."
        raise Problem(400, "bad_parameter", "Bad parameter", detail)
    return form


def events_download(form: str, entries: Iterable[AuditEntry]) -> Response:
    """Answer with the events as a file, sent while it is made."""
    if form == "csv":
        rows = (_cells(entry) for entry in entries)
        return download(csv_lines(_COLUMNS, rows), "audit.csv", "text/csv; charset=utf-8")
    return download(json_lines(entries), "audit.jsonl", "application/jsonl; charset=utf-8")


def json_lines(entries: Iterable[AuditEntry]) -> Iterator[str]:
    """Yield each event as one line of JSON, hashes included."""
    for entry in entries:
        document = {**vars(entry), "occurred_at": format_time(entry.occurred_at)}
        yield json.dumps(document, ensure_ascii=False) + "\n"


def _cells(entry: AuditEntry) -> tuple[object, ...]:
    """Return the cells of a row: the detail in the form that the hash is over."""
    detail = canonical(entry.detail)
    moment = format_time(entry.occurred_at)
    return (
        entry.seq, moment, entry.actor, entry.action, entry.target, detail,
        entry.prev_hash, entry.hash,
    )  # fmt: skip
