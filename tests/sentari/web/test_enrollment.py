import re

import pytest

from tests.conftest import csrf_token
from tests.sentari.fleet import make_fleet

PATH = "/settings/enrollment"


@pytest.fixture
def admin(fleet):
    return fleet.browser("admin")


def make(client, **fields):
    form = {"name": "office", "csrf_token": csrf_token(client, PATH)} | fields
    answer = client.post(PATH, data=form)
    page = answer.get_data(as_text=True)
    token = re.search(r"stre_[A-Za-z0-9_-]{43}", page)
    return answer.status_code, page, token and token[0]


def test_a_token_is_shown_once_with_a_command_and_works(fleet, admin):
    status, page, token = make(admin)
    assert status == 200
    assert "/api/v1/agent/register" in page
    assert token not in admin.get(PATH).get_data(as_text=True)
    assert fleet.register(enrollment_token=token).status_code == 201
    assert "office" in admin.get(PATH).get_data(as_text=True)


def test_the_command_names_the_public_address(make_app, sqlite_url, clock, tmp_path):
    url = "https://sentari.example.com"
    fleet = make_fleet(make_app, sqlite_url, clock, tmp_path, public_url=url)
    _, page, _ = make(fleet.browser("admin"))
    assert f"{url}/api/v1/agent/register" in page


def test_limits_of_a_token_are_kept(fleet, admin):
    _, _, token = make(admin, max_uses="1", expires_in_days="30")
    assert fleet.register(enrollment_token=token).status_code == 201
    refused = fleet.register(enrollment_token=token)
    assert (refused.status_code, refused.json["code"]) == (403, "token_refused")
    assert "Used up" in admin.get(PATH).get_data(as_text=True)


WRONG = [
    {"name": ""},
    {"name": "x" * 101},
    {"max_uses": "0"},
    {"max_uses": "1000001"},
    {"expires_in_days": "0"},
    {"expires_in_days": "3651"},
    {"expires_in_days": "soon"},
]


def test_a_wrong_field_is_told_and_makes_no_token(admin):
    for fields in WRONG:
        status, page, token = make(admin, **fields)
        assert (status, token) == (422, None), fields
        assert "field-error" in page


def test_a_revoked_token_enrolls_nothing(fleet, admin):
    _, _, token = make(admin)
    device_id, _ = fleet.enroll(enrollment_token=token)
    form = {"csrf_token": csrf_token(admin, PATH)}
    assert admin.post(f"{PATH}/1/revoke", data=form).status_code == 302
    assert fleet.register(enrollment_token=token).status_code == 403
    page = admin.get(PATH).get_data(as_text=True)
    assert "Revoked" in page
    assert admin.get(f"/devices/{device_id}").status_code == 200
    missing = admin.post(f"{PATH}/99/revoke", data=form, follow_redirects=True)
    assert "no such token" in missing.get_data(as_text=True)


def test_viewers_and_strangers_see_no_tokens(fleet):
    viewer = fleet.browser("viewer")
    assert viewer.get(PATH).status_code == 403
    form = {"csrf_token": csrf_token(viewer, "/devices"), "name": "x"}
    assert viewer.post(PATH, data=form).status_code == 403
    assert fleet.app.test_client().get(PATH).status_code == 302


def test_without_a_license_tokens_are_seen_and_not_made(fleet, admin):
    form = {"csrf_token": csrf_token(admin, PATH), "name": "x"}
    fleet.unlicense()
    assert admin.get(PATH).status_code == 200
    assert admin.post(PATH, data=form).status_code == 402
