"""Write a list as an XLSX workbook of one sheet.

Texts are written as texts: no cell is taken for a formula, a link or a number.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import IO, Any

from xlsxwriter import Workbook

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# What the format holds, the heading included.
MOST_ROWS = 1_048_576
LONGEST_CELL = 32_767

_OPTIONS = {"constant_memory": True, "remove_timezone": True}
_MOMENT = "yyyy-mm-dd hh:mm:ss"
_COLUMN_WIDTH = 24
_CUT = " ... (cut)"


class WorkbookError(ValueError):
    """The list does not fit into a sheet; the text says what to do."""


def write_workbook(
    file: IO[bytes],
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    created_at: datetime,
    most_rows: int = MOST_ROWS,
) -> None:
    """Write the rows below a heading; WorkbookError when there are more than a sheet holds.

    Rows are taken one by one and kept on disk, so their number costs no memory. Times are in UTC.
    """
    with Workbook(file, _OPTIONS) as book:
        book.set_properties({"title": title, "created": created_at.replace(tzinfo=None)})
        moment = book.add_format({"num_format": _MOMENT})
        sheet = book.add_worksheet("Sentari")
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(columns) - 1, _COLUMN_WIDTH)
        sheet.write_row(0, 0, columns, book.add_format({"bold": True}))
        for number, row in enumerate(rows, start=1):
            if number >= most_rows:
                raise WorkbookError(
                    f"A sheet has room for {most_rows - 1:,} rows below its heading, and the list "
                    "has more. Narrow it down, or download CSV."
                )
            for place, cell in enumerate(row):
                _write(sheet, number, place, cell, moment)


def _write(sheet: Any, row: int, column: int, cell: object, moment: Any) -> None:
    if isinstance(cell, datetime):
        sheet.write_datetime(row, column, cell.astimezone(UTC), moment)
    elif isinstance(cell, int):
        sheet.write_number(row, column, cell)
    elif cell is not None:
        sheet.write_string(row, column, _fitting(str(cell)))


def _fitting(text: str) -> str:
    """Cut a text at what a cell holds, which is counted in UTF-16, and say so in it."""
    if len(text) <= LONGEST_CELL // 2:
        return text
    units = text.encode("utf-16-le")
    if len(units) <= 2 * LONGEST_CELL:
        return text
    return units[: 2 * (LONGEST_CELL - len(_CUT))].decode("utf-16-le", "ignore") + _CUT
