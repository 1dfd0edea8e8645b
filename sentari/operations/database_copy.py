"""Copy the whole database into another one, SQLite or PostgreSQL, and prove that it arrived."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, inspect
from sqlalchemy.orm import Session

from sentari.audit.store import record
from sentari.licensing.models import Lease
from sentari.operations.standstill import OperationError, Standstill
from serverkit import copying
from serverkit.copying import Fingerprint
from serverkit.database import (
    engine_options,
    one_moment,
    parse_database_url,
    prepare_engine,
    writable,
)
from serverkit.schema import Schema, one_at_a_time

COPIED = "DATABASE_COPIED"


@dataclass(frozen=True)
class Copying:
    """What a copy works with; `told` is given a sentence now and then."""

    metadata: MetaData
    schema: Schema
    standstill: Standstill
    told: Callable[[str], None]

    @property
    def tables(self) -> list[Table]:
        """Return what is copied: all but the leases, which belong to processes."""
        every = self.metadata.sorted_tables
        return [table for table in every if table.name != Lease.__tablename__]


def copy_database(source: Engine, url: str, copying_: Copying) -> list[Fingerprint]:
    """Copy everything into the empty database at `url` and return what was read back from it.

    One transaction of the target: it has everything, or stays as empty as it was. Raises
    OperationError, CopyError or SchemaError.
    """
    with _target_engine(url) as target, copying_.standstill.kept(source, copying_.schema):
        _make_tables(target, copying_)
        with one_at_a_time(target), writable(target.connect()) as connection, connection.begin():
            _refuse_rows(connection, copying_.metadata)
            with one_moment(source) as origin:
                copying.copy_rows(
                    origin, connection, copying_.tables, lambda name: copying_.told(f"{name} ...")
                )
            copying.set_sequences(connection, copying_.tables)
            copying.count_statistics(connection)
            copying_.told("comparing ...")
            found = list(_compared(source, connection, copying_.tables))
            _tell(connection, source.dialect.name, found, copying_.standstill.now)
        return found


@contextmanager
def _target_engine(url: str) -> Iterator[Engine]:
    try:
        parse_database_url(url)
    except ValueError as error:
        raise OperationError(
            f"the target's URL cannot be used: {error}. Accepted: sqlite:////absolute/path.db or "
            "postgresql+psycopg://user:password@host/name"
        ) from error
    engine = create_engine(url, **engine_options(url))
    prepare_engine(engine)
    try:
        yield engine
    finally:
        engine.dispose()


def _make_tables(target: Engine, copying_: Copying) -> None:
    """Bring an empty target to the schema; refuse one that is not, before anything is made."""
    with target.connect() as connection:
        there = set(inspect(connection).get_table_names())
        stored = copying_.schema.stored(connection)
        if stored is None and there:
            raise OperationError(
                f"the target has tables of something else ({', '.join(sorted(there)[:3])}): "
                "make an empty database for Sentari"
            )
        if stored not in (None, copying_.schema.expected):
            raise OperationError(
                f"the target has schema {stored}, and this version's is "
                f"{copying_.schema.expected}: make an empty database"
            )
        _refuse_rows(connection, copying_.metadata)
    copying_.schema.upgrade(target)


def _refuse_rows(target: Connection, metadata: MetaData) -> None:
    if not copying.is_empty(target, metadata):
        raise OperationError(
            "the target is not empty: make a new database for the copy, and start no server on it "
            "before"
        )


def _compared(source: Engine, target: Connection, tables: list[Table]) -> Iterator[Fingerprint]:
    """Read both sides anew, so that a change of the source while it was copied shows, too."""
    with source.connect() as origin:
        for table in tables:
            found = copying.fingerprint(target, table)
            if found != copying.fingerprint(origin, table):
                raise OperationError(
                    f"the copy of the table {table.name} is not what the source has now: stop "
                    "everything that writes there, and copy again"
                )
            yield found


def _tell(target: Connection, source_kind: str, found: list[Fingerprint], now: datetime) -> None:
    rows = sum(table.rows for table in found)
    detail = {"from": source_kind, "to": target.dialect.name, "tables": len(found), "rows": rows}
    with Session(bind=target) as session:
        record(session, at=now, actor="cli", action=COPIED, target="database", detail=detail)
        session.flush()
