"""What the pages and the API of lists have in common: filters from the address, files."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from flask import Response, request
from flask_login import current_user

from sentari.extensions import current, writing
from sentari.inventory.exports import note_export
from sentari.inventory.filters import DeviceFilter, FilterError, PackageFilter
from sentari.inventory.scan_changes import Change
from sentari.inventory.workbooks import CONTENT_TYPE, WorkbookError, write_workbook
from serverkit.csv_files import csv_lines
from serverkit.pages import download
from serverkit.problems import Problem

TABLE_FORMATS = ("csv", "xlsx")
_CHUNK_BYTES = 65_536


@contextmanager
def filtering() -> Iterator[None]:
    """Answer 400, in its own words, for a filter that cannot be read or carried out."""
    try:
        yield
    except FilterError as error:
        raise bad_parameter(str(error)) from error


def device_filter() -> DeviceFilter:
    """Return the filter of devices in the address; 400 says what it takes."""
    with filtering():
        return DeviceFilter.parse(request.args)


def package_filter() -> PackageFilter:
    """Return the filter of packages in the address; 400 says what it takes."""
    with filtering():
        return PackageFilter.parse(request.args)


def part_filter() -> PackageFilter:
    """Return the same where a search is for a part of a name only."""
    with filtering():
        return PackageFilter.parse_parts(request.args)


def change_kind() -> Change | None:
    """Return the kind of changes in the address, None for all; 400 says what it takes."""
    kind = request.args.get("kind")
    try:
        return Change(kind) if kind else None
    except ValueError:
        raise bad_parameter(f"kind is one of {', '.join(Change)}.") from None


def asked_file() -> str | None:
    """Return the kind of file that the list was asked for as, or None for the page."""
    form = request.args.get("format") or None
    if form not in (None, *TABLE_FORMATS):
        raise bad_parameter(f"format is one of {', '.join(TABLE_FORMATS)}.")
    return form


def table_download(
    form: str, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> Response:
    """Answer with a list as a file; that it is taken away is audited first."""
    note(form, name)
    if form == "csv":
        return download(csv_lines(columns, rows), f"{name}.csv", "text/csv; charset=utf-8")
    try:
        return _workbook(name, columns, rows)
    except WorkbookError as error:
        raise Problem(400, "too_many_rows", "Too many rows", str(error)) from error


def note(form: str, what: str) -> None:
    """Audit that whoever is signed in takes data away."""
    actor, now = current_user.actor, current().clock.now()
    filters = request.query_string.decode("ascii", "replace")[:1000]
    with writing() as session:
        note_export(session, what, form, at=now, actor=actor, filters=filters)


def bad_parameter(detail: str) -> Problem:
    """Return the 400 that says what a parameter takes."""
    return Problem(400, "bad_parameter", "Bad parameter", detail)


def _workbook(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the answer was sent
    try:
        write_workbook(file, name, columns, rows, created_at=current().clock.now())
    except BaseException:
        file.close()
        raise
    response = download(iter(lambda: file.read(_CHUNK_BYTES), b""), f"{name}.xlsx", CONTENT_TYPE)
    response.content_length = file.tell()
    response.call_on_close(file.close)
    file.seek(0)
    return response
