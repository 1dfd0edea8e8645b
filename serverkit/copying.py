"""Carry all rows of one database into another one, and compare both by what is read back.

Works between SQLite and PostgreSQL, because SQLAlchemy's types bring the same values out of both.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Any

import psycopg
from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError

# A row has a kilobyte or so, but the index of a device's records may have a megabyte.
_FETCHED, _FETCHED_OF_LARGE = 1000, 50


class CopyError(RuntimeError):
    """The database cannot be copied; the text says why, and nothing was changed."""


@dataclass(frozen=True)
class Fingerprint:
    """What one table holds: how many rows, and SHA-256 over all of them in the key's order."""

    table: str
    rows: int
    digest: str


def is_empty(connection: Connection, metadata: MetaData) -> bool:
    """Tell whether none of the tables that are there has a row."""
    there = set(inspect(connection).get_table_names())
    tables = [table for table in metadata.sorted_tables if table.name in there]
    return not any(connection.execute(select(1).select_from(t).limit(1)).first() for t in tables)


def copy_rows(
    source: Connection, target: Connection, tables: list[Table], told: Callable[[str], None]
) -> None:
    """Insert all rows of the tables, in an order in which no row refers to one that is missing.

    `told` is given each table's name at its begin. The memory that is used does not grow with
    the tables. Raises CopyError at the first row that the target does not take.
    """
    for table in tables:
        told(table.name)
        try:
            _write(target, table, _rows(source, table))
        except (DBAPIError, psycopg.Error, ValueError) as error:
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise CopyError(f"a row of the table {table.name} does not fit: {reason}") from error


def fingerprint(connection: Connection, table: Table) -> Fingerprint:
    """Read a whole table in its key's order and return what it holds."""
    digest, rows = sha256(), 0
    for row in _rows(connection, table):
        digest.update(repr(tuple(row)).encode())
        rows += 1
    return Fingerprint(table.name, rows, digest.hexdigest())


def set_sequences(connection: Connection, tables: list[Table]) -> None:
    """Let PostgreSQL number new rows after those that came with their numbers; SQLite does so."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables:
        column = table.autoincrement_column
        if column is None:
            continue
        newest = select(func.max(column)).scalar_subquery()
        name = connection.dialect.identifier_preparer.quote(table.name)
        sequence = func.pg_get_serial_sequence(name, column.name)
        # Without a row, the first one is still to come.
        last, taken = func.coalesce(newest, 1), newest.is_not(None)
        connection.execute(select(func.setval(sequence, last, taken)))


def count_statistics(connection: Connection) -> None:
    """Let the database look at its new rows, so that its first plans are good ones."""
    connection.execute(text("ANALYZE"))


def _write(target: Connection, table: Table, rows: Iterator[Row[Any]]) -> None:
    if target.dialect.name == "postgresql":
        _stream(target, table, rows)
        return
    while batch := [dict(row._mapping) for row in islice(rows, _fetched(table))]:
        target.execute(insert(table), batch)


def _stream(target: Connection, table: Table, rows: Iterator[Row[Any]]) -> None:
    """Write by COPY, which takes several times as many rows as INSERT in the same time."""
    quote = target.dialect.identifier_preparer.quote
    names = ", ".join(quote(column.name) for column in table.columns)
    cursor = target.connection.cursor()
    statement = f"COPY {quote(table.name)} ({names}) FROM STDIN"
    with closing(cursor), cursor.copy(statement) as stream:
        for row in rows:
            stream.write_row(row)


def _rows(connection: Connection, table: Table) -> Iterator[Row[Any]]:
    statement = select(table).order_by(*_key(connection, table))
    options = {"yield_per": _fetched(table)}
    with connection.execute(statement, execution_options=options) as rows:
        yield from rows


def _fetched(table: Table) -> int:
    """Return how many rows may be in memory at once."""
    large = any(isinstance(c.type, LargeBinary) and not c.type.length for c in table.columns)
    return _FETCHED_OF_LARGE if large else _FETCHED


def _key(connection: Connection, table: Table) -> Iterator[ColumnElement[Any]]:
    """Yield the key's columns so that both databases put texts into the order of their bytes."""
    for column in table.primary_key.columns:
        by_bytes = connection.dialect.name == "postgresql" and isinstance(column.type, String)
        yield column.collate("C") if by_bytes else column
