"""How both servers' migrations run, each in a transaction of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData

from serverkit.database import writable


class BrokenReferencesError(RuntimeError):
    """A migration left rows that refer to rows that are not there; it was rolled back."""


def run_migrations(context: EnvironmentContext, metadata: MetaData) -> None:
    """Run the migrations that Alembic has chosen on the engine that the server handed over."""
    with writable(context.config.attributes["engine"].connect()) as connection:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=True,
            transaction_per_migration=True,
            on_version_apply=_check_references,
        )
        with _rebuilding(connection), context.begin_transaction():
            context.run_migrations()


@contextmanager
def _rebuilding(connection: Connection) -> Iterator[None]:
    """Let migrations replace tables that others refer to, which is how SQLite changes them.

    The switch has no effect inside a transaction, so it is turned around all of them, and the
    references are checked at the end of each.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF").close()
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON").close()


@contextmanager
def triggers_kept(connection: Connection) -> Iterator[None]:
    """Put SQLite's triggers aside while a table is rebuilt, and back afterwards.

    A rebuilt table loses its own, and those of others that name it stand in the way of renaming.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
    triggers = connection.exec_driver_sql(query).fetchall()
    for name, _ in triggers:
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
    yield
    for _, statement in triggers:
        connection.exec_driver_sql(statement)


def _check_references(
    ctx: MigrationContext,
    step: object,  # noqa: ARG001 - Alembic's names, by which it hands them over
    heads: object,  # noqa: ARG001
    run_args: object,  # noqa: ARG001
) -> None:
    connection = ctx.connection
    if connection is None or connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        table, row, parent, _ = broken[0]
        detail = f"row {row} of {table} refers to a row of {parent} that is not there"
        raise BrokenReferencesError(f"the migration was undone: {detail}")
