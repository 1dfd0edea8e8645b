import io
from datetime import datetime, timedelta, timezone

import pytest

from sentari.inventory.workbooks import LONGEST_CELL, WorkbookError, write_workbook
from tests.clocks import NOON
from tests.workbook import cells, moment


def written(rows, columns=("a", "b"), **options):
    file = io.BytesIO()
    write_workbook(file, "title", columns, rows, created_at=NOON, **options)
    return cells(file.getvalue())


@pytest.mark.parametrize(
    "text",
    ["=1+1", "=cmd|' /C calc'!A0", "+1", "-1", "@x", "{=1}", "http://a.example", "mailto:a", "007"],
)
def test_every_text_is_written_as_a_text(text):
    assert written([[text, "x"]])[1] == [text, "x"]


def test_texts_that_xml_cannot_hold_are_written_in_the_formats_own_way():
    _, row = written([["<b>&\"'", "tab\tnew\nline"], ["\x01", "é🐍 "]])[:2]
    assert row == ["<b>&\"'", "tab\tnew\nline"]
    assert written([["\x01", " é🐍 "]])[1] == ["_x0001_", " é🐍 "]


def test_numbers_times_and_nothing_keep_their_kind():
    berlin = datetime(2026, 11, 23, 13, tzinfo=timezone(timedelta(hours=1)))
    row = written([[12, NOON, None, berlin]], "abcd")[1]
    assert (row[0], row[2]) == (12.0, None)
    assert moment(row[1]) == moment(row[3]) == NOON


def test_an_empty_list_is_a_heading():
    assert written([]) == [["a", "b"]]


def test_a_sheet_that_is_full_is_written_and_one_row_more_is_refused():
    assert len(written([["x"]] * 3, most_rows=4)) == 4
    with pytest.raises(WorkbookError, match="room for 3 rows"):
        written([["x"]] * 4, most_rows=4)


@pytest.mark.parametrize("letter", ["x", "🐍"])
def test_a_text_longer_than_a_cell_is_cut_and_says_so(letter):
    longest = LONGEST_CELL // len(letter.encode("utf-16-le")) * 2
    (whole,) = written([[letter * longest]], "a")[1]
    assert whole == letter * longest
    (cut,) = written([[letter * (longest + 2)]], "a")[1]
    assert cut.endswith(f"{letter} ... (cut)")
    assert len(cut.encode("utf-16-le")) <= 2 * LONGEST_CELL
