"""Tell which license of a package is one of SPDX's, and which is only a name. PURE."""

import re

from sentari.inventory.spdx_ids import SPDX_IDS

_LONGEST_EXPRESSION = 1000
# Case does not matter in an id (SPDX specification, annex B); the list's spelling is written.
_BY_FOLDED = {name.lower(): name for name in SPDX_IDS}
_EXCEPTION = re.compile(
    r"(?!.*-with-).*exception|gpl-cc-1\.0|linux-syscall-note|llgpl|shl-2\.[01]", re.IGNORECASE
)
_REFERENCE = re.compile(r"(?:DocumentRef-[\w.-]+:)?LicenseRef-[\w.-]+", re.ASCII)
_TOKEN = re.compile(r"[()]|[^\s()]+")
_MARKS = {"AND": "&", "OR": "&", "WITH": "+", "(": "(", ")": ")"}
# Two licenses that are joined, or one in parentheses, count as one.
_SIMPLER = re.compile(r"L&L|\(L\)")


def spdx_id(text: str) -> str | None:
    """Return the id as SPDX spells it, or None when the text is none."""
    return _BY_FOLDED.get(text.lower())


def is_expression(text: str) -> bool:
    """Tell whether the text joins SPDX ids as annex B of the specification allows."""
    if len(text) > _LONGEST_EXPRESSION:
        return False
    shape = "".join(_mark(token) for token in _TOKEN.findall(text)).replace("L+E", "L")
    while (simpler := _SIMPLER.sub("L", shape)) != shape:
        shape = simpler
    return shape == "L"


def _mark(token: str) -> str:
    if token in _MARKS:
        return _MARKS[token]
    if _REFERENCE.fullmatch(token):
        return "L"
    known = spdx_id(token) or spdx_id(token.removesuffix("+"))
    if known is None:
        return "?"
    return "E" if _EXCEPTION.match(known) else "L"
