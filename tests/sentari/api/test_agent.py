import gzip
import json

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from tests.sentari.fleet import make_fleet
from tests.sentari.inventory.scans import TRACKED, package, real_scan, scan

UNKNOWN = "00000000-0000-4000-8000-000000000000"
STATES = ("active", "suspended", "revoked")


def put_in(fleet, state):
    if state != "active":
        fleet.unlicense(state)


@pytest.mark.parametrize(("name", "tracked"), TRACKED.items())
def test_every_real_scan_is_taken_twice_and_counted_once(each_fleet, name, tracked):
    device_id, token = each_fleet.enroll()
    sent = real_scan(name) | {"device_id": device_id}
    first, second = (each_fleet.send(token, sent) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json["packages_received"] == len(sent["packages"])
    assert first.json["ingested"]["packages"] == tracked
    assert second.json["scan_id"] == first.json["scan_id"]
    assert second.json["ingested"]["status"] == "duplicate"


def test_the_answer_to_a_scan_says_what_became_of_it(fleet):
    device_id, token = fleet.enroll()
    answer = fleet.send(token, scan(package(), package("six"), device_id=device_id))
    assert answer.json == {
        "scan_id": "1",
        "packages_received": 2,
        "message": "the inventory was brought up to date",
        "ingested": {
            "status": "applied",
            "packages": 2,
            "added": 2,
            "changed": 0,
            "removed": 0,
            "warnings": 0,
        },
    }


def test_a_known_machine_is_answered_200_with_the_same_device(fleet):
    first = fleet.register(machine_id="m-1")
    again = fleet.register(machine_id="m-1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json["device_id"] == again.json["device_id"]
    assert first.json["message"] == "enrolled"
    old = fleet.send(first.json["device_token"], scan(device_id=first.json["device_id"]))
    assert (old.status_code, old.json["code"]) == (403, "revoked")


def test_a_wrong_enrollment_token_is_403(fleet):
    for token in ("", "wrong", None):
        answer = fleet.register(enrollment_token=token)
        assert (answer.status_code, answer.json["code"]) == (403, "token_refused")
        assert answer.content_type == "application/problem+json"


def test_without_any_token_set_up_nothing_enrolls(make_app, usual_url, clock, tmp_path):
    fleet = make_fleet(make_app, usual_url, clock, tmp_path, enrollment_token=None)
    assert fleet.register().status_code == 403
    assert fleet.register(enrollment_token="").status_code == 403


def test_registering_too_often_from_one_address_is_429(fleet):
    fleet.clock.advance(60)
    body = {"hostname": "a", "enrollment_token": "wrong"}
    codes = [fleet.agents.post("/api/v1/agent/register", json=body).status_code for _ in range(11)]
    assert codes == [403] * 10 + [429]
    assert fleet.agents.post("/api/v1/agent/register", json=body).headers["Retry-After"]


def test_a_device_over_the_cap_is_402_and_a_known_one_is_not(fleet):
    fleet.license(max_devices=1, max_packages=None)
    fleet.register(machine_id="m-1")
    refused = fleet.register(machine_id="m-2")
    assert (refused.status_code, refused.json["code"]) == (402, "device_limit_reached")
    assert (refused.json["used"], refused.json["limit"]) == (1, 1)
    assert refused.headers["Retry-After"] == "3600"
    assert fleet.register(machine_id="m-1").status_code == 200


def test_packages_over_the_cap_are_402_and_nothing_changes(fleet):
    fleet.license(max_devices=None, max_packages=1)
    device_id, token = fleet.enroll()
    answer = fleet.send(token, scan(package("a"), package("b"), device_id=device_id))
    assert (answer.status_code, answer.json["code"]) == (402, "package_limit_reached")
    assert (answer.json["used"], answer.json["limit"]) == (0, 1)
    assert fleet.send(token, scan(package("a"), device_id=device_id)).status_code == 202


@pytest.mark.parametrize("state", STATES[1:])
def test_a_closed_license_is_told_before_the_identity_is_asked(fleet, state):
    device_id, token = fleet.enroll()
    fleet.unlicense(state)
    for given in (token, "strd_wrong", None):
        answer = fleet.send(given, scan(device_id=device_id))
        assert (answer.status_code, answer.json["code"]) == (402, "license_required")
        assert answer.json["license_state"] == state
        assert answer.headers["Retry-After"] == "3600"
        assert answer.headers["X-Sentari-License-State"] == state
    assert fleet.register().status_code == 402


def test_a_scan_without_identity_is_401(fleet):
    device_id, _ = fleet.enroll()
    for token in (None, "strd_wrong"):
        answer = fleet.send(token, scan(device_id=device_id))
        assert (answer.status_code, answer.json["code"]) == (401, "unauthenticated")


def test_a_scan_of_another_device_is_403(fleet):
    _, token = fleet.enroll()
    other, _ = fleet.enroll()
    for claimed in (other, UNKNOWN, ""):
        answer = fleet.send(token, scan(device_id=claimed))
        assert (answer.status_code, answer.json["code"]) == (403, "wrong_device")


def test_a_person_or_program_is_not_a_device(fleet):
    device_id, _ = fleet.enroll()
    admin = fleet.browser("admin")
    assert admin.post("/api/v1/agent/scan", json=scan(device_id=device_id)).status_code == 401
    assert fleet.send("stri_something", scan(device_id=device_id)).status_code == 401


def test_where_it_is_allowed_the_device_id_in_the_body_is_believed(trusting_fleet):
    device_id, _ = trusting_fleet.enroll()
    assert trusting_fleet.send(None, scan(package(), device_id=device_id)).status_code == 202
    unknown = trusting_fleet.send(None, scan(device_id=UNKNOWN))
    assert (unknown.status_code, unknown.json["code"]) == (404, "unknown_device")
    assert trusting_fleet.send("strd_wrong", scan(device_id=device_id)).status_code == 401


def test_the_config_has_exactly_the_types_that_agents_read(fleet):
    _, token = fleet.enroll()
    answer = fleet.agents.get("/api/v1/agent/config", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert answer.json == {
        "scan_interval": 3600,
        "scan_root": "/",
        "max_depth": 12,
        "config_version": "1",
    }


def test_the_config_asks_for_an_identity_unless_debugging(fleet):
    assert fleet.agents.get("/api/v1/agent/config").status_code == 401


def test_the_config_is_free_when_debugging(trusting_fleet):
    assert trusting_fleet.agents.get("/api/v1/agent/config").status_code == 200


@pytest.mark.parametrize("state", STATES)
def test_what_is_not_here_is_404_in_every_state_with_or_without_identity(fleet, state):
    _, token = fleet.enroll()
    put_in(fleet, state)
    absent = (
        "license-map",
        "policy-map",
        "vuln-map",
        "release/manifest",
        "release/binary/a/b",
        "x",
    )
    for path in absent:
        for headers in ({}, {"Authorization": f"Bearer {token}"}, {"Authorization": "Bearer x"}):
            answer = fleet.agents.get(f"/api/v1/agent/{path}", headers=headers)
            assert answer.status_code == 404, path
            assert answer.content_type == "application/problem+json"
            assert ("X-Sentari-Install-Gate-Disabled" in answer.headers) == (path == "policy-map")
    for path in ("vuln-map", "release/manifest", "scans", ""):
        posted = fleet.agents.post(f"/api/v1/agent/{path}", json={})
        assert (posted.status_code, posted.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize("name", ["scan", "audit-log"])
@pytest.mark.parametrize(
    "spelling", ["/api/v1/agent/{}/", "//api/v1/agent/{}", "///api/v1/agent/{}//"]
)
def test_other_spellings_of_a_path_are_answered_without_a_redirect(fleet, name, spelling):
    device_id, token = fleet.enroll()
    document = scan(device_id=device_id, entries=[])
    # The test client would read a path that begins with two slashes as a host.
    environ = EnvironBuilder(
        method="POST", json=document, headers={"Authorization": f"Bearer {token}"}
    ).get_environ()
    path = {"PATH_INFO": spelling.format(name)}
    _, status, _ = run_wsgi_app(fleet.app.wsgi_app, environ | path)
    assert status == "202 ACCEPTED"


WRONG = [
    ([], ""),
    ({}, "/device_id"),
    (scan({"name": 1, "version": "1", "env_type": "pip"}), "/packages/0/name"),
    (scan(package(), package(version=None)), "/packages/1/version"),
    (scan(packages={}), "/packages"),
    (scan(scanned_at="now"), "/scanned_at"),
]


def test_a_wrong_structure_is_422_with_a_pointer(trusting_fleet):
    device_id, _ = trusting_fleet.enroll()
    for document, pointer in WRONG:
        sent = document | {"device_id": device_id} if document else document
        answer = trusting_fleet.send(None, sent)
        assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
        assert answer.json["errors"][0]["pointer"] == pointer


def test_what_is_no_json_is_400(fleet):
    _, token = fleet.enroll()
    for raw in (b"", b"{", b"<html>", b"\x00", b"[" * 100_000):
        answer = fleet.send(token, raw)
        assert (answer.status_code, answer.json["code"]) == (400, "malformed")
        assert fleet.agents.post("/api/v1/agent/register", data=raw).status_code == 400


def test_a_registration_of_wrong_structure_is_422(fleet):
    answer = fleet.register(hostname=5)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/hostname")


def test_a_compressed_scan_is_taken_and_counted_inflated(fleet):
    device_id, token = fleet.enroll()
    raw = json.dumps(scan(package(), device_id=device_id)).encode()
    headers = {"Content-Encoding": "gzip"}
    assert fleet.send(token, gzip.compress(raw), headers=headers).status_code == 202
    bomb = gzip.compress(b'{"x":"' + b"a" * (33 * 1024 * 1024) + b'"}')
    assert len(bomb) < 100_000
    assert fleet.send(token, bomb, headers=headers).status_code == 413


def test_bodies_up_to_their_limits_are_taken_and_longer_ones_are_413(fleet):
    device_id, token = fleet.enroll()
    raw = json.dumps(scan(device_id=device_id)).encode()
    limit = 32 * 1024 * 1024
    assert fleet.send(token, raw + b" " * (limit - len(raw))).status_code == 202
    assert fleet.send(token, raw + b" " * (limit - len(raw) + 1)).status_code == 413
    small = json.dumps({"hostname": "a"}).encode()
    small += b" " * (1024 * 1024 - len(small))
    assert fleet.agents.post("/api/v1/agent/register", data=small).status_code == 403
    assert fleet.agents.post("/api/v1/agent/register", data=small + b" ").status_code == 413


def test_hostile_text_in_a_scan_is_mended_and_counted(each_fleet):
    device_id, token = each_fleet.enroll(hostname="h\0st", machine_id="m\0")
    hostile = package("a\0", "\ud800", license_raw="L" * 5000, install_path="/\0")
    answer = each_fleet.send(token, scan(hostile, device_id=device_id, hostname="\udfff"))
    assert answer.status_code == 202
    assert answer.json["ingested"]["warnings"] == 5


def test_a_queue_that_waited_for_a_license_drains_in_order(fleet):
    device_id, token = fleet.enroll()
    queued = [
        scan(package(f"p{n}"), device_id=device_id, scanned_at=f"2026-11-23T11:0{n}:00Z")
        for n in range(5)
    ]
    fleet.unlicense()
    assert {fleet.send(token, item).status_code for item in queued} == {402}
    fleet.license(max_devices=None, max_packages=None)
    answers = [fleet.send(token, item) for item in queued]
    assert [answer.status_code for answer in answers] == [202] * 5
    assert answers[-1].json["ingested"] == {
        "status": "applied",
        "packages": 1,
        "added": 1,
        "changed": 0,
        "removed": 1,
        "warnings": 0,
    }


def test_a_removed_device_is_404_until_it_enrolls_again(fleet):
    device_id, token = fleet.enroll(machine_id="m-1")
    fleet.remove(device_id)
    assert fleet.send(token, scan(device_id=device_id)).status_code == 404
    again, _ = fleet.enroll(machine_id="m-1")
    assert again != device_id
