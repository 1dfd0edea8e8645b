"""What the pages can do, programs can do too: the license's removal, agents' logs, clones."""

import pytest
from flask.testing import FlaskClient

from sentari.accounts.api_tokens import create_api_token
from sentari.extensions import writing
from sentari.licensing.causes import Cause
from sentari.licensing.check_in import CheckInError
from tests.sentari.agents.logs import chain, sent
from tests.sentari.fleet import Fleet
from tests.sentari.inventory.scans import package, scan
from tests.test_openapi import check

LICENSE = "/api/v1/license"
DEVICES = "/api/v1/inventory/devices"


@pytest.fixture
def admin(fleet: Fleet) -> FlaskClient:
    return by_token(fleet, "admin")


@pytest.fixture
def viewer(fleet: Fleet) -> FlaskClient:
    return by_token(fleet, "viewer")


def by_token(fleet: Fleet, role: str) -> FlaskClient:
    """Return a program that speaks with an API token."""
    done = fleet.app.test_client(use_cookies=False)
    with fleet.app.app_context(), writing() as session:
        token = create_api_token(
            session, name=role, role=role, expires_in_days=None, at=fleet.clock.now(), actor="cli"
        )
    done.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return done


def test_the_license_is_removed_once(fleet: Fleet, admin: FlaskClient) -> None:
    assert admin.delete(LICENSE).status_code == 204
    assert fleet.world.state == "unlicensed"
    assert fleet.world.events("LICENSE_REMOVED") != []
    again = admin.delete(LICENSE)
    assert (again.status_code, again.json["code"]) == (409, "nothing_installed")


def test_a_waiting_key_is_discarded_and_the_license_stays(fleet: Fleet, admin: FlaskClient) -> None:
    fleet.world.vendor.unavailable = CheckInError(Cause.TIMEOUT, "No answer came.")
    key = {"license_key": fleet.world.vendor.issue().text}
    assert admin.post(f"{LICENSE}/activate", json=key).status_code == 504
    assert admin.delete(f"{LICENSE}/waiting-key").status_code == 204
    assert admin.delete(f"{LICENSE}/waiting-key").status_code == 409
    assert fleet.world.state == "active"


def test_the_way_to_the_license_server_is_walked(admin: FlaskClient) -> None:
    # This server has no network to walk; tests/live does walk it.
    answer = admin.post(f"{LICENSE}/connection-test")
    check(f"{LICENSE}/connection-test", answer, "post")
    assert answer.json["summary"] == "No connection is made in airgap mode."
    assert {step["name"] for step in answer.json["steps"]} >= {"configuration"}


def test_an_agents_log_is_read_with_what_does_not_hold(fleet: Fleet, viewer: FlaskClient) -> None:
    uid, token = fleet.enroll()
    log = chain(9)
    entries = sent([*log[:5], *log[6:]])
    fleet.send(token, {"device_id": uid, "entries": entries}, path="/api/v1/agent/audit-log")
    read = viewer.get(f"{DEVICES}/{uid}/agent-log?page_size=3").json
    assert (read["entry_count"], read["broken_count"]) == (8, 1)
    assert [each["entry_id"] for each in read["entries"]["items"]] == [9, 8, 7]
    (broken,) = viewer.get(f"{DEVICES}/{uid}/agent-log?show=broken").json["entries"]["items"]
    assert (broken["entry_id"], broken["problems"] != "") == (7, True)
    assert viewer.get(f"{DEVICES}/{uid}/agent-log?show=some").status_code == 400
    assert viewer.get(f"{DEVICES}/nothing/agent-log").status_code == 404


def test_the_mark_of_a_clone_is_taken_off_by_an_admin_only(
    fleet: Fleet, admin: FlaskClient, viewer: FlaskClient
) -> None:
    fleet.register(hostname="gold-image", machine_id="one")
    uid = fleet.add(scan(package()), hostname="web-02", machine_id="one")
    path = f"{DEVICES}/{uid}"
    assert admin.get(path).json["possible_clone_of"] == "gold-image"
    assert viewer.post(f"{path}/dismiss-clone").status_code == 403
    assert admin.post(f"{path}/dismiss-clone").status_code == 204
    assert admin.get(path).json["possible_clone_of"] is None
    assert admin.post(f"{DEVICES}/nothing/dismiss-clone").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", ""), ("DELETE", "/waiting-key"), ("POST", "/connection-test")],
)
def test_a_viewer_does_nothing_to_the_license(viewer: FlaskClient, method: str, path: str) -> None:
    assert viewer.open(f"{LICENSE}{path}", method=method).status_code == 403
