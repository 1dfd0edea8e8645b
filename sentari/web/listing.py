"""What the pages and the API of lists have in common: filters from the address, CSV answers."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from flask import Response, request, stream_with_context
from flask_login import current_user

from sentari.extensions import current, writing
from sentari.inventory.exports import csv_lines, note_export
from sentari.inventory.filters import DeviceFilter, FilterError, PackageFilter
from serverkit.problems import Problem

Filter = TypeVar("Filter")


def device_filter() -> DeviceFilter:
    """Return the filter of devices in the address; 400 says what it takes."""
    return _parsed(DeviceFilter.parse)


def package_filter() -> PackageFilter:
    """Return the filter of packages in the address; 400 says what it takes."""
    return _parsed(PackageFilter.parse)


def wants_csv() -> bool:
    """Tell whether the list was asked for as a file."""
    return request.args.get("format") == "csv"


def csv_download(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Answer with a list as a file, which is audited first and then sent as it is read."""
    note("csv", name)
    return download(csv_lines(columns, rows), f"{name}.csv", "text/csv; charset=utf-8")


def download(lines: Iterator[str], filename: str, content_type: str) -> Response:
    """Answer with a file that is sent while it is made."""
    response = Response(stream_with_context(lines), content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def note(form: str, what: str) -> None:
    """Audit that whoever is signed in takes data away."""
    actor, now = current_user.actor, current().clock.now()
    filters = request.query_string.decode("ascii", "replace")[:1000]
    with writing() as session:
        note_export(session, what, form, at=now, actor=actor, filters=filters)


def _parsed(parse: Callable[[Mapping[str, str]], Filter]) -> Filter:
    try:
        return parse(request.args)
    except FilterError as error:
        raise Problem(400, "bad_parameter", "Bad parameter", str(error)) from error
