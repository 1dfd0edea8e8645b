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
        with self._guard:
            batch, self._line = self._line, []
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
        if len(batch) > 1 and self._carry_out_together(batch):
            return
        for each in batch:
            try:
                with self._writing() as session:
                    value = each.work(session)
                each.value = value
            except BaseException as error:  # noqa: BLE001 - raised in the thread whose work it is
                each.error = error

    def _carry_out_together(self, batch: list[_Write[Any]]) -> bool:
        """Tell whether the whole batch is settled: all committed, or none could begin."""
        begun = False
        try:
            with self._writing() as session:
                begun = True
                values = [each.work(session) for each in batch]
        except BaseException as error:  # noqa: BLE001 - whose it is shows when each is alone
            if begun:
                return False
            # The database is busy or gone; alone, each would wait as long once more.
            for each in batch:
                each.error = error
            return True
        for each, value in zip(batch, values, strict=True):
            each.value = value
        return True
