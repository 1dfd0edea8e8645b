"""What the license server has answered is never lost or told to anybody else, however it ends."""

import os
import random
import signal
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import requests
from nacl.signing import SigningKey as PrivateKey

from license_token.keys import RootSet
from license_token.reply import read_reply
from tests.clocks import FakeClock
from tests.license_server.cast import CustomerServer
from tests.live.servers import Vendor

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

long = [pytest.mark.slow, pytest.mark.timeout(3600)]
CUSTOMERS = 3
# Ten a minute are taken from one activation.
CHECK_INS_EACH = 9
AGAIN_SECONDS = 0.02


@dataclass
class Customer:
    """Check in again and again; what is not answered is sent again, byte for byte."""

    vendor: Vendor
    sentari: CustomerServer
    number: int
    answered: dict[str, list[int]] = field(default_factory=dict)
    cut: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.over.is_set():
            self.sentari = replace(
                self.sentari,
                instance_id=str(uuid.uuid4()),
                instance_key=PrivateKey.generate(),
                previous=None,
            )
            seqs = self.answered.setdefault(self.sentari.instance_id, [])
            while len(seqs) < CHECK_INS_EACH and not self.over.is_set():
                seqs.append(self._check_in())

    def _check_in(self) -> int:
        request = self.sentari.request(audience=self.vendor.url)
        while (answer := self._send(request)) is None:
            time.sleep(AGAIN_SECONDS)
        claims = read_reply(answer, self.sentari.roots).claims
        self.sentari.previous = claims.jti
        return claims.seq

    def _send(self, request: str) -> str | None:
        # A hundred a minute are taken from one address.
        address = f"10.{self.number}.{len(self.answered) // 250}.{len(self.answered) % 250}"
        headers = {"Content-Type": "application/jwt", "X-Forwarded-For": address}
        try:
            answer = requests.post(
                f"{self.vendor.url}/api/v1/check-in", data=request, headers=headers, timeout=30
            )
        except requests.RequestException:
            self.cut += 1
            return None
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture
def vendor(breakable: Vendor) -> Iterator[Vendor]:
    breakable.server.start()
    yield breakable
    breakable.server.stop()


def kill_workers(vendor: Vendor) -> None:
    for worker in vendor.server.workers():
        os.kill(worker, signal.SIGKILL)


def kill_all(vendor: Vendor) -> None:
    workers = vendor.server.workers()
    vendor.server.stop(kill=True)
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    vendor.server.start()


def recorded(vendor: Vendor) -> dict[str, list[int]]:
    """Return the numbers of the answers in the vendor's book, by instance."""
    path = Path(vendor.env["LICENSE_SERVER_DATA_DIR"], "license-server.db")
    statement = (
        "SELECT a.instance_id, c.seq FROM check_in c JOIN activation a ON a.id = c.activation_id"
        " ORDER BY c.seq"
    )
    found: dict[str, list[int]] = {}
    with closing(sqlite3.connect(path, timeout=20)) as connection:
        for instance_id, seq in connection.execute(statement):
            found.setdefault(instance_id, []).append(seq)
        assert connection.execute("SELECT count(*) FROM activation_flag").fetchone() == (0,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return found


def answered(customers: list[Customer]) -> int:
    return sum(len(seqs) for customer in customers for seqs in customer.answered.values())


@pytest.mark.parametrize(
    ("kill", "rounds"),
    [
        (kill_workers, 4),
        (kill_all, 1),
        pytest.param(kill_workers, 200, marks=long),
        pytest.param(kill_all, 50, marks=long),
    ],
)
def test_an_answered_number_is_in_the_book_and_nobody_else_s(
    vendor: Vendor, kill: Callable[[Vendor], None], rounds: int
) -> None:
    roots, chance = RootSet.parse(vendor.roots.read_text()), random.Random(rounds)
    key = vendor.issue(max_activations=1000)["license_key"]
    customers = [
        Customer(vendor, CustomerServer(None, key, FakeClock(), roots), number)  # type: ignore[arg-type]
        for number in range(CUSTOMERS)
    ]
    threads = [threading.Thread(target=customer.run, daemon=True) for customer in customers]
    for thread in threads:
        thread.start()
    for _ in range(rounds):
        known, deadline = answered(customers), time.monotonic() + 60
        while answered(customers) == known:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.02))
        kill(vendor)
    for customer in customers:
        customer.over.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    book = recorded(vendor)
    for customer in customers:
        for instance_id, seqs in customer.answered.items():
            assert seqs == list(range(1, len(seqs) + 1)) == book.get(instance_id, [])
    cut = sum(customer.cut for customer in customers)
    print(f"{kill.__name__} {rounds} times: {answered(customers)} answers, {cut} cut")  # noqa: T201 - the figures of the long form
