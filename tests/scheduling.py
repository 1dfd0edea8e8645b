"""Which tests stay on one worker of a parallel run, because they share servers that take long.

The marks of pytest-xdist for this do nothing with pytest 9.2 (pytest-xdist issue 1386).
"""

from xdist.scheduler import LoadGroupScheduling

TOGETHER = (
    "tests/browser/",
    "tests/license_server/test_gunicorn.py",
    "tests/live/faults/test_sqlite_",
    "tests/live/faults/test_stopping.py",
    "tests/live/faults/test_vendor_",
    "tests/live/test_agent_life.py",
    "tests/live/test_patience.py",
)


class Together(LoadGroupScheduling):
    """Hand out tests one by one, and those that belong together to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return next((group for group in TOGETHER if nodeid.startswith(group)), nodeid)
