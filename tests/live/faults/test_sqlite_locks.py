"""Another program keeps the SQLite file locked for longer than any writer waits."""

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
import requests

from serverkit.healthcheck import status_of
from tests.live.faults.conftest import TIMEOUT_SECONDS
from tests.live.faults.load import enroll, inventory
from tests.live.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

CLIENTS = 20  # more than both workers have threads


@contextmanager
def locked(server: Server) -> Iterator[None]:
    with closing(sqlite3.connect(server.database, timeout=20, isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        yield


def test_writers_are_told_to_come_again_and_nobody_else_waits(house: Server) -> None:
    device = enroll(house, "locked")
    scan = inventory(0)

    def upload(_client: int) -> tuple[requests.Response, float]:
        began = time.monotonic()
        return house.upload(device, scan), time.monotonic() - began

    with ThreadPoolExecutor(CLIENTS) as pool:
        with locked(house):
            uploads = [pool.submit(upload, client) for client in range(CLIENTS)]
            time.sleep(TIMEOUT_SECONDS / 2)
            assert status_of(house.server.port, tls=False) == 200  # within two seconds
            answers = [upload.result() for upload in uploads]
        for answer, seconds in answers:
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
            assert answer.json()["code"] == "unavailable"
            # Whoever found no free thread waited for those who had one first.
            assert seconds < 6 * TIMEOUT_SECONDS
        assert {upload(0)[0].status_code for _ in range(6)} == {202}


def test_whoever_comes_while_another_program_writes_waits_for_it(house: Server) -> None:
    device = enroll(house, "waiting")
    with ThreadPoolExecutor(1) as pool:
        with locked(house):
            upload = pool.submit(house.upload, device, inventory(0))
            time.sleep(TIMEOUT_SECONDS / 4)
            assert not upload.done()
        assert upload.result().status_code == 202
