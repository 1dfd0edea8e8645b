"""The last places under both caps, asked for by eight processes at once, on each database."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.live import racers
from tests.live.servers import ENROLLMENT_TOKEN, Server, Vendor
from tests.postgres import Postgres

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

DEVICES, PACKAGES = 10, 1000


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/data/sentari.db"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    made = postgres.create()
    yield made
    postgres.drop(made)


@pytest.fixture
def server(url: str, tmp_path: Path, vendor: Vendor) -> Iterator[Server]:
    settings = {
        "SENTARI_DATABASE_URL": url,
        "SENTARI_SECRET_KEY": "a secret of the live tests, long enough",
        "SENTARI_TRUSTED_PROXIES": "1",  # so that each racer has an address of its own
    }
    server = Server(tmp_path / "data", vendor, **settings)
    server.start()
    issued = vendor.issue(max_devices=DEVICES, max_packages=PACKAGES)
    assert server.install(issued["license_key"]).status_code == 200
    yield server
    server.server.stop()


def counted(url: str) -> tuple[int, int, int, int]:
    """Devices and packages that are there, and those that the totals say."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "SELECT (SELECT count(*) FROM device), (SELECT count(*) FROM device_package), "
                "devices, packages FROM inventory_totals"
            )
        ).one()
    engine.dispose()
    return tuple(found)  # type: ignore[return-value]


def test_eight_processes_get_the_last_places_and_not_one_more(server: Server, url: str) -> None:
    port = server.server.port
    enrolled = [
        answer for answers in racers.race(racers.enroll, port, ENROLLMENT_TOKEN)
        for answer in answers
    ]  # fmt: skip
    everybody = racers.PROCESSES * racers.ATTEMPTS
    assert Counter(answer["status"] for answer in enrolled) == {
        201: DEVICES,
        402: everybody - DEVICES,
    }
    refused = [answer for answer in enrolled if answer["status"] == 402]
    assert {(a["code"], a["used"], a["limit"]) for a in refused} == {
        ("device_limit_reached", DEVICES, DEVICES)
    }
    devices = [answer for answer in enrolled if answer["status"] == 201]
    scanned = racers.race(racers.grow, port, devices)
    statuses = Counter(answer["status"] for answers in scanned for answer in answers)
    assert statuses.keys() == {202, 402}
    # Each device stands at its last scan that was taken, and the places are used up to the last.
    kept = [max((a["ingested"]["packages"] for a in answers if a["status"] == 202), default=0)
            for answers in scanned]  # fmt: skip
    assert sum(kept) == PACKAGES
    assert counted(url) == (DEVICES, PACKAGES, DEVICES, PACKAGES)
    log = server.server.log.read_text()
    assert "database is locked" not in log
    assert "Traceback" not in log
