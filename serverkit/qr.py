"""A text as a QR code, ready to be drawn as one path of an SVG."""

from dataclasses import dataclass
from itertools import groupby

import segno
from segno.encoder import DataOverflowError

QUIET_ZONE = 4


@dataclass(frozen=True)
class QrCode:
    """The picture's side in modules, quiet zone included, and its dark modules as strokes."""

    side: int
    path: str


def qr_code(text: str) -> QrCode | None:
    """Return the code with the largest modules that the text allows; None if it is too long.

    A code holds at most 2,953 bytes (version 40 at error correction L).
    """
    try:
        code = segno.make(text, error="l", boost_error=False, micro=False)
    except DataOverflowError:
        return None
    strokes = (_row(row, y + QUIET_ZONE) for y, row in enumerate(code.matrix))
    return QrCode(len(code.matrix) + 2 * QUIET_ZONE, "".join(strokes))


def _row(modules: bytearray, y: int) -> str:
    strokes, x = "", QUIET_ZONE
    for dark, run in groupby(modules):
        length = len(list(run))
        strokes += f"M{x} {y}.5h{length}" if dark else ""
        x += length
    return strokes
