"""What was acknowledged survives a killed worker or master, and nothing is there by half."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.faults.load import Uploader, check, enroll, sqlite
from tests.live.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

long = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Server:
    """The house; for many rounds a server whose disk is large enough."""
    many = request.node.get_closest_marker("slow") is not None
    found: Server = request.getfixturevalue("licensed" if many else "house")
    return found


def kill_a_worker(server: Server) -> None:
    for worker in server.server.workers()[:1]:
        os.kill(worker, signal.SIGKILL)


def kill_the_master(server: Server) -> None:
    """Kill it as the kernel does when memory is short, and start it as a supervisor does."""
    orphans = server.server.workers()
    server.server.stop(kill=True)
    server.server.start()
    while any(Path(f"/proc/{orphan}").exists() for orphan in orphans):
        time.sleep(0.02)  # they answer too, until they notice
    server.server.wait_ready()


def kill_all(server: Server) -> None:
    """Kill every process at once, as with a container."""
    workers = server.server.workers()
    server.server.stop(kill=True)
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    server.server.start()


@pytest.mark.parametrize(
    ("kill", "rounds"),
    [
        (kill_a_worker, 8),
        (kill_the_master, 1),
        (kill_all, 1),
        pytest.param(kill_a_worker, 200, marks=long),
        pytest.param(kill_the_master, 40, marks=long),
        pytest.param(kill_all, 40, marks=long),
    ],
)
def test_what_is_killed_in_the_middle_of_scans_loses_none_that_was_acknowledged(
    server: Server, kill: Callable[[Server], None], rounds: int
) -> None:
    uploader = Uploader([server], enroll(server, kill.__name__))
    uploader.start()
    chance = random.Random(rounds)
    for _ in range(rounds):
        uploader.wait_for_more()
        time.sleep(chance.uniform(0, 0.05))  # somewhere in the middle of the next
        kill(server)
    uploader.stop()
    assert uploader.answers.keys() == {202}
    check(sqlite(server), uploader)
    figures = f"{rounds} times: {uploader.accepted} scans taken, {uploader.cut} cut"
    print(f"{kill.__name__} {figures}")  # noqa: T201 - the figures of the long form
