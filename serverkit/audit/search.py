"""Look things up in an app's audit log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from serverkit.paging import Page


@dataclass(frozen=True)
class EventFilter:
    """Which events: containing a text, within [start, end), with columns of just these values.

    What is empty asks for nothing.
    """

    exactly: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    start: datetime | None = None
    end: datetime | None = None

    def apply(self, query: Select[Any], model: Any) -> Select[Any]:
        """Return the query with its conditions."""
        for name, value in self.exactly.items():
            if value:
                query = query.where(getattr(model, name) == value[:1000])
        if self.text:
            fields = (model.actor, model.target, model.detail)
            text = self.text[:256]
            query = query.where(or_(*(each.icontains(text, autoescape=True) for each in fields)))
        if self.start:
            query = query.where(model.occurred_at >= self.start)
        if self.end:
            query = query.where(model.occurred_at < self.end)
        return query


def search(
    session: Session, model: type[Any], wanted: EventFilter, *, page: int = 1, page_size: int = 50
) -> Page[Any]:
    """Return one page of events, newest first."""
    query = wanted.apply(select(model), model)
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    ordered = query.order_by(model.seq.desc())
    rows = session.scalars(ordered.offset((page - 1) * page_size).limit(page_size))
    return Page(list(rows), total, page, page_size)


def actions(session: Session, model: type[Any]) -> list[str]:
    """Return every action that occurs, by name."""
    return list(session.scalars(select(model.action).distinct().order_by(model.action)))
