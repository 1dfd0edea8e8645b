"""The real server while its machine's wall clock is turned under it; its running time goes on."""

import html
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.live.conftest import ServerFactory
from tests.live.servers import Server, Vendor, form_token, free_port

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

DAY = 86_400
SOURCE = Path(__file__).parent / "wall_clock.c"


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that shifts the wall clock of whoever is started with it."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is installed, so no wall clock can be shifted")
    library = tmp_path_factory.mktemp("shim") / "wall_clock.so"
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    return library


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

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.server.database, timeout=20)) as connection:
            return connection.execute(statement).fetchall()

    def page(self) -> str:
        """Return what an admin reads under Settings → License."""
        path = f"{self.server.url}/settings/license"
        return html.unescape(self.server.browser().get(path, timeout=20).text)

    def check_in(self) -> None:
        """Check in now, as an admin does who has mended the way out."""
        session = self.server.browser()
        page = session.get(f"{self.server.url}/settings/license", timeout=20).text
        answer = session.post(
            f"{self.server.url}/api/v1/license/refresh",
            headers={"X-CSRFToken": form_token(page)},
            timeout=30,
        )
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


@pytest.fixture
def machine(shim: Path, tmp_path: Path, vendor: Vendor, make_server: ServerFactory) -> Machine:
    """A server licensed for two days and a part of the third."""
    clock = tmp_path / "offset"
    clock.write_text("0")
    server = make_server(
        LD_PRELOAD=str(shim),
        WALL_CLOCK_FILE=str(clock),
        SENTARI_SECRET_KEY="a secret of the live tests, long enough to be accepted",
        SENTARI_LICENSE_CHECK_INTERVAL_SECONDS="86400",
    )
    expires = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    issued = vendor.issue(
        expires_at=expires, grace_period_days=2, read_only_period_days=5, max_offline_days=60,
        airgap=True, airgap_addendum_signed_at="2026-01-01",
    )  # fmt: skip
    assert server.install(issued["license_key"]).status_code == 200
    return Machine(server, clock)


def unplug(machine: Machine) -> None:
    """Restart the server with a vendor that nobody can reach."""
    machine.server.env["SENTARI_HTTP_PROXY"] = f"http://127.0.0.1:{free_port()}"
    machine.restart()


def plug_in(machine: Machine) -> None:
    del machine.server.env["SENTARI_HTTP_PROXY"]
    machine.restart()


def test_the_states_follow_a_clock_that_is_turned_forward_and_back_again(machine: Machine) -> None:
    unplug(machine)
    for days, state in ((0, "active"), (3.5, "grace"), (6, "read_only"), (11, "locked_out")):
        machine.turn(int(days * DAY))
        machine.reach(state)
    machine.turn(70 * DAY)
    machine.reach("offline_exceeded")
    machine.turn(0)
    machine.reach("active")
    assert abs(machine.floor_ahead()) < 120, "what was true for minutes poisons nothing"
    assert machine.told("CLOCK_ROLLBACK_DETECTED") == 0


def test_a_clock_turned_back_gains_nothing_and_a_fresh_reply_sets_it_right(
    machine: Machine,
) -> None:
    unplug(machine)
    # In steps of less than a day, as time passes; each is saved when a worker starts.
    for hours in (17, 34, 51, 68, 84):
        machine.turn(hours * 3600)
        machine.restart()
    machine.reach("grace")
    assert machine.floor_ahead() > 83 * 3600

    machine.turn(0)
    machine.reach("grace")
    machine.restart()
    machine.reach("grace")
    machine.eventually(lambda: machine.told("CLOCK_ROLLBACK_DETECTED") == 1)
    assert "clock was turned back" in machine.page()

    machine.server.server.stop()
    with closing(sqlite3.connect(machine.server.database)) as connection:
        connection.execute("DELETE FROM license_clock")
        connection.commit()
    machine.server.server.start()
    machine.reach("grace")
    assert machine.told("CLOCK_FLOOR_REBUILT") == 1

    plug_in(machine)
    machine.check_in()
    machine.reach("active")
    # The first answer is to a request of long ago and lowers the floor by its age only; the
    # server asks anew at once, and the answer to that sets the floor to the vendor's time.
    machine.eventually(lambda: abs(machine.floor_ahead()) < 120, seconds=40)
    assert machine.told("CLOCK_SKEW_DETECTED") == 0


def test_a_wall_clock_that_was_wrong_from_the_start_is_told_after_the_first_reply(
    machine: Machine,
) -> None:
    machine.turn(-3600)
    session = machine.server.browser()
    session.get(f"{machine.server.url}/settings/license", timeout=20)
    machine.restart()
    machine.eventually(lambda: machine.told("CLOCK_SKEW_DETECTED") == 1)
    assert "behind the license server" in machine.page()
    assert (
        "sentari_clock_offset_seconds"
        in session.get(f"{machine.server.url}/metrics", timeout=20).text
    )
