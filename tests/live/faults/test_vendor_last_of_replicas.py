"""Two replicas on one PostgreSQL: started in any order, at the last place, and in its restart."""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests

from serverkit.healthcheck import status_of
from tests.live.faults.load import Uploader, check, enroll
from tests.live.faults.own_postgres import OwnPostgres
from tests.live.servers import Server, Vendor, form_token
from tests.postgres import connect

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

long = [pytest.mark.slow, pytest.mark.timeout(3600)]
DEVICES = 4
RACERS = 8
ASKED = 12


class Replicas:
    """Two servers of one worker each, not started yet, their database and their vendor."""

    def __init__(self, postgres: OwnPostgres, servers: list[Server], vendor: Vendor) -> None:
        self.postgres, self.servers, self.vendor = postgres, servers, vendor

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        with connect(self.postgres.url) as connection:
            return connection.execute(statement.encode()).fetchall()

    def start(self) -> None:
        for server in self.servers:
            server.server.start(wait=False)
        for server in self.servers:
            server.server.wait_ready()

    def license(self) -> None:
        """Start the vendor's server, and have one replica ask it."""
        self.vendor.server.start()
        answer = self.servers[0].check_in()
        assert answer.status_code == 200, answer.text
        time.sleep(1.1)  # what the other knows may be a second old
        assert self.states() == {"active"}

    def be_there(self) -> None:
        """Start all, if no test before this one has."""
        if self.servers[1].server.process is None:
            self.start()
            self.license()

    def states(self) -> set[str]:
        return {server.state() for server in self.servers}

    def statuses(self, path: str) -> set[int]:
        return {status_of(s.server.port, tls=False, path=path) for s in self.servers}

    def log(self) -> str:
        return "".join(server.server.log.read_text() for server in self.servers)


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory, breakable: Vendor) -> Iterator[Replicas]:
    """Both, licensed for four devices by a key in their environment."""
    directory = tmp_path_factory.mktemp("replicas")
    breakable.server.start()
    issued = breakable.issue(max_devices=DEVICES)
    breakable.server.stop()
    postgres = OwnPostgres(directory / "postgres.log")
    settings = {
        "SENTARI_DATABASE_URL": postgres.url,
        "SENTARI_SECRET_KEY": "a secret of the live tests, long enough to be accepted",
        "SENTARI_LICENSE_KEY": issued["license_key"],
        "SENTARI_LICENSE_PUBLIC_KEY_PATH": str(breakable.roots),
        "SENTARI_TRUSTED_PROXIES": "1",
    }
    servers = [
        Server(directory / name, breakable, workers=1, **settings) for name in ("one", "two")
    ]
    try:
        yield Replicas(postgres, servers, breakable)
    finally:
        for server in servers:
            server.server.stop()
        breakable.server.stop()
        with suppress(FileNotFoundError):
            postgres.stop()


def test_everything_comes_up_whatever_is_started_first(replicas: Replicas) -> None:
    replicas.postgres.stop()
    early = replicas.servers[0].server
    early.start(wait=False)
    assert early.process is not None
    assert early.process.wait(30) != 0
    assert "sentari: " in early.log.read_text().splitlines()[-1]
    assert "Traceback" not in early.log.read_text()

    replicas.postgres.start()
    replicas.start()
    assert replicas.states() == {"unlicensed"}
    replicas.license()


def test_of_two_replicas_one_gives_the_last_place_away(replicas: Replicas) -> None:
    replicas.be_there()
    devices = [enroll(replicas.servers[0], f"held-{n}") for n in range(DEVICES)]
    admin = replicas.servers[0].browser()
    for number in range(5):
        release(admin, replicas.servers[0], devices.pop())
        answers = race(replicas, number)
        assert Counter(answer.status_code for answer in answers) == {201: 1, 402: RACERS - 1}
        devices += [answer.json() for answer in answers if answer.status_code == 201]
        assert replicas.ask("SELECT count(*) FROM device") == [(DEVICES,)]
        assert replicas.ask("SELECT devices FROM inventory_totals") == [(DEVICES,)]
    for device in devices:
        release(admin, replicas.servers[0], device)


def race(replicas: Replicas, number: int) -> list[requests.Response]:
    """Ask both replicas for the last place at once."""
    answers: list[requests.Response] = []
    line = threading.Barrier(RACERS)

    def ask(racer: int) -> None:
        line.wait(60)
        server = replicas.servers[racer % 2]
        answers.append(server.register(f"racer-{racer}", address=f"10.2.{number}.{racer}"))

    racers = [threading.Thread(target=ask, args=(racer,)) for racer in range(RACERS)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    return answers


def release(admin: requests.Session, server: Server, device: dict[str, Any]) -> None:
    token = form_token(admin.get(f"{server.url}/settings/license", timeout=20).text)
    path = f"{server.url}/api/v1/inventory/devices/{device['device_id']}"
    answer = admin.delete(path, headers={"X-CSRFToken": token}, timeout=20)
    assert answer.status_code in (200, 204), answer.text


@pytest.mark.parametrize("restarts", [2, pytest.param(200, marks=long)])
def test_a_restart_of_postgresql_under_load_is_told_and_then_all_is_well(
    replicas: Replicas, restarts: int
) -> None:
    replicas.be_there()
    workers = [server.server.workers() for server in replicas.servers]
    uploaders = [
        Uploader(replicas.servers, enroll(replicas.servers[0], f"loaded-{restarts}-{n}"))
        for n in range(2)
    ]
    for uploader in uploaders:
        uploader.start()
    chance = random.Random(restarts)
    for number in range(restarts):
        for uploader in uploaders:
            uploader.wait_for_more()
        time.sleep(chance.uniform(0, 0.05))
        replicas.postgres.stop(signal.SIGINT if number % 2 else signal.SIGQUIT)
        assert replicas.statuses("/readyz") == {503}
        assert replicas.statuses("/healthz") == {200}
        replicas.postgres.start()
    for uploader in uploaders:
        uploader.wait_for_more()
    for uploader in uploaders:
        uploader.stop()
    for uploader in uploaders:
        assert uploader.answers.keys() == {202, 503}
        assert uploader.cut == 0
        assert {answer.headers["Retry-After"] for answer in uploader.unavailable} == {"5"}
        assert {answer.json()["code"] for answer in uploader.unavailable} == {"unavailable"}
        check(replicas.ask, uploader)
    # No worker has kept a connection that is gone: not one request is refused from now on.
    admin = replicas.servers[0].browser()
    for server in replicas.servers:
        for _ in range(ASKED):
            assert admin.get(f"{server.url}/devices", timeout=20).status_code == 200
    assert [server.server.workers() for server in replicas.servers] == workers
    assert "Traceback" not in replicas.log()
    taken = sum(uploader.accepted for uploader in uploaders)
    refused = sum(uploader.answers[503] for uploader in uploaders)
    print(f"{restarts} restarts: {taken} scans taken, {refused} told to come again")  # noqa: T201 - the figures of the long form
