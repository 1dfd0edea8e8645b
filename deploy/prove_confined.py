"""Show, from inside a container, how little it may do: what prove-image.sh pipes in."""

import errno
import importlib.util
import os
import socket
import sys
from pathlib import Path

user, data, foreign = sys.argv[1:]
status = dict(line.split(":\t", 1) for line in Path("/proc/1/status").read_text().splitlines())


def expect(holds: object, what: str) -> None:
    """Say what holds; end when it does not."""
    if not holds:
        sys.exit(f"prove-image: this does not hold: {what}")
    print(f"  {what}")


def refused(path: str) -> bool:
    """Tell whether nothing can be written there, because the file system or the mode forbids it."""
    try:
        Path(path).write_text("x")
    except OSError as error:
        return error.errno in (errno.EROFS, errno.EACCES)
    return False


expect(status["Uid"].split() == [user] * 4, f"it runs as {user}, whom /etc/passwd does not know")
expect(status["Gid"].split() == ["0"] * 4, "in group 0")
expect(int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0, "without any capability")
expect(status["NoNewPrivs"].strip() == "1", "and can gain none")
expect(
    all(map(refused, ("/srv/x", "/venv/x", "/etc/x", "/x"))), "the root file system is read-only"
)
expect(not refused(f"{data}/probe"), "its data directory can be written to")
os.unlink(f"{data}/probe")
expect([name for _, name in socket.if_nameindex()] == ["lo"], "there is no network but its own")
expect(importlib.util.find_spec(foreign) is None, f"no {foreign} can be imported")
expect(importlib.util.find_spec("pip") is None, "nor pip")
