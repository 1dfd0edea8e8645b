"""Where the workers of one gunicorn keep what lives only as long as it does.

Imported by gunicorn's configuration before all else: the metrics library decides when it is
imported whether it counts for one process or for all workers together.
"""

import atexit
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
    directory = tempfile.mkdtemp(prefix=mine, dir=memory_directory())
    os.environ[METRICS_VARIABLE] = directory
    atexit.register(_remove, directory, os.getpid())


def _remove(directory: str, maker: int) -> None:
    # A worker inherits this and must not take the directory from the others when it ends.
    if os.getpid() == maker:
        shutil.rmtree(directory, ignore_errors=True)
