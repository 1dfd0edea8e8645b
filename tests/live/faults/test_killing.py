"""What was acknowledged survives a killed worker, and nothing is there by half."""

import itertools
import os
import random
import signal
import sqlite3
import threading
import time
from typing import Any

import pytest
import requests

from tests.live.conftest import scan
from tests.live.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

KILLS = 100
PACKAGES = 400


def inventory(number: int) -> dict[str, Any]:
    """A scan that differs from the one before in every package."""
    template = scan("server-459")
    package = template["packages"][0]
    hour, minute, second = number // 3600, number // 60 % 60, number % 60
    return {
        **template,
        "scanned_at": f"2026-11-01T{hour:02}:{minute:02}:{second:02}Z",
        "packages": [{**package, "name": f"p{n}", "version": str(number)} for n in range(PACKAGES)],
    }


def upload_all(
    server: Server, device: dict[str, Any], accepted: list[int], over: threading.Event
) -> None:
    """Upload scan after scan, each until it is acknowledged, as an agent does."""
    for number in itertools.count():
        while True:
            try:
                if server.upload(device, inventory(number)).status_code == 202:
                    break
            except requests.RequestException:
                time.sleep(0.02)
        accepted.append(number)
        if over.is_set():
            return


def test_workers_killed_in_the_middle_of_scans_lose_nothing(licensed: Server) -> None:
    device = licensed.register("web01").json()
    accepted: list[int] = []
    over = threading.Event()
    uploads = threading.Thread(target=upload_all, args=(licensed, device, accepted, over))
    uploads.start()
    chance, kills = random.Random(1), 0
    while kills < KILLS:
        time.sleep(chance.uniform(0.05, 0.25))
        for worker in licensed.server.workers()[:1]:
            os.kill(worker, signal.SIGKILL)
            kills += 1
    over.set()
    uploads.join()
    assert len(accepted) > KILLS // 4
    check(licensed, accepted)


def check(server: Server, accepted: list[int]) -> None:
    """Every acknowledged scan is there once, and the last one whole."""
    with sqlite3.connect(server.database) as connection:
        rows = connection.execute(
            "SELECT p.name, p.version FROM device_package d JOIN package p ON p.id = d.package_id"
        ).fetchall()
        total = connection.execute("SELECT packages FROM inventory_totals").fetchone()[0]
        scans = connection.execute("SELECT count(*) FROM scan").fetchone()[0]
    connection.close()
    assert {version for _, version in rows} == {str(accepted[-1])}
    assert len(rows) == total == PACKAGES
    assert scans == len(accepted)
