"""Many at once, as gunicorn serves them: one server's retries, and everybody after an outage."""

import random
import re
from collections import Counter
from collections.abc import Iterator

import pytest
import requests

from bench.fleet import Office
from bench.hammer import Hammer, post

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def hammer() -> Iterator[Hammer]:
    hammer = Hammer(processes=2, threads=16)
    yield hammer
    hammer.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def office(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    """A running license server on each kind of database."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/licenses.db"
    else:
        url = request.getfixturevalue("postgres").create()
    office = Office(tmp_path_factory.mktemp("office"), url)
    office.server.start()
    yield office
    office.server.stop()


def come_twice(office: Office, hammer: Hammer, count: int) -> None:
    """All at once for the first time, and all at once again after a restart."""
    fleet = office.issue(count)
    for seq in (1, 2):
        volley = hammer.send(office.address, office.requests(fleet))
        assert volley.statuses == {200: len(fleet)}
        claims = office.claims(volley.answers)
        assert [reply.audience for reply in claims] == [each.instance_id for each in fleet]
        assert {reply.seq for reply in claims} == {seq}


def test_two_hundred_servers_at_once_are_answered(office: Office, hammer: Hammer) -> None:
    come_twice(office, hammer, 200)


def answered(office: Office) -> float:
    """How many check-ins all workers together say that they answered."""
    text = requests.get(f"{office.url}/metrics", timeout=10).text
    found = re.search(r'license_server_check_ins_total\{result="ok"\} (\S+)', text)
    return float(found[1]) if found else 0.0


def test_fifty_identical_requests_get_the_same_bytes_from_all_workers(
    office: Office, hammer: Hammer
) -> None:
    [sentari] = office.issue(1)
    before = answered(office)
    volley = hammer.send(office.address, office.requests([sentari]) * 50)
    assert volley.statuses == {200: 50}
    assert answered(office) - before == 50
    assert len({answer.body for answer in volley.answers}) == 1
    assert office.claims(volley.answers[:1])[0].seq == 1


def test_a_flood_from_one_address_is_stopped_at_a_hundred_and_disturbs_nobody(
    office: Office, hammer: Hammer
) -> None:
    fleet = office.issue(20)
    flood = [post("/api/v1/check-in", b"x", "application/jwt", X_Forwarded_For="192.0.2.66")] * 300
    mixed = office.requests(fleet) + flood
    random.Random(7).shuffle(mixed)
    answers = hammer.send(office.address, mixed).answers
    assert Counter(answer.status for answer in answers) == {200: 20, 400: 100, 429: 200}
    for answer in answers:
        if answer.status == 429:
            assert 1 <= int(re.search(r"(?i)retry-after: (\d+)", answer.head)[1]) <= 61


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_thousand_servers_that_restart_at_once_are_answered(
    office: Office, hammer: Hammer
) -> None:
    come_twice(office, hammer, 2000)
