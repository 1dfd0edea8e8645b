"""A full disk and a read-only database file: told plainly, and over when they are mended."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from serverkit.healthcheck import status_of
from tests.live.faults.conftest import Disk, mount, unmount
from tests.live.faults.load import enroll, inventory
from tests.live.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

MOST_SCANS = 400  # the log that precedes the file has room for some more before it grows
WORKERS_ASKED = 12  # requests enough to meet both workers


def upload_until(server: Server, device: dict[str, Any], status: int, number: int = 0) -> int:
    """Upload scans until one is answered so; return its number. The others are as before."""
    for scan in range(number, number + MOST_SCANS):
        answer = server.upload(device, inventory(scan))
        if answer.status_code == status:
            return scan
        assert answer.status_code in (202, 503), answer.text
    raise AssertionError(f"never {status}")


def all_good(server: Server, device: dict[str, Any], number: int) -> int:
    """Both workers take every scan again; return the next scan's number."""
    for scan in range(number, number + WORKERS_ASKED):
        assert server.upload(device, inventory(scan)).status_code == 202
    return number + WORKERS_ASKED


def reading_goes_on(server: Server, admin: requests.Session) -> None:
    for path in ("/devices", "/settings/license", "/readyz", "/healthz"):
        assert admin.get(f"{server.url}{path}", timeout=10).status_code == 200


def refused(server: Server, device: dict[str, Any], number: int, code: str) -> None:
    answer = server.upload(device, inventory(number))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json()["code"] == code
    assert "Nothing was changed" in answer.json()["detail"]


def scans(server: Server, device: dict[str, Any]) -> int:
    """Return how many of the device's scans the server has, as its own page would count them."""
    listed = server.browser().get(
        f"{server.url}/api/v1/inventory/devices/{device['device_id']}/scans", timeout=20
    )
    return int(listed.json()["total"])


def test_a_full_disk_is_named_and_nothing_is_lost_by_it(house: Server, disk: Disk) -> None:
    device = enroll(house, "full-disk")
    workers = house.server.workers()
    admin, number = house.browser(), all_good(house, device, 0)
    disk.fill()
    number = upload_until(house, device, 503, number)
    refused(house, device, number, "disk_full")
    reading_goes_on(house, admin)
    disk.make_room()
    number = all_good(house, device, number)
    assert scans(house, device) == number
    assert house.server.workers() == workers


@contextmanager
def read_only(file: Path) -> Iterator[None]:
    """Have the file read-only for whoever opens it from now on, root included."""
    mount("--bind", str(file), str(file))
    try:
        mount("-o", "remount,ro,bind", str(file))
        yield
    finally:
        unmount(file)


def renew_workers(server: Server) -> None:
    """Have new workers, which open the file anew."""
    before = set(server.server.workers())
    for worker in before:
        os.kill(worker, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while len(set(server.server.workers()) - before) < len(before):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    server.server.wait_ready()


def test_a_read_only_file_is_named_and_written_again_when_it_can_be(house: Server) -> None:
    device = enroll(house, "read-only")
    admin, number = house.browser(), all_good(house, device, 0)
    with read_only(house.database):
        renew_workers(house)
        for _ in range(WORKERS_ASKED // 2):
            refused(house, device, number, "database_read_only")
        reading_goes_on(house, admin)
    # Each worker may hold connections that were opened before; it leaves all of them at once.
    workers = {0} | set(house.server.workers())
    for _ in workers:
        upload_until(house, device, 202, number)
    number = all_good(house, device, number + 1)
    assert status_of(house.server.port, tls=False, path="/readyz") == 200
    assert scans(house, device) == number
