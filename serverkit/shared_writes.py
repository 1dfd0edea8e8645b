"""Let writes that come at once share a transaction, and so the one wait for the disk."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from sqlalchemy.orm import Session

from serverkit.database import Writing

Value = TypeVar("Value")


@dataclass(eq=False)
class _Write(Generic[Value]):
    """One thread's work, and what came of it."""

    work: Callable[[Session], Value]
    woken: threading.Event = field(default_factory=threading.Event)
    leads: bool = False
    value: Value | None = None
    error: BaseException | None = None


class SharedWrites:
    """Carry out what several threads want to write, as few transactions.

    SQLite lets one transaction write at a time, and each waits for the disk. Whoever comes while
    one is under way waits in line; the first in line then carries out all that have gathered.
    Nobody is told of success before the commit, and nobody suffers from another's failure: when
    one fails, the transaction is rolled back and each is carried out in one of its own.
    """

    def __init__(self, writing: Writing) -> None:
        """Open transactions with `writing`."""
        self._writing = writing
        self._guard = threading.Lock()
        self._line: list[_Write[Any]] = []
        self._led = False

    def run(self, work: Callable[[Session], Value]) -> Value:
        """Return what `work` returns, once it is committed; or raise what it raises.

        It may be called again after a rollback, and in another thread: it must look at nothing
        but its arguments and the session.
        """
        mine = _Write(work)
        with self._guard:
            self._line.append(mine)
            mine.leads, self._led = not self._led, True
        if not mine.leads:
            mine.woken.wait()
        if mine.leads:
            self._lead()
        if mine.error is not None:
            raise mine.error
        return cast(Value, mine.value)

    def _lead(self) -> None:
        """Carry out all that have gathered, then hand the line over to who comes next."""
        batch: list[_Write[Any]] = []
        try:
            self._carry_out(batch)
        finally:
            with self._guard:
                self._led = bool(self._line)
                if self._line:
                    self._line[0].leads = True
                    self._line[0].woken.set()
            for each in batch:
                each.woken.set()

    def _carry_out(self, batch: list[_Write[Any]]) -> None:
        """Fill the batch with all in the line, and settle each of it."""
        try:
            with self._writing() as session:
                # Only now: the longer it waited for its turn, the more have gathered.
                batch += self._gathered()
                values = [each.work(session) for each in batch]
        except BaseException as error:  # noqa: BLE001 - raised in the threads whose work it is
            if len(batch) > 1:
                self._carry_out_alone(batch)
                return
            # The one that failed; or, where none could begin, all: the database is busy or gone,
            # and alone each would wait as long once more.
            batch += [] if batch else self._gathered()
            for each in batch:
                each.error = error
            return
        for each, value in zip(batch, values, strict=True):
            each.value = value

    def _gathered(self) -> list[_Write[Any]]:
        with self._guard:
            gathered, self._line = self._line, []
        return gathered

    def _carry_out_alone(self, batch: list[_Write[Any]]) -> None:
        for each in batch:
            try:
                with self._writing() as session:
                    value = each.work(session)
                each.value = value
            except BaseException as error:  # noqa: BLE001 - raised in the thread whose work it is
                each.error = error
