"""A PostgreSQL of a test's own, which it may stop and start."""

import os
import shlex
import signal
import subprocess
import time
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from tests.postgres import connect, start_keeper

STOP_SECONDS = 20


class OwnPostgres:
    """One server; its databases are as they were when it comes back."""

    def __init__(self, log: Path) -> None:
        """Start it, with one empty database."""
        self._log = log
        self._shared = start_keeper(os.getpid(), log)
        with connect(self._shared) as connection:
            [data] = connection.execute("SHOW data_directory").fetchone() or ("",)
            connection.execute("CREATE DATABASE faults")
            # As it is by default: what was acknowledged survives that all processes are ended.
            connection.execute("ALTER DATABASE faults SET synchronous_commit = on")
        self._data = Path(data)
        self._process: subprocess.Popen[bytes] | None = None
        url = make_url(self._shared).set(drivername="postgresql+psycopg", database="faults")
        self.url = url.render_as_string(False)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends all sessions, SIGQUIT all processes at once."""
        pid = int((self._data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, how)
        deadline = time.monotonic() + STOP_SECONDS
        while self._runs(pid):
            assert time.monotonic() < deadline, "PostgreSQL does not stop"
            time.sleep(0.02)

    def _runs(self, pid: int) -> bool:
        if self._process is not None and self._process.pid == pid:
            return self._process.poll() is None
        return Path(f"/proc/{pid}").exists()

    def start(self) -> None:
        """Start it again in the same way, and wait until it answers."""
        command = shlex.split((self._data / "postmaster.opts").read_text())
        owner = self._data.stat()
        who = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **who)  # type: ignore[call-overload]
        deadline = time.monotonic() + STOP_SECONDS
        while True:
            try:
                connect(self.url).close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, self._log.read_text()
                time.sleep(0.02)
