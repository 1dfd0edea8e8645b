"""Read back a workbook as a spreadsheet would, with nothing but the format's own XML."""

import io
import zipfile
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

_NAMES = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
_DAY_ZERO = datetime(1899, 12, 30, tzinfo=UTC)


def cells(document: bytes) -> list[list[object]]:
    """Return the rows of the only sheet: texts, numbers, and None for what is empty.

    A formula or a link would be a bug; both raise.
    """
    with zipfile.ZipFile(io.BytesIO(document)) as file:
        sheet = ElementTree.fromstring(file.read("xl/worksheets/sheet1.xml"))
        assert not any("hyperlink" in name or "externalLink" in name for name in file.namelist())
    assert sheet.find(".//m:f", _NAMES) is None, "a formula"
    assert sheet.find(".//m:hyperlink", _NAMES) is None, "a link"
    return [_row(row) for row in sheet.iterfind(".//m:row", _NAMES)]


def _row(row: ElementTree.Element) -> list[object]:
    found: dict[int, object] = {}
    for cell in row.iterfind("m:c", _NAMES):
        letters = cell.attrib["r"].rstrip("0123456789")
        assert len(letters) == 1
        found[ord(letters) - ord("A")] = _value(cell)
    return [found.get(place) for place in range(max(found, default=-1) + 1)]


def _value(cell: ElementTree.Element) -> object:
    if cell.attrib.get("t") == "inlineStr":
        return "".join(cell.itertext())
    value = cell.find("m:v", _NAMES)
    return None if value is None or value.text is None else float(value.text)


def moment(number: object) -> datetime:
    """Return the time in UTC that a number of days stands for."""
    assert isinstance(number, float)
    return _DAY_ZERO + timedelta(days=number)
