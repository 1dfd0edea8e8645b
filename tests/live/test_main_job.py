"""The whole way once, over real sockets: no license, key, check-in, scan, look-up."""

import sqlite3
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.live.conftest import ServerFactory, scan
from tests.live.servers import Server, Vendor, form_token

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

DISTINCT_PACKAGES = {
    "server-459": 365,
    "workstation-2266": 2109,
    "mixed-ecosystems-42": 41,
    "one-error": 0,
    "empty": 0,
}
WORKERS_ASKED = 40  # requests enough to meet both workers


def statuses(server: Server) -> set[str]:
    return {server.state() for _ in range(WORKERS_ASKED)}


def wait_for(server: Server, state: str, seconds: float) -> float:
    """Wait until every worker says so; return how long it took."""
    began = time.monotonic()
    while statuses(server) != {state}:
        assert time.monotonic() - began < seconds, f"not {state} within {seconds} s"
    return time.monotonic() - began


def edit(database: Path, statement: str) -> None:
    with sqlite3.connect(database, timeout=20) as connection:
        connection.execute(statement)
    connection.close()


def test_a_key_opens_the_server_and_a_scan_can_be_looked_up(
    make_server: ServerFactory, vendor: Vendor
) -> None:
    server = make_server()
    assert server.license()["state"] == "unlicensed"
    refused = server.register("web01")
    assert refused.status_code == 402
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.headers["Retry-After"] == "3600"
    began = time.monotonic()
    installed = server.install(vendor.issue()["license_key"])
    assert installed.status_code == 200, installed.text
    assert server.license()["state"] == "active"
    wait_for(server, "active", 3 - (time.monotonic() - began))
    device = server.register("web01").json()
    assert server.upload(device, scan("server-459")).status_code == 202
    page = server.browser().get(f"{server.url}/packages/pypi/pip", timeout=20)
    assert page.status_code == 200
    assert "web01" in page.text
    server.server.stop()
    server.start()
    assert server.license()["state"] == "active"
    assert "web01" in server.browser().get(f"{server.url}/packages/pypi/pip", timeout=20).text


def test_an_edited_column_closes_every_worker_and_its_return_opens_them(licensed: Server) -> None:
    edit(licensed.database, "UPDATE installed_license SET max_devices = 99999")
    assert wait_for(licensed, "tampered", 2) < 2
    assert licensed.register("web01").status_code == 402
    exported = licensed.flask("audit", "export")
    assert exported.count("LICENSE_TAMPER_DETECTED") == 1
    assert "99999" in exported
    assert "max_devices" in exported
    edit(licensed.database, "UPDATE installed_license SET max_devices = 1000")
    wait_for(licensed, "active", 3)
    assert licensed.register("web01").status_code in (200, 201)
    assert "LICENSE_TAMPER_CLEARED" in licensed.flask("audit", "export")


def test_of_eight_who_race_for_the_last_place_one_wins(
    make_server: ServerFactory, vendor: Vendor
) -> None:
    server = make_server(SENTARI_TRUSTED_PROXIES="1")
    assert server.install(vendor.issue(max_devices=3)["license_key"]).status_code == 200
    places = [server.register(f"held-{n}", f"held-{n}") for n in range(2)]
    assert {answer.status_code for answer in places} <= {200, 201}
    admin = server.browser()
    for number in range(50):
        answers = race(server, number)
        codes = Counter(answer.status_code for answer in answers)
        assert codes[402] == 7, codes
        winner = next(answer for answer in answers if answer.status_code != 402)
        loser = next(answer for answer in answers if answer.status_code == 402).json()
        assert (loser["code"], loser["used"], loser["limit"]) == ("device_limit_reached", 3, 3)
        release(admin, server, winner.json()["device_id"])


def race(server: Server, number: int) -> list[requests.Response]:
    answers: list[requests.Response] = []
    barrier = threading.Barrier(8)

    def enroll(client: int) -> None:
        barrier.wait()
        name, address = f"r{number}-{client}", f"10.0.{number}.{client}"
        answers.append(server.register(name, name, address))

    threads = [threading.Thread(target=enroll, args=(client,)) for client in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def release(admin: requests.Session, server: Server, device_id: str) -> None:
    token = form_token(admin.get(f"{server.url}/settings/license", timeout=20).text)
    path = f"{server.url}/api/v1/inventory/devices/{device_id}"
    answer = admin.delete(path, headers={"X-CSRFToken": token}, timeout=20)
    assert answer.status_code in (200, 204), answer.text


def test_every_real_scan_is_taken_twice_and_counted_once(licensed: Server) -> None:
    admin, total = licensed.browser(), 0
    for name, packages in DISTINCT_PACKAGES.items():
        device: dict[str, Any] = licensed.register(name).json()
        for _ in range(2):
            answer = licensed.upload(device, scan(name))
            assert answer.status_code == 202, answer.text
        total += packages
        summary = admin.get(f"{licensed.url}/api/v1/inventory/summary", timeout=20).json()
        assert summary["total_packages"] == total, name
