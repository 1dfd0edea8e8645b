"""Pages of lists: from the URL, into the URL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from flask import request

from serverkit.problems import Problem

Item = TypeVar("Item")

DEFAULT_PAGE_SIZE = 50
LARGEST_PAGE_SIZE = 500
_LAST_PAGE = 1_000_000


@dataclass(frozen=True)
class Page(Generic[Item]):
    """One page of a list; `page` counts from 1."""

    items: Sequence[Item]
    total: int
    page: int
    page_size: int

    @property
    def pages(self) -> int:
        """Return how many pages there are, at least one."""
        return max(1, -(-self.total // self.page_size))


def page_arguments() -> tuple[int, int]:
    """Return (page, page_size) of the query string; 400 when they are out of range."""
    return (
        _integer("page", 1, _LAST_PAGE),
        _integer("page_size", DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE),
    )


def _integer(name: str, default: int, highest: int) -> int:
    raw = request.args.get(name)
    if raw is None or raw == "":
        return default
    if not (raw.isascii() and raw.isdigit() and len(raw) < 10 and 1 <= int(raw) <= highest):
        detail = f"{name} is a whole number from 1 to {highest}."
        raise Problem(400, "bad_parameter", "Bad parameter", detail)
    return int(raw)
