"""Where the tests keep their files."""

import os
import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_MEMORY = Path("/dev/shm")
_ROOM = 2 << 30  # a run needs a few hundred MiB


def scratch() -> str:
    """Return a folder in memory, where no test waits for a disk, else the usual one.

    Not one that is small, as in containers, or from which no library can be loaded.
    """
    if (
        os.access(_MEMORY, os.W_OK)
        and shutil.disk_usage(_MEMORY).free > _ROOM
        and not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC
    ):
        return str(_MEMORY)
    return tempfile.gettempdir()
