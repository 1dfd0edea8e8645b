"""Read the small JSON objects that settings are changed with, member by member."""

import re
from typing import Any

from flask import request

from serverkit.problems import Problem, invalid

LONGEST_TEXT = 1024
# JSON can write halves of characters, which are no text and cannot be stored.
_HALF = re.compile("[\ud800-\udfff]")


def read_object() -> dict[str, Any]:
    """Return the body's JSON object; no body is an empty one."""
    body = request.get_json(force=True, silent=True) if request.get_data() else {}
    if not isinstance(body, dict):
        detail = "The body is not a JSON object, such as {}."
        raise Problem(400, "malformed", "Malformed body", detail)
    return body


def read_texts(*names: str) -> dict[str, str]:
    """Return members that are texts; one that is left out is an empty text."""
    body = read_object()
    texts = {name: body.get(name, "") for name in names}
    detail = f"is a text of at most {LONGEST_TEXT} characters"
    _refuse_all(detail, [name for name, text in texts.items() if not _is_text(text)])
    return texts


def read_numbers(*names: str) -> dict[str, int | None]:
    """Return members that are whole numbers; one that is left out is None."""
    body = read_object()
    numbers = {name: body.get(name) for name in names}
    wrong = [name for name, number in numbers.items() if not _is_number(number)]
    _refuse_all("is a whole number or null", wrong)
    return numbers


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT and not _HALF.search(value)


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def _refuse_all(detail: str, names: list[str]) -> None:
    if names:
        raise invalid([{"pointer": f"/{name}", "detail": detail} for name in names])
