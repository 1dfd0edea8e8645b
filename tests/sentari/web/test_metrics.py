"""GET /metrics: who is answered, and that it agrees with the database and the gate."""

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sentari.licensing import service
from sentari.licensing.exchange import check_in
from tests.clocks import FakeClock
from tests.conftest import AppFactory
from tests.exposition import Samples, read, value
from tests.sentari.fleet import Fleet
from tests.sentari.inventory.scans import package, scan
from tests.sentari.licensing.world import World, make_world

ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}
SCAN = "/api/v1/agent/scan"
DENIED = "sentari_license_denied_requests_total"


@pytest.fixture
def world(make_app: AppFactory, usual_url: str, clock: FakeClock, tmp_path: Path) -> World:
    return make_world(make_app, usual_url, clock, tmp_path)


def scrape(app: Flask) -> Samples:
    answer = app.test_client().get("/metrics")
    assert answer.status_code == 200
    return read(answer.text)


def problem(answer: TestResponse) -> tuple[int, str]:
    assert answer.content_type == "application/problem+json"
    return answer.status_code, answer.get_json()["code"]


def test_without_a_token_the_machine_itself_is_answered_and_nobody_else(
    client: FlaskClient,
) -> None:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=")
    refused = client.get("/metrics", environ_overrides=ELSEWHERE)
    assert problem(refused) == (403, "forbidden")
    assert "SENTARI_METRICS_TOKEN" in refused.get_json()["detail"]


def test_with_a_token_who_has_it_is_answered_and_nobody_else(
    make_app: AppFactory, usual_url: str
) -> None:
    client = make_app(usual_url, metrics_token="scrape me").test_client()
    right = {"Authorization": "Bearer scrape me"}
    wrong = {"Authorization": "Bearer scrape you"}
    for peer in ({}, ELSEWHERE):
        answer = client.get("/metrics", headers=right, environ_overrides=peer)
        assert answer.status_code == 200
        for headers in ({}, wrong):
            refused = client.get("/metrics", headers=headers, environ_overrides=peer)
            assert problem(refused) == (401, "unauthenticated")
            assert refused.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "status"),
    [
        (0, "192.0.2.7", "127.0.0.1", 403),
        (1, "192.0.2.7", "127.0.0.1", 200),
        (1, "127.0.0.1", "192.0.2.7", 403),
        (1, "127.0.0.1", "127.0.0.1, 192.0.2.7", 403),
        (2, "127.0.0.1", "127.0.0.1, 192.0.2.7", 200),
    ],
)
def test_the_peer_is_the_one_behind_the_trusted_proxies(
    make_app: AppFactory, usual_url: str, proxies: int, peer: str, forwarded: str, status: int
) -> None:
    client = make_app(usual_url, trusted_proxies=proxies).test_client()
    headers = {"X-Forwarded-For": forwarded}
    answer = client.get("/metrics", headers=headers, environ_overrides={"REMOTE_ADDR": peer})
    assert answer.status_code == status


def test_a_stranger_is_refused_in_every_license_state(world: World) -> None:
    client = world.app.test_client()
    assert client.get("/metrics", environ_overrides=ELSEWHERE).status_code == 403
    world.install(world.vendor.issue(max_offline_days=1))
    world.clock.advance(86_400)
    assert client.get("/metrics", environ_overrides=ELSEWHERE).status_code == 403
    assert value(scrape(world.app), "sentari_license_state", state="offline_exceeded") == 1


def test_the_license_is_told_as_it_is_at_this_very_moment(world: World) -> None:
    assert value(scrape(world.app), "sentari_license_state", state="unlicensed") == 1
    key = world.vendor.issue(max_devices=12, max_packages=None, tier="community")
    world.install(key)
    found = scrape(world.app)
    assert value(found, "sentari_license_state", state="active") == 1
    assert value(found, "sentari_license_devices_limit") == 12
    assert "sentari_license_packages_limit" not in found
    (labels,) = found["sentari_license_info"]
    told = dict(labels)
    assert (told["license_id"], told["tier"]) == ("lic_0001", "community")
    assert told["kid"] == world.licensing.snapshot.kid
    now = world.clock.now().timestamp()
    name = "sentari_license_last_check_in_success_timestamp_seconds"
    assert value(found, name) == now
    world.do(service.remove)
    assert "sentari_license_info" not in scrape(world.app)


def test_tampering_shows_at_once_and_its_count_stays_when_it_is_healed(world: World) -> None:
    world.install(world.vendor.issue())
    for number in (1, 2):
        world.edit("UPDATE installed_license SET max_devices = :n", n=99_000 + number)
        assert value(scrape(world.app), "sentari_license_state", state="tampered") == 1
        world.do(check_in)
        found = scrape(world.app)
        assert value(found, "sentari_license_state", state="active") == 1
        assert value(found, "sentari_license_tamper_detected_total") == number


def test_a_second_replica_says_the_same_of_the_license(
    make_app: AppFactory, database_url: str, clock: FakeClock, tmp_path: Path
) -> None:
    first = make_world(make_app, database_url, clock, tmp_path)
    first.install(first.vendor.issue())
    second = make_world(make_app, database_url, clock, tmp_path, vendor=first.vendor)
    second.do(check_in)
    # Both run in this process, so even what the workers count is one.
    ours, theirs = scrape(first.app), scrape(second.app)
    for name in ours:
        if name.startswith("sentari_license_"):
            assert ours[name] == theirs[name], name
    assert value(ours, "sentari_license_check_ins_total", result="success", cause="none") == 2


def test_what_the_gate_denies_is_counted_by_state_and_class(world: World) -> None:
    before = scrape(world.app)
    for _ in range(3):
        assert world.app.test_client().post(SCAN, json={}).status_code == 402
    after = scrape(world.app)
    labels = {"state": "unlicensed", "class_": "ingest"}
    assert value(after, DENIED, **labels) - value(before, DENIED, **labels) == 3
    assert sum(after[DENIED].values()) - sum(before[DENIED].values()) == 3


def test_what_a_cap_refuses_is_counted_as_denied_while_active(fleet: Fleet) -> None:
    fleet.license(max_devices=1, max_packages=2)
    device_id, token = fleet.enroll()
    before = scrape(fleet.app)
    assert fleet.register(hostname="web-02").status_code == 402
    many = scan(package("a"), package("b"), package("c"), device_id=device_id)
    assert fleet.send(token, many).status_code == 402
    after = scrape(fleet.app)
    labels = {"state": "active", "class_": "ingest"}
    assert value(after, DENIED, **labels) - value(before, DENIED, **labels) == 2


def test_everything_that_can_be_denied_starts_at_nought_and_nothing_else(world: World) -> None:
    pairs = {(dict(labels)["state"], dict(labels)["class"]) for labels in scrape(world.app)[DENIED]}
    locked = {"tampered", "revoked", "offline_exceeded", "locked_out"}
    closed = locked | {"suspended", "read_only", "unlicensed"}
    assert pairs == {
        *((state, "read") for state in locked),
        *((state, "write") for state in closed),
        *((state, "ingest") for state in closed | {"active", "grace"}),
    }


def test_scans_are_counted_by_what_became_of_them(fleet: Fleet) -> None:
    before = scrape(fleet.app)
    device_id, token = fleet.enroll()
    sent = scan(package(), device_id=device_id)
    for _ in range(3):
        assert fleet.send(token, sent).status_code == 202
    assert fleet.send(None, sent).status_code == 401
    after = scrape(fleet.app)
    for result, count in (("applied", 1), ("duplicate", 2), ("unchanged", 0), ("superseded", 0)):
        name = "sentari_scans_ingested_total"
        assert value(after, name, result=result) - value(before, name, result=result) == count
    assert value(after, "sentari_license_devices") == 1
    assert value(after, "sentari_license_packages") == 1


def test_answers_are_counted_by_method_status_and_endpoint(app: Flask) -> None:
    client = app.test_client()

    def numbers() -> list[float]:
        found, duration = scrape(app), "sentari_http_request_duration_seconds_count"
        requests = found.get("sentari_http_requests_total", {})
        return [
            requests.get((("method", "GET"), ("status", "404")), 0),
            requests.get((("method", "other"), ("status", "405")), 0),
            found.get(duration, {}).get((("endpoint", "account.login"),), 0),
            found.get(duration, {}).get((("endpoint", "none"),), 0),
        ]

    before = numbers()
    for number in range(5):
        assert client.get(f"/nowhere/{number}").status_code == 404
    assert client.open("/login", method="BREW").status_code == 405
    client.get("/login")
    after = numbers()
    assert [b - a for a, b in zip(before, after, strict=True)] == [5, 1, 1, 6]
