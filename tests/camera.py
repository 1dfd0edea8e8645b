"""A camera that reads QR codes off pages."""

import re
from collections.abc import Iterator

import zxingcpp

SCALE = 3


def read_off(page: str) -> str:
    """Return the text of the one code that a page shows."""
    drawn = re.search(
        r'viewBox="0 0 (\d+) \1".*?<path class="qr-dark" d="([^"]+)"', page, re.DOTALL
    )
    assert drawn is not None, "there is no code on the page"
    return photographed(int(drawn[1]), drawn[2])


def _modules(path: str) -> Iterator[tuple[int, int]]:
    """Yield the dark modules that an SVG path of horizontal strokes draws."""
    strokes = re.findall(r"M(\d+) (\d+)\.5h(\d+)", path)
    assert "".join(f"M{x} {y}.5h{length}" for x, y, length in strokes) == path
    for x, y, length in strokes:
        yield from ((int(x) + step, int(y)) for step in range(int(length)))


def photographed(side: int, path: str) -> str:
    """Return what a camera's decoder reads off the drawn code."""
    pixels = bytearray(b"\xff" * (side * SCALE) ** 2)
    for x, y in _modules(path):
        for row in range(y * SCALE, (y + 1) * SCALE):
            start = row * side * SCALE + x * SCALE
            pixels[start : start + SCALE] = bytes(SCALE)
    image = memoryview(bytes(pixels)).cast("B", (side * SCALE, side * SCALE))
    (found,) = zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormat.QRCode)
    return str(found.text)
