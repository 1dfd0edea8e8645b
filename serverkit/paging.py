"""Pages of lists: from the URL, into the URL."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from flask import request
from sqlalchemy import ColumnElement, Select
from sqlalchemy.orm import Session

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


@dataclass(frozen=True, slots=True)
class By:
    """One column that a list is sorted by; what is NULL comes last, whichever way."""

    column: Any
    falling: bool = False
    nullable: bool = False

    def clause(self, *, backwards: bool = False) -> ColumnElement[Any]:
        """Return it for ORDER BY, or for the same list read from its end."""
        falls = self.falling is not backwards
        clause: ColumnElement[Any] = self.column.desc() if falls else self.column.asc()
        if not self.nullable:
            # An index is of use only to an order that says nothing of what cannot be.
            return clause
        return clause.nulls_first() if backwards else clause.nulls_last()


def read_page(
    session: Session, query: Select[Any], order: Sequence[By], total: int, page: int, page_size: int
) -> list[Any]:
    """Return one page's rows of a list with `total` rows, sorted by columns that leave no tie.

    The database walks over all that come before. So a page of the list's second half is read
    from the end: the last page is found as fast as the first.
    """
    start = (page - 1) * page_size
    count = min(page_size, total - start)
    if count <= 0:
        return []
    backwards = start > total // 2
    clauses = [by.clause(backwards=backwards) for by in order]
    offset = total - start - count if backwards else start
    rows = list(session.execute(query.order_by(*clauses).limit(count).offset(offset)))
    return rows[::-1] if backwards else rows


def page_arguments() -> tuple[int, int]:
    """Return (page, page_size) of the query string; 400 when they are out of range."""
    return (
        _integer("page", 1, _LAST_PAGE),
        _integer("page_size", DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE),
    )


def paged(rows: Sequence[Item], item: Callable[[Item], dict[str, Any]]) -> dict[str, Any]:
    """Return the asked page of a short list, which is at hand as a whole, for the API."""
    page, page_size = page_arguments()
    shown = rows[(page - 1) * page_size : page * page_size]
    items = [item(row) for row in shown]
    return {"total": len(rows), "page": page, "page_size": page_size, "items": items}


def _integer(name: str, default: int, highest: int) -> int:
    raw = request.args.get(name)
    if raw is None or raw == "":
        return default
    if not (raw.isascii() and raw.isdigit() and len(raw) < 10 and 1 <= int(raw) <= highest):
        detail = f"{name} is a whole number from 1 to {highest}."
        raise Problem(400, "bad_parameter", "Bad parameter", detail)
    return int(raw)
