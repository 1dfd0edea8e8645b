"""Whether a server is at work on a database, and how none begins while it is maintained."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from sentari.licensing.scheduler import holder_at
from serverkit.schema import Schema, one_at_a_time


class OperationError(RuntimeError):
    """It cannot be done; the text says why and what to do, and nothing was changed."""


@contextmanager
def standstill(engine: Engine, schema: Schema, now: datetime) -> Iterator[None]:
    """Keep servers from starting on a database of this schema; OperationError if one is at work.

    A server that starts meanwhile waits, as it does while another one migrates. One that is at
    work is known by its lease.
    """
    with one_at_a_time(engine):
        with engine.connect() as connection:
            stored = schema.stored(connection)
            if stored != schema.expected:
                raise OperationError(
                    f"the database has schema {stored}, and this version's is {schema.expected}: "
                    "bring it up to date with `flask --app app db upgrade`"
                )
        refuse_running(engine, now)
        yield


def refuse_running(engine: Engine, now: datetime) -> None:
    """Raise OperationError while the lease of a server lasts."""
    with engine.connect() as connection, Session(bind=connection) as session:
        found = holder_at(session, now)
    if found is not None:
        holder, until = found
        raise OperationError(
            f"a server is at work on the database ({holder.rpartition('/')[0]}, host and process): "
            "stop all servers, then try again. One that was killed counts as gone at "
            f"{until:%H:%M:%S} UTC"
        )
