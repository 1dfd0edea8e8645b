"""The gate table, and what every kind of client is told in front of a closed gate."""

from pathlib import Path

import pytest

from sentari.licensing.state import GATES, Gate, State
from sentari.web.access import GATE_CLASSES
from sentari.web.gate import OPEN, allowed, fresh_license_status, license_status
from tests.clocks import FakeClock
from tests.conftest import AppFactory, add_user, csrf_token, sign_in
from tests.sentari.licensing.world import World, make_world

# The table of the contract, written down again: class -> full, read-only, locked.
TABLE = {
    "open": (True, True, True),
    "read": (True, True, False),
    "write": (True, False, False),
    "ingest": (True, False, False),
}


@pytest.fixture
def world(make_app: AppFactory, usual_url: str, clock: FakeClock, tmp_path: Path) -> World:
    return make_world(make_app, usual_url, clock, tmp_path)


@pytest.mark.parametrize("gate_class", TABLE)
def test_each_class_is_open_exactly_as_the_contract_says(gate_class: str) -> None:
    levels = (Gate.FULL, Gate.READ_ONLY, Gate.LOCKED)
    assert tuple(allowed(gate_class, level) for level in levels) == TABLE[gate_class]


def test_the_table_knows_every_class() -> None:
    assert set(OPEN) == set(TABLE) == set(GATE_CLASSES)


def lapsed(world: World) -> None:
    """Install a license and let its offline budget run out: locked."""
    world.install(world.vendor.issue(max_offline_days=1))
    world.clock.advance(86_400)
    assert world.state == "offline_exceeded"


def test_an_agent_in_front_of_a_closed_gate_is_told_to_come_again(world: World) -> None:
    answer = world.app.test_client().post("/api/v1/agent/scan", json={})
    assert answer.status_code == 402
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Retry-After"] == "3600"
    assert answer.headers["X-Sentari-License-State"] == "unlicensed"
    problem = answer.get_json()
    assert problem["status"] == 402
    assert problem["code"] == "license_required"
    assert problem["license_state"] == "unlicensed"
    assert problem["settings_url"] == "/settings/license"
    assert {"type", "title", "detail"} <= set(problem)


@pytest.mark.parametrize(("age", "status"), [(0.049, 402), (0.051, 401)])
def test_a_refusal_by_another_worker_is_never_older_than_a_twentieth_of_a_second(
    world: World, make_app: AppFactory, usual_url: str, age: float, status: int
) -> None:
    other = make_app(
        usual_url,
        license_public_key_path=world.app.extensions["sentari"].settings.license_public_key_path,
    ).test_client()
    assert other.post("/api/v1/agent/scan", json={}).status_code == 402
    world.install(world.vendor.issue())
    world.clock.advance(age)
    assert other.post("/api/v1/agent/scan", json={}).status_code == status


def test_an_open_gate_is_looked_at_once_a_second_and_not_for_every_request(world: World) -> None:
    world.install(world.vendor.issue())
    assert world.state == "active"
    world.edit("UPDATE installed_license SET max_devices = 99999")
    agent = world.app.test_client()
    world.clock.ticks += 0.9
    assert agent.post("/api/v1/agent/scan", json={}).status_code == 401
    world.clock.ticks += 0.1
    assert agent.post("/api/v1/agent/scan", json={}).status_code == 402


def test_one_request_is_answered_under_one_status_unless_it_changed_the_license(
    world: World,
) -> None:
    with world.app.test_request_context("/"):
        first = license_status()
        world.clock.ticks += 2
        assert license_status() is first
        second = fresh_license_status()
        assert second is not first
        assert license_status() is second


def test_with_a_license_the_agent_is_asked_who_it_is(world: World) -> None:
    world.install(world.vendor.issue())
    world.clock.ticks += 1
    answer = world.app.test_client().post("/api/v1/agent/scan", json={})
    assert answer.status_code in (400, 401)


def test_a_stranger_learns_nothing_about_the_license(world: World) -> None:
    lapsed(world)
    client = world.app.test_client()
    assert client.get("/audit").status_code == 302
    answer = client.get("/api/v1/audit/")
    assert answer.status_code == 401
    page = client.get("/login").get_data(as_text=True)
    assert "license" not in page.lower()


def test_a_locked_server_says_what_happened_and_what_still_works(world: World) -> None:
    add_user(world.app, "admin@example.com", "admin")
    client = world.app.test_client()
    lapsed(world)
    sign_in(client, "admin@example.com")
    answer = client.get("/audit")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 402
    assert "Retry-After" not in answer.headers, "only agents come again by themselves"
    assert "The license has locked this server" in page
    assert "allows 1 day without an answer" in page
    assert 'href="/settings/license"' in page
    assert client.get("/settings/license").status_code == 200


def test_an_unlicensed_server_can_be_read_and_not_changed(world: World) -> None:
    add_user(world.app, "admin@example.com", "admin")
    client = world.app.test_client()
    sign_in(client, "admin@example.com")
    seen = client.get("/audit")
    assert seen.status_code == 200
    assert "Read-only" in seen.get_data(as_text=True), "the navigation says what is closed"
    change = "/settings/users/999/disable"
    answer = client.post(change)
    assert answer.status_code == 402, "the license is asked before the form's token"
    world.install(world.vendor.issue())
    world.clock.ticks += 1
    assert client.post(change).status_code == 400
    token = csrf_token(client, "/settings/license")
    assert client.post(change, data={"csrf_token": token}).status_code == 404


def test_what_does_not_exist_is_404_in_every_state(world: World) -> None:
    assert world.app.test_client().get("/api/v1/nothing").status_code == 404
    lapsed(world)
    answer = world.app.test_client().get("/api/v1/nothing")
    assert answer.status_code == 404
    assert answer.headers["X-Sentari-License-State"] == "offline_exceeded"


def test_an_answer_of_the_api_names_the_state_of_its_own_moment(world: World) -> None:
    world.install(world.vendor.issue(max_offline_days=1))
    agent = world.app.test_client()
    path = "/api/v1/agent/license-map"
    assert agent.get(path).headers["X-Sentari-License-State"] == "active"
    world.clock.advance(86_400)
    assert agent.get(path).headers["X-Sentari-License-State"] == "offline_exceeded"


@pytest.mark.parametrize("path", ["/healthz", "/api/live", "/readyz", "/login"])
def test_probes_and_sign_in_do_not_look_the_license_up(
    world: World, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert world.state == "unlicensed"
    world.edit("DROP TABLE installed_license")
    world.clock.ticks += 60
    with caplog.at_level("ERROR"):
        world.app.test_client().get(path)
    assert not caplog.records


def test_every_state_has_a_level() -> None:
    assert set(GATES) == set(State)
