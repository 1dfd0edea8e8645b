"""Whether a server is at work on a database, and how none begins while it is maintained."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from sentari.licensing.scheduler import LOOK_SECONDS, holder_at
from serverkit.schema import Schema, one_at_a_time


class OperationError(RuntimeError):
    """It cannot be done; the text says why and what to do, and nothing was changed."""


@dataclass(frozen=True)
class Standstill:
    """How it is found out that no server is at work: by the lease that one of them has.

    `pause` waits so many seconds.
    """

    now: datetime
    pause: Callable[[float], None]

    @contextmanager
    def kept(self, engine: Engine, schema: Schema) -> Iterator[None]:
        """Keep servers from starting on a database of this schema; OperationError if one is at it.

        A server that starts meanwhile waits, as it does while another one migrates.
        """
        with one_at_a_time(engine):
            with engine.connect() as connection:
                stored = schema.stored(connection)
                if stored != schema.expected:
                    raise OperationError(
                        f"the database has schema {stored}, and this version's is "
                        f"{schema.expected}: bring it up to date with `flask --app app db upgrade`"
                    )
            self.refuse_running(engine)
            yield

    def refuse_running(self, engine: Engine) -> None:
        """Raise OperationError while the lease of a server lasts.

        When the one that had it was stopped a moment ago, others take it with their next look.
        """
        self._refuse_holder(engine)
        self.pause(LOOK_SECONDS + 1)
        self._refuse_holder(engine)

    def _refuse_holder(self, engine: Engine) -> None:
        with engine.connect() as connection, Session(bind=connection) as session:
            found = holder_at(session, self.now)
        if found is not None:
            holder, until = found
            raise OperationError(
                f"a server is at work on the database ({holder.rpartition('/')[0]}, host and "
                "process): stop all servers, then try again. One that was killed counts as gone "
                f"at {until:%H:%M:%S} UTC"
            )
