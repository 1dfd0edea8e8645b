"""Pages of lists, from the query string."""

from flask import request

from serverkit.problems import Problem

DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE, LAST_PAGE = 50, 500, 1_000_000


def page_arguments() -> tuple[int, int]:
    """Return (page, page_size), or raise the 400 when they are out of range."""
    page = _integer("page", 1, LAST_PAGE)
    return page, _integer("page_size", DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE)


def _integer(name: str, default: int, highest: int) -> int:
    raw = request.args.get(name)
    if raw is None or raw == "":
        return default
    if not (raw.isascii() and raw.isdigit() and len(raw) < 10 and 1 <= int(raw) <= highest):
        detail = f"{name} is a whole number from 1 to {highest}."
        raise Problem(400, "bad_parameter", "Bad parameter", detail)
    return int(raw)
