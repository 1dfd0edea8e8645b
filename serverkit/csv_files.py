"""Write lists as CSV, row by row, harmless to the program that opens them.

A cell that a spreadsheet would run as a formula gets an apostrophe in front. So does one that
begins with a blank, because some programs trim cells before they look at them, and one with a
full-width sign, which they take for the plain one.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield a CSV document (RFC 4180, with a heading) in pieces of one line."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    yield _take(buffer)
    for row in rows:
        writer.writerow([harmless(cell) for cell in row])
        yield _take(buffer)


def harmless(cell: object) -> str:
    """Return a cell as text that no spreadsheet takes for a formula."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.isoformat()
    text = str(cell)
    if isinstance(cell, str) and (text.startswith(_FORMULA) or text[:1].isspace()):
        return "'" + text
    return text


def _take(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
