"""Look things up in an app's audit log."""

from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from serverkit.audit.chain import AuditEntry
from serverkit.paging import Page


@dataclass(frozen=True)
class EventFilter:
    """Which events: up to a number, containing a text, within [start, end).

    `exactly`: with columns of one of these values. What is empty asks for nothing.
    """

    exactly: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    text: str = ""
    start: datetime | None = None
    end: datetime | None = None
    upto: int | None = None

    def up_to(self, seq: int) -> "EventFilter":
        """Return the same without events after number `seq`."""
        return replace(self, upto=seq if self.upto is None else min(seq, self.upto))

    def apply(self, query: Select[Any], model: Any) -> Select[Any]:
        """Return the query with its conditions."""
        for name, values in self.exactly.items():
            if any(values):
                query = query.where(getattr(model, name).in_([value[:1000] for value in values]))
        if self.text:
            fields = (model.actor, model.target, model.detail)
            text = self.text[:256]
            query = query.where(or_(*(each.icontains(text, autoescape=True) for each in fields)))
        if self.start:
            query = query.where(model.occurred_at >= self.start)
        if self.end:
            query = query.where(model.occurred_at < self.end)
        if self.upto is not None:
            query = query.where(model.seq <= self.upto)
        return query


def search(
    session: Session, model: type[Any], wanted: EventFilter, *, page: int = 1, page_size: int = 50
) -> Page[Any]:
    """Return one page of events, newest first."""
    query = wanted.apply(select(model), model)
    total = session.scalar(wanted.apply(select(func.count()).select_from(model), model)) or 0
    ordered = query.order_by(model.seq.desc())
    rows = session.scalars(ordered.offset((page - 1) * page_size).limit(page_size))
    return Page(list(rows), total, page, page_size)


def entries(
    session: Session, model: type[Any], wanted: EventFilter
) -> Generator[AuditEntry, None, None]:
    """Yield all that is wanted in the order of the log, without holding it in memory."""
    query = wanted.apply(select(model), model).order_by(model.seq)
    # Closed, because PostgreSQL keeps a cursor open for whoever stops half-way.
    with closing(session.scalars(query.execution_options(yield_per=500))) as rows:
        for row in rows:
            yield row.entry()


def actions(session: Session, model: type[Any]) -> list[str]:
    """Return every action that occurs, by name."""
    return list(session.scalars(select(model.action).distinct().order_by(model.action)))
