"""The real server while its machine's wall clock is turned under it; its running time goes on."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.live.conftest import ServerFactory
from tests.live.machine import Machine
from tests.live.servers import Vendor, free_port

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]


@pytest.fixture
def machine(shim: Path, tmp_path: Path, vendor: Vendor, make_server: ServerFactory) -> Machine:
    """A server licensed for two days and a part of the third."""
    clock = tmp_path / "offset"
    clock.write_text("0")
    server = make_server(
        workers=1,
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


def test_a_clock_turned_back_gains_nothing_and_a_fresh_reply_sets_it_right(
    machine: Machine,
) -> None:
    unplug(machine)
    # In steps of less than a day, as time passes; each is saved when a worker starts.
    for hours in (17, 34, 51, 68, 84):
        machine.turn(hours * 3600)
        machine.renew_worker()
        ahead = hours * 3600 - 60
        machine.eventually(lambda ahead=ahead: machine.floor_ahead() > ahead)
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
