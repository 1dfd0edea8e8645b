"""Where the workers of one gunicorn keep what lives only as long as it does.

Imported by gunicorn's configuration before all else: the metrics library decides when it is
imported whether it counts for one process or for all workers together.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def memory_directory() -> str:
    """Return a directory that waits for no disk, or the usual one for temporary files."""
    memory = "/dev/shm"  # noqa: S108 - only names made by mkdtemp are used in it
    return memory if os.access(memory, os.W_OK) else tempfile.gettempdir()


def share_metrics() -> None:
    """Have this gunicorn's workers count together, in a directory that ends with it.

    A reload keeps the directory. One that was inherited is never taken: what another gunicorn
    counted in it would be counted again.
    """
    mine = f"gunicorn-metrics-{os.getpid()}-"
    if Path(os.environ.get(METRICS_VARIABLE, "")).name.startswith(mine):
        return
    _remove_left_behind()
    directory = tempfile.mkdtemp(prefix=mine, dir=memory_directory())
    _hold(directory)
    os.environ[METRICS_VARIABLE] = directory
    atexit.register(_remove, directory, os.getpid())


def _hold(directory: str) -> None:
    """Lock the directory for as long as this process or one of its workers is there."""
    # Under its name only when it is locked: nobody may take it for one that was left behind.
    draft = os.open(f"{directory}/lock.new", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(draft, fcntl.LOCK_EX)
    os.rename(f"{directory}/lock.new", f"{directory}/lock")


def _remove_left_behind() -> None:
    """Remove the directories of those that were killed: their memory would be lost for good."""
    for lock in Path(memory_directory()).glob("gunicorn-metrics-*/lock"):
        try:
            with lock.open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
        except OSError:
            continue  # In use, another user's, or removed by another who starts.


def _remove(directory: str, maker: int) -> None:
    # A worker inherits this and must not take the directory from the others when it ends.
    if os.getpid() == maker:
        shutil.rmtree(directory, ignore_errors=True)
