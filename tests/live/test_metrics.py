"""Metrics of real workers: the same numbers whichever of them answers."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from tests.exposition import Samples, read, value
from tests.live.conftest import ServerFactory, scan
from tests.live.servers import Server, Vendor

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

WORKERS = 3
DENIED = "sentari_license_denied_requests_total"
CHECK_INS = "sentari_license_check_ins_total"
# A scrape itself is a request that the next one counts.
OWN = ("sentari_http_",)


def scrape(server: Server) -> Samples:
    answer = requests.get(f"{server.url}/metrics", timeout=20)
    assert answer.status_code == 200, answer.text
    return read(answer.text)


@contextmanager
def answering_alone(server: Server, worker: int) -> Iterator[None]:
    """Stop all other workers for a moment, so that this one answers."""
    others = [pid for pid in server.server.workers() if pid != worker]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in others:
            os.kill(pid, signal.SIGCONT)


def all_workers(server: Server, ended: int | None = None) -> list[int]:
    """Wait until all are there, without one that ended. One that starts answers when it can."""
    deadline = time.monotonic() + 30
    while True:
        workers = server.server.workers()
        if len(workers) == WORKERS and ended not in workers:
            return workers
        assert time.monotonic() < deadline, workers
        time.sleep(0.1)


def of_each_worker(server: Server) -> list[Samples]:
    found = []
    for worker in all_workers(server):
        with answering_alone(server, worker):
            found.append(scrape(server))
    return found


def agreed(server: Server) -> Samples:
    """Return what every single worker says; fail when one says something else."""
    first, *others = of_each_worker(server)
    for other in others:
        assert set(first) == set(other)
        for name in first:
            if not name.startswith(OWN):
                assert first[name] == other[name], name
    return first


def deny(server: Server) -> None:
    """Have each worker turn an agent away twice."""
    for worker in all_workers(server):
        with answering_alone(server, worker):
            for _ in range(2):
                answer = requests.post(f"{server.url}/api/v1/agent/scan", json={}, timeout=20)
                assert answer.status_code == 402


def test_the_numbers_are_right_whichever_worker_answers(
    make_server: ServerFactory, vendor: Vendor
) -> None:
    server = make_server(workers=WORKERS)
    labels = {"state": "unlicensed", "class_": "ingest"}
    assert value(agreed(server), DENIED, **labels) == 0
    deny(server)
    found = agreed(server)
    assert value(found, DENIED, **labels) == 2 * WORKERS
    assert value(found, "sentari_license_state", state="unlicensed") == 1
    assert "sentari_license_info" not in found

    issued = vendor.issue(max_devices=5)
    assert server.install(issued["license_key"]).status_code == 200
    assert value(agreed(server), "sentari_license_state", state="active") == 1
    device = server.register("web01").json()
    for _ in range(2):
        assert server.upload(device, scan("server-459")).status_code == 202
    found = agreed(server)
    assert value(found, CHECK_INS, result="success", cause="none") == 1
    assert value(found, "sentari_license_devices") == 1
    assert value(found, "sentari_license_devices_limit") == 5
    assert value(found, "sentari_license_packages") == 365
    assert value(found, "sentari_scans_ingested_total", result="applied") == 1
    assert value(found, "sentari_scans_ingested_total", result="duplicate") == 1

    killed = all_workers(server)[0]
    os.kill(killed, signal.SIGKILL)
    all_workers(server, killed)
    after = agreed(server)
    assert value(after, DENIED, **labels) == 2 * WORKERS, "what the dead worker counted stays"
    requests_before, requests_after = (
        sum(samples["sentari_http_requests_total"].values()) for samples in (found, after)
    )
    assert requests_after > requests_before

    server.server.stop()
    server.start()
    found = agreed(server)
    assert value(found, CHECK_INS, result="success", cause="none") >= 1
    assert value(found, "sentari_license_packages") == 365
    assert value(found, DENIED, **labels) == 0, "a new start begins with new counters"


def test_a_token_is_asked_of_everybody(make_server: ServerFactory) -> None:
    server = make_server(SENTARI_METRICS_TOKEN="scrape me", SENTARI_TRUSTED_PROXIES="1")
    path, right = f"{server.url}/metrics", {"Authorization": "Bearer scrape me"}
    assert requests.get(path, timeout=20).status_code == 401
    assert requests.get(path, headers=right, timeout=20).status_code == 200
    elsewhere = right | {"X-Forwarded-For": "192.0.2.7"}
    assert requests.get(path, headers=elsewhere, timeout=20).status_code == 200
