"""A server whose machine's wall clock is turned under it; its running time goes on."""

import html
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.live.servers import Server


@dataclass
class Machine:
    """A server whose wall clock the test turns."""

    server: Server
    clock: Path

    def turn(self, seconds: int) -> None:
        """Set the wall clock so many seconds ahead of true time, at once for every process."""
        draft = self.clock.with_suffix(".new")
        draft.write_text(str(seconds))
        draft.rename(self.clock)

    def restart(self) -> None:
        self.server.server.stop()
        self.server.server.start()

    def renew_worker(self) -> None:
        """Have the master replace its one worker: half the work of a start."""
        server = self.server.server
        before = server.workers()
        os.kill(before[0], signal.SIGTERM)
        self.eventually(lambda: not set(before) & set(server.workers()))
        server.wait_ready()

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.server.database, timeout=20)) as connection:
            return connection.execute(statement).fetchall()

    def page(self) -> str:
        """Return what an admin reads under Settings → License."""
        path = f"{self.server.url}/settings/license"
        return html.unescape(self.server.browser().get(path, timeout=20).text)

    def check_in(self) -> None:
        answer = self.server.check_in()
        assert answer.status_code == 200, answer.text

    def told(self, action: str) -> int:
        statement = f"SELECT count(*) FROM audit_event WHERE action = '{action}'"
        return int(str(self.ask(statement)[0][0]))

    def floor_ahead(self) -> float:
        """Return how far the stored floor is ahead of true time, in seconds."""
        at = self.ask("SELECT json_extract(state, '$.at') FROM license_clock")[0][0]
        return float(str(at)) / 1_000_000 - time.time()

    def eventually(self, true: Callable[[], bool], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, f"not within {seconds} s: {self.server.license()}"
            time.sleep(0.2)

    def reach(self, state: str) -> None:
        """See every worker answer in a state, a few times in a row."""
        self.eventually(lambda: {self.server.state() for _ in range(6)} == {state})
