import csv
import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentari.inventory.exports import (
    HOLDER_COLUMNS,
    holder_item,
    holder_row,
    json_lines,
)
from sentari.inventory.packages import Holder
from serverkit.csv_files import csv_lines, harmless

storable = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))


def written(columns, rows):
    return list(csv.reader(io.StringIO("".join(csv_lines(columns, rows)), newline="")))


@pytest.mark.parametrize("first", "=+-@\t\r\n \xa0＝＋－＠")
def test_a_cell_that_a_spreadsheet_would_run_is_defused(first):
    assert harmless(first + "cmd|' /C calc'!A0") == "'" + first + "cmd|' /C calc'!A0"


@pytest.mark.parametrize("cell", ["", "pip", "a=b", "a ", "'=1", "1-2", "ａ＝"])
def test_other_texts_are_written_as_they_are(cell):
    assert harmless(cell) == cell


def test_numbers_and_times_are_written_plainly():
    assert harmless(-5) == "-5"
    assert harmless(None) == ""
    assert harmless(datetime(2026, 11, 23, 12, tzinfo=UTC)) == "2026-11-23T12:00:00+00:00"


@given(st.lists(st.lists(storable, min_size=2, max_size=2)))
def test_any_text_survives_the_csv_but_for_the_apostrophe(rows):
    read = written(["a", "b"], rows)
    assert read == [["a", "b"], *([harmless(cell) for cell in row] for row in rows)]


def test_a_hostile_package_is_exported_harmlessly():
    places = [
        {"env_type": "venv", "install_path": "=1+1", "package_license": "MIT"},
        {"env_type": "venv", "install_path": "/b", "spdx_id": "MIT"},
    ]
    holder = Holder(
        "uid", "@host", "pypi", "<script>alert(1)</script>", "=cmd|' /C calc'!A0", places
    )
    (_, row) = written(HOLDER_COLUMNS, [holder_row(holder)])
    cells = dict(zip(HOLDER_COLUMNS, row, strict=True))
    assert cells["hostname"] == "'@host"
    assert cells["name"] == "<script>alert(1)</script>"
    assert cells["version"] == "'=cmd|' /C calc'!A0"
    assert cells["install_paths"] == "'=1+1; /b"
    assert (cells["locations"], cells["environments"]) == ("2", "venv")
    assert holder_item(holder)["locations"] == places


def test_a_json_export_is_one_array():
    assert json.loads("".join(json_lines([]))) == []
    rows = [{"name": "é\n"}, {"name": "</script>"}]
    assert json.loads("".join(json_lines(rows))) == rows
