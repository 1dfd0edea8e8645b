"""The vendor does not answer for the whole offline budget, and then it does."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.live.conftest import ServerFactory
from tests.live.machine import Machine
from tests.live.servers import Vendor

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

OFFLINE_DAYS = 20
TERMS = {
    "grace_period_days": 2,
    "read_only_period_days": 3,
    "max_offline_days": OFFLINE_DAYS,
    "airgap": True,
    "airgap_addendum_signed_at": "2026-01-01",
}
BEFORE_SECONDS = 3
SNAPSHOT_SECONDS = 1.05


@contextmanager
def serving(vendor: Vendor) -> Iterator[None]:
    """Have the vendor answer for a while."""
    vendor.server.start()
    try:
        yield
    finally:
        vendor.server.stop()


@pytest.fixture
def clocked(shim: Path, tmp_path: Path, breakable: Vendor) -> Iterator[dict[str, str]]:
    """Settings under which a process reads the clock that the test turns; the vendor does."""
    clock = tmp_path / "offset"
    clock.write_text("0")
    settings = {"LD_PRELOAD": str(shim), "WALL_CLOCK_FILE": str(clock)}
    breakable.env.update(settings)
    yield settings
    for name in settings:
        del breakable.env[name]


def now(machine: Machine) -> datetime:
    """Return the time on the machine's wall clock."""
    return datetime.now(UTC) + timedelta(seconds=int(machine.clock.read_text()))


def crossing(machine: Machine, before: str, after: str) -> datetime:
    """See the state change at the very second that was announced, in every worker; return it."""
    change = machine.server.license()["next_change"]
    assert change["to"] == after
    at, early = datetime.fromisoformat(change["at"]), BEFORE_SECONDS
    while True:
        machine.turn(round((at - datetime.now(UTC)).total_seconds()) - early)
        machine.reach(before)
        if now(machine) < at:
            break
        early *= 2  # the machine has other things to do as well
    # What a worker knows may be a second old.
    time.sleep((at - now(machine)).total_seconds() + SNAPSHOT_SECONDS)
    assert {machine.server.state() for _ in range(6)} == {after}
    return at


def test_each_state_comes_at_its_second_and_an_answer_ends_the_last_of_them(
    clocked: dict[str, str], breakable: Vendor, make_server: ServerFactory
) -> None:
    server = make_server(
        SENTARI_LICENSE_SERVER_URL=breakable.url,
        SENTARI_LICENSE_PUBLIC_KEY_PATH=str(breakable.roots),
        **clocked,
    )
    machine = Machine(server, Path(clocked["WALL_CLOCK_FILE"]))
    expires = (datetime.now(UTC) + timedelta(days=3)).date()
    with serving(breakable):
        issued = breakable.issue(expires_at=expires.isoformat(), **TERMS)
        assert server.install(issued["license_key"]).status_code == 200
    deadline = datetime.fromisoformat(server.license()["offline_deadline"])
    crossing(machine, "active", "grace")
    assert server.register("web01").status_code == 201
    crossing(machine, "grace", "read_only")
    refused = server.register("web02")
    assert (refused.status_code, refused.headers["Retry-After"]) == (402, "3600")
    assert server.browser().get(f"{server.url}/devices", timeout=20).status_code == 200
    crossing(machine, "read_only", "locked_out")
    assert server.browser().get(f"{server.url}/devices", timeout=20).status_code == 402
    assert crossing(machine, "locked_out", "offline_exceeded") == deadline
    days_later = int(machine.clock.read_text())
    machine.turn(0)
    machine.reach("active")
    assert abs(machine.floor_ahead()) < 120, "what was true for minutes poisons nothing"
    machine.turn(days_later)
    machine.reach("offline_exceeded")
    with serving(breakable):
        terms = {"expires_at": (expires + timedelta(days=365)).isoformat(), "reason": "renewed"}
        breakable.call("PATCH", f"/api/v1/licenses/{issued['id']}", terms)
        machine.check_in()
        machine.reach("active")
    assert server.register("web02").status_code == 201
    assert machine.told("CLOCK_ROLLBACK_DETECTED") == 0
