"""A server that is told to stop says so, finishes what it has begun and leaves nothing locked."""

import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
import requests

from serverkit.healthcheck import status_of
from tests.live.conftest import scan
from tests.live.faults.slow_upload import SlowUpload
from tests.live.servers import Server, Vendor

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

DRAIN_SECONDS = 1


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Server]:
    """One server, started again by each test that needs it."""
    directory = tmp_path_factory.mktemp("stopping")
    server = Server(directory, vendor, SENTARI_DRAIN_SECONDS=str(DRAIN_SECONDS))
    try:
        server.start()
        assert server.install(vendor.issue()["license_key"]).status_code == 200
        yield server
    finally:
        server.server.stop()


def readiness(server: Server) -> int:
    return status_of(server.server.port, tls=False, path="/readyz")


def ask(server: Server, statement: str) -> object:
    with closing(sqlite3.connect(server.database, timeout=20)) as connection:
        row = connection.execute(statement).fetchone()
    return row[0] if row else None


def lease(server: Server) -> object:
    return ask(server, "SELECT holder FROM license_lease WHERE name = 'scheduler'")


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def wait_until_stopped(server: Server) -> int:
    process = server.server.process
    assert process is not None
    return process.wait(20)


def test_a_reload_turns_nobody_away(server: Server) -> None:
    device = server.register("web01").json()
    upload = SlowUpload(server, device, scan("one-error"))
    before = set(server.server.workers())
    process = server.server.process
    assert process is not None
    process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 40
    while len(old := before & set(server.server.workers())) > 1:  # one still has the upload
        assert time.monotonic() < deadline
        assert readiness(server) == 200
        time.sleep(0.05)
    assert len(old) == 1
    assert [readiness(server) for _ in range(10)] == [200] * 10
    assert upload.finish() == 202
    while before & set(server.server.workers()):  # the master hears no other signal till then
        assert time.monotonic() < deadline
        assert readiness(server) == 200
        time.sleep(0.05)


def test_what_was_begun_is_finished_while_the_server_says_that_it_stops(server: Server) -> None:
    device = server.register("web02").json()
    upload = SlowUpload(server, device, scan("server-459"))
    wait_until(lambda: lease(server) is not None)
    process = server.server.process
    assert process is not None
    process.send_signal(signal.SIGTERM)
    time.sleep(DRAIN_SECONDS + 0.5)
    # The worker that has the upload still answers, and nobody is held up by the lease.
    assert readiness(server) == 503
    answer = requests.get(f"{server.url}/api/health", timeout=5)
    assert (answer.status_code, answer.json()["unreachable"]) == (503, [])
    assert status_of(server.server.port, tls=False) == 200
    assert lease(server) is None
    assert upload.finish() == 202
    assert wait_until_stopped(server) == 0
    assert ask(server, "SELECT max(package_count) FROM device") == 365
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{server.url}/readyz", timeout=5)
    assert "Traceback" not in server.server.log.read_text()


def test_an_idle_server_serves_for_as_long_as_it_was_told_to(server: Server) -> None:
    server.start()
    process = server.server.process
    assert process is not None
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert readiness(server) == 503
    assert requests.get(f"{server.url}/login", timeout=5).status_code == 200
    assert wait_until_stopped(server) == 0
    assert DRAIN_SECONDS < time.monotonic() - began < DRAIN_SECONDS + 10
