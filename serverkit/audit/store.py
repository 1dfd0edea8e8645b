"""The audit log's tables, its triggers, and the one way to append to it."""

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import DDL, Integer, String, Table, Text, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from serverkit.audit.chain import (
    GENESIS,
    AuditEntry,
    Break,
    Verdict,
    breaks,
    canonical,
    next_entry,
    verify,
)
from serverkit.database import UtcDateTime

TABLE = "audit_event"
_PART_ENTRIES = 5_000


class AuditEventMixin:
    """One written link; `detail` is kept as its canonical JSON text."""

    __tablename__ = TABLE

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor: Mapped[str] = mapped_column(String(320))
    action: Mapped[str] = mapped_column(String(100), index=True)
    target: Mapped[str] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(Text)
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))

    def entry(self) -> AuditEntry:
        """Return the link as the chain's own value."""
        return AuditEntry(
            self.seq,
            self.occurred_at,
            self.actor,
            self.action,
            self.target,
            self.details(),
            self.prev_hash,
            self.hash,
        )

    def details(self) -> dict[str, Any]:
        """Return the detail as an object; a damaged one as what it is, so that its hash fails."""
        try:
            value = json.loads(self.detail)
        except ValueError:
            return {"damaged": self.detail}
        return value if isinstance(value, dict) else {"damaged": self.detail}


class AuditHeadMixin:
    """The one row that a writer locks: number and hash of the last link."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(Integer)
    hash: Mapped[str] = mapped_column(String(64))


class AuditStore:
    """Append to and read one app's audit log."""

    def __init__(self, event_model: type[Any], head_model: type[Any]) -> None:
        """Work on the app's own two models."""
        self._event, self._head = event_model, head_model

    def append(
        self,
        session: Session,
        *,
        at: datetime,
        actor: str,
        action: str,
        target: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> AuditEntry:
        """Write the next link, in the caller's write transaction.

        The head row stays locked until that ends: one writer at a time, and no link without
        the change that it tells of.
        """
        head = self._locked_head(session)
        entry = next_entry(
            head.seq,
            head.hash,
            at=at,
            actor=actor[:320],
            action=action,
            target=target,
            detail=detail or {},
        )
        values = {**vars(entry), "detail": canonical(entry.detail)}
        session.add(self._event(**values))
        head.seq, head.hash = entry.seq, entry.hash
        session.flush()
        return entry

    def lock(self, session: Session) -> None:
        """Wait for other writers of the log, so that what is read next stays the newest."""
        self._locked_head(session)

    def _locked_head(self, session: Session) -> Any:
        query = select(self._head).where(self._head.id == 1).with_for_update()
        query = query.execution_options(populate_existing=True)
        head = session.scalars(query).one_or_none()
        if head is None:
            self._create_head(session)
            head = session.scalars(query).one()
        return head

    def _create_head(self, session: Session) -> None:
        """Make the head row at the first entry; of two writers at once one makes it."""
        last = session.scalars(select(self._event).order_by(self._event.seq.desc())).first()
        seq, end = (last.seq, last.hash) if last else (0, GENESIS)
        postgres = session.get_bind().dialect.name == "postgresql"
        insert = postgresql.insert if postgres else sqlite.insert
        statement = insert(self._head.__table__).values(id=1, seq=seq, hash=end)
        session.execute(statement.on_conflict_do_nothing())

    def head(self, session: Session) -> tuple[int, str]:
        """Return number and hash of the last link: (0, 64 zeros) before the first."""
        row = session.execute(select(self._head.seq, self._head.hash)).one_or_none()
        return (row.seq, row.hash) if row else (0, GENESIS)

    def last_seq(self, session: Session) -> int:
        """Return the number of the last link that is there, whatever the head row says."""
        return session.scalar(select(func.max(self._event.seq))) or 0

    def newest(self, session: Session, actions: Iterable[str]) -> Any:
        """Return the newest event with one of the actions, or None."""
        query = select(self._event).where(self._event.action.in_(list(actions)))
        return session.scalars(query.order_by(self._event.seq.desc()).limit(1)).first()

    def hash_at(self, session: Session, seq: int) -> str | None:
        """Return the hash of link `seq`, or None when there is none."""
        if seq == 0:
            return GENESIS
        found: str | None = session.scalar(select(self._event.hash).where(self._event.seq == seq))
        return found

    def entries(self, session: Session) -> Generator[AuditEntry, None, None]:
        """Yield all links in order without holding them in memory."""
        query = select(self._event).order_by(self._event.seq)
        # Closed, because PostgreSQL keeps a cursor open for whoever stops half-way.
        with closing(session.scalars(query.execution_options(yield_per=500))) as rows:
            for row in rows:
                yield row.entry()

    def verify(self, session: Session) -> Verdict:
        """Walk the whole chain and compare its end with the head row."""
        verdict, finished = Verdict.at_the_beginning(), False
        while not finished:
            verdict, finished = self.verify_part(session, verdict, _PART_ENTRIES)
        return verdict

    def verify_part(self, session: Session, before: Verdict, most: int) -> tuple[Verdict, bool]:
        """Walk on from where a walk has come to; tell whether it is over.

        Others may go on writing: what they add is walked as well.
        """
        query = select(self._event).where(self._event.seq > before.seq)
        query = query.order_by(self._event.seq).limit(most)
        with closing(session.scalars(query.execution_options(yield_per=500))) as rows:
            part = verify((row.entry() for row in rows), seq=before.seq, head=before.head)
        checked = before.checked + part.checked
        verdict = replace(part, checked=checked)
        if not verdict.intact:
            return verdict, True
        if part.checked == most:
            return verdict, False
        problem = self._cut(session, verdict.seq, verdict.head)
        if problem and self.last_seq(session) > verdict.seq:
            return verdict, False  # It has grown since it was read.
        if problem:
            verdict = replace(verdict, broken_seq=verdict.seq + 1, problem=problem)
        return verdict, True

    def breaks(self, session: Session, walked: Callable[[int], None]) -> Iterator[Break]:
        """Walk the whole chain past every broken link; `walked` is told the entries so far."""
        last = (0, GENESIS)

        def links() -> Iterator[AuditEntry]:
            nonlocal last
            for number, entry in enumerate(self.entries(session), 1):
                walked(number)
                yield entry
                last = (entry.seq, entry.hash)

        yield from breaks(links())
        problem = self._cut(session, *last)
        if problem:
            yield Break(last[0] + 1, problem)

    def _cut(self, session: Session, last_seq: int, last_hash: str) -> str | None:
        seq, head = self.head(session)
        if (last_seq, last_hash) == (seq, head):
            return None
        return f"the log ends at entry {last_seq}, but entry {seq} was written"


def trigger_statements(dialect: str, table: str = TABLE) -> list[str]:
    """Return the DDL that makes the database refuse to change or delete what was written."""
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for verb in ("UPDATE", "DELETE")
        ]
    return [
        f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$",
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_refuse()",
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()",
    ]


def attach_triggers(table: Table) -> None:
    """Create the triggers whenever the table is created from the models."""
    for dialect in ("sqlite", "postgresql"):
        for statement in trigger_statements(dialect, table.name):
            ddl = DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call]
            ddl = ddl.execute_if(dialect=dialect)
            event.listen(table, "after_create", ddl)
