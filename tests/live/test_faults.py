"""What was acknowledged survives a killed worker, and nothing is there by half."""

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

ROUNDS = 100
PACKAGES = 400


def inventory(number: int) -> dict[str, Any]:
    """A scan that differs from the one before in every package."""
    template = scan("server-459")
    package = template["packages"][0]
    second, minute = number % 60, number // 60
    return {
        **template,
        "scanned_at": f"2026-11-01T10:{minute:02}:{second:02}Z",
        "packages": [{**package, "name": f"p{n}", "version": str(number)} for n in range(PACKAGES)],
    }


def upload_all(server: Server, device: dict[str, Any], accepted: list[int]) -> None:
    for number in range(ROUNDS):
        body = inventory(number)
        for _ in range(60):
            try:
                answer = server.upload(device, body)
            except requests.RequestException:
                continue
            if answer.status_code == 202:
                accepted.append(number)
                break
            time.sleep(0.05)


def test_a_worker_killed_in_the_middle_of_a_scan_loses_nothing(licensed: Server) -> None:
    device = licensed.register("web01").json()
    accepted: list[int] = []
    uploads = threading.Thread(target=upload_all, args=(licensed, device, accepted))
    uploads.start()
    kills = 0
    chance = random.Random(1)
    while uploads.is_alive() and kills < ROUNDS:
        time.sleep(chance.uniform(0.02, 0.12))
        for worker in licensed.server.workers()[:1]:
            os.kill(worker, signal.SIGKILL)
            kills += 1
        time.sleep(0.25)
    uploads.join()
    assert accepted == list(range(ROUNDS))
    assert kills >= ROUNDS // 4
    check(licensed)


def check(server: Server) -> None:
    with sqlite3.connect(server.database) as connection:
        rows = connection.execute(
            "SELECT p.name, p.version FROM device_package d JOIN package p ON p.id = d.package_id"
        ).fetchall()
        total = connection.execute("SELECT packages FROM inventory_totals").fetchone()[0]
        scans = connection.execute("SELECT count(*) FROM scan").fetchone()[0]
    connection.close()
    assert {version for _, version in rows} == {str(ROUNDS - 1)}
    assert len(rows) == total == PACKAGES
    assert scans == ROUNDS
