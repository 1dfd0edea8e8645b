"""The license in the API, for strangers, viewers, admins and their scripts."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from sentari.accounts.api_tokens import create_api_token
from sentari.extensions import writing
from sentari.licensing.answer import CheckInError
from sentari.licensing.causes import Cause
from tests.clocks import FakeClock
from tests.conftest import AppFactory
from tests.sentari.licensing.world import World, make_world
from tests.simulators.license_server import LicenseServerSimulator

URL = "/api/v1/license"
PUBLIC = {
    "state",
    "gate",
    "reason",
    "tier",
    "expires_at",
    "days_until_expiry",
    "grace_days_left",
    "read_only_days_left",
    "max_offline_days",
    "offline_days_used",
    "offline_days_left",
    "offline_deadline",
    "last_check_in_at",
    "last_check_in_error",
    "next_change",
}


@pytest.fixture
def world(make_app: AppFactory, usual_url: str, clock: FakeClock, tmp_path: Path) -> World:
    return make_world(make_app, usual_url, clock, tmp_path)


@pytest.fixture
def airgap(make_app: AppFactory, usual_url: str, clock: FakeClock, tmp_path: Path) -> World:
    return make_world(make_app, usual_url, clock, tmp_path, license_mode="airgap")


def bearer(world: World, role: str = "admin") -> dict[str, str]:
    with world.context(), writing() as session:
        token = create_api_token(
            session,
            name=role,
            role=role,
            expires_in_days=None,
            at=world.clock.now(),
            actor="user:admin@example.com",
        )
    return {"Authorization": f"Bearer {token}"}


def client_of(world: World) -> FlaskClient:
    return world.app.test_client()


def test_a_stranger_sees_the_state_and_no_names(world: World) -> None:
    world.install(world.vendor.issue())
    world.clock.ticks += 1
    answer = client_of(world).get(URL)
    assert answer.status_code == 200
    assert set(answer.get_json()) == PUBLIC
    assert answer.headers["X-Sentari-License-State"] == "active"
    assert "Example Works" not in answer.get_data(as_text=True)


def test_the_dates_are_told_as_the_contract_names_them(world: World) -> None:
    world.install(world.vendor.issue(max_offline_days=30, tier="gold"))
    world.clock.ticks += 1
    found = client_of(world).get(URL).get_json()
    assert found == {
        "state": "active",
        "gate": "full",
        "reason": "The license is valid until 23 November 2027.",
        "tier": "gold",
        "expires_at": "2027-11-23",
        "days_until_expiry": 364,
        "grace_days_left": 14,
        "read_only_days_left": 30,
        "max_offline_days": 30,
        "offline_days_used": 0,
        "offline_days_left": 30,
        "offline_deadline": "2026-12-23T12:00:00Z",
        "last_check_in_at": "2026-11-23T12:00:00Z",
        "last_check_in_error": None,
        "next_change": {
            "at": "2026-12-23T12:00:00Z",
            "to": "offline_exceeded",
            "why": "The license server last answered on 23 November 2026, 12:00 UTC, and this "
            "license allows 30 days without an answer. Check in again, or use offline activation.",
        },
    }


def test_without_a_license_all_dates_are_null(world: World) -> None:
    found = client_of(world).get(URL).get_json()
    assert found.pop("state") == "unlicensed"
    assert found.pop("gate") == "read_only"
    assert found.pop("reason").startswith("No license is installed.")
    assert set(found.values()) == {None}


def test_an_admin_sees_the_rest_too(world: World) -> None:
    world.install(world.vendor.issue(max_devices=9, max_packages=None))
    found = client_of(world).get(URL, headers=bearer(world)).get_json()
    assert found["customer_name"] == "Example Works"
    assert found["usage"] == {"devices": 0, "packages": 0}
    assert (found["max_devices"], found["max_packages"]) == (9, None)
    assert found["license_id"] == "lic_0001"
    assert len(found["instance_id"]) == 36
    viewer = client_of(world).get(URL, headers=bearer(world, "viewer")).get_json()
    assert set(viewer) == PUBLIC


def test_the_state_can_be_read_sixty_times_a_minute(world: World) -> None:
    client = client_of(world)
    assert [client.get(URL).status_code for _ in range(60)] == [200] * 60
    refused = client.get(URL)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0


def test_a_script_activates_a_key(world: World) -> None:
    key = world.vendor.issue()
    answer = client_of(world).post(
        f"{URL}/activate", json={"license_key": key.text}, headers=bearer(world)
    )
    assert answer.status_code == 200
    assert answer.get_json()["state"] == "active"
    assert answer.get_json()["key_hint"] == key.hint


@pytest.mark.parametrize("path", ["/activate", "/refresh", "/request"])
def test_only_admins_act(world: World, path: str) -> None:
    send = client_of(world).get if path == "/request" else client_of(world).post
    assert send(URL + path, json={}).status_code == 401
    assert send(URL + path, json={}, headers=bearer(world, "viewer")).status_code == 403


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"license_key": "SENT-AAAAA-AAAAA-AAAAA-AAAAA-AAAAA"}, 400, "mistyped_key"),
        ({"license_key": "a.b.c~d.e.f"}, 400, "malformed"),
        ({"license_key": ""}, 422, "invalid"),
        ({"license_key": 7}, 422, "invalid"),
        ({}, 422, "invalid"),
        ([], 400, "malformed"),
        ("text", 400, "malformed"),
    ],
)
def test_what_is_no_key_is_refused_before_any_call(
    world: World, body: object, status: int, code: str
) -> None:
    answer = client_of(world).post(f"{URL}/activate", json=body, headers=bearer(world))
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert world.vendor.calls == 0


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        (Cause.DNS, 502),
        (Cause.CONNECT, 502),
        (Cause.TLS, 502),
        (Cause.PROXY_AUTH, 502),
        (Cause.HTTP_STATUS, 502),
        (Cause.NOT_A_REPLY, 502),
        (Cause.TIMEOUT, 504),
        (Cause.UNKNOWN_KEY, 409),
        (Cause.ACTIVATION_LIMIT, 409),
        (Cause.APPROVAL_PENDING, 409),
    ],
)
def test_each_cause_is_told_by_status_and_code(world: World, cause: Cause, status: int) -> None:
    world.vendor.unavailable = CheckInError(cause, "This is how it went.")
    body = {"license_key": world.vendor.issue().text}
    answer = client_of(world).post(f"{URL}/activate", json=body, headers=bearer(world))
    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (status, cause.value)
    assert problem["detail"].startswith("This is how it went. ")
    assert world.status().facts.activation_pending is (cause is not Cause.UNKNOWN_KEY)


def test_refresh_needs_a_key_and_then_checks_in(world: World) -> None:
    client, headers = client_of(world), bearer(world)
    answer = client.post(f"{URL}/refresh", headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "no_key")
    key = world.vendor.issue()
    world.install(key)
    world.vendor.change(key, status="suspended")
    assert client.post(f"{URL}/refresh", headers=headers).get_json()["state"] == "suspended"


def test_an_air_gapped_server_says_how_to_go_on(airgap: World) -> None:
    client, headers = client_of(airgap), bearer(airgap)
    assert client.get(f"{URL}/request", headers=headers).get_json()["code"] == "no_key"
    body = {"license_key": airgap.vendor.issue().text}
    answer = client.post(f"{URL}/activate", json=body, headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "airgap")
    assert client.post(f"{URL}/refresh", headers=headers).get_json()["code"] == "airgap"
    request = client.get(f"{URL}/request", headers=headers)
    assert request.content_type == "text/plain; charset=utf-8"
    assert request.get_data(as_text=True).startswith("-----BEGIN SENTARI LICENSE REQUEST-----")
    document = "".join(request.get_data(as_text=True).splitlines()[1:-1])
    reply = {"license_key": airgap.vendor.answer(document)}
    answer = client.post(f"{URL}/activate", json=reply, headers=headers)
    assert answer.get_json()["state"] == "active"
    again = client.post(f"{URL}/activate", json=reply, headers=headers)
    assert (again.status_code, again.get_json()["code"]) == (409, "stale")


def test_a_reply_of_another_vendor_is_refused_and_is_no_tampering(world: World) -> None:
    stranger = LicenseServerSimulator("https://license.sentari.dev", world.clock)
    for vendor, code in ((stranger, "untrusted_key"), (world.vendor, "wrong_instance")):
        reply = vendor.presigned(vendor.issue())
        body = {"license_key": reply}
        answer = client_of(world).post(f"{URL}/activate", json=body, headers=bearer(world))
        assert (answer.status_code, answer.get_json()["code"]) == (409, code)
    assert world.state == "unlicensed"
    assert world.actions("LICENSE") == ["LICENSE_REPLY_REFUSED"] * 2
