import re

import pytest
from cryptography import x509

from sentari.agents.authority import fingerprint
from sentari.startup import prepare
from tests.conftest import csrf_token
from tests.sentari.fleet import make_fleet
from tests.sentari.inventory.scans import package, scan

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


def test_the_command_names_the_public_address(make_app, usual_url, clock, tmp_path):
    url = "https://sentari.example.com"
    fleet = make_fleet(make_app, usual_url, clock, tmp_path, public_url=url)
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


def test_a_tokens_page_waits_for_a_device_and_then_for_its_scan(fleet, admin):
    _, page, token = make(admin)
    assert 'data-look-again="/settings/enrollment/1"' in page
    assert "Waiting for the first device" in page
    path = f"{PATH}/1"
    waiting = admin.get(path).get_data(as_text=True)
    assert "Waiting for the first device" in waiting
    assert token not in waiting
    device_id, device_token = fleet.enroll(enrollment_token=token, hostname="web-07")
    enrolled = admin.get(path).get_data(as_text=True)
    assert "web-07 is enrolled. Waiting for its first scan." in enrolled
    assert f'href="/devices/{device_id}"' in enrolled
    assert "data-look-again" in enrolled
    fleet.send(device_token, scan(package(), device_id=device_id, hostname="web-07"))
    done = admin.get(path).get_data(as_text=True)
    assert "web-07 is enrolled and has sent its first scan." in done
    assert "data-look-again" not in done
    assert "Look again" not in done


def test_a_token_that_enrolls_no_more_is_not_waited_for(fleet, admin):
    make(admin)
    form = {"csrf_token": csrf_token(admin, PATH)}
    admin.post(f"{PATH}/1/revoke", data=form)
    page = admin.get(f"{PATH}/1").get_data(as_text=True)
    assert "No device has enrolled with this token" in page
    assert "data-look-again" not in page
    assert f"{PATH}/1/revoke" not in page


def test_devices_of_the_static_token_have_a_page_of_their_own(fleet, admin):
    assert "/settings/enrollment/static" in admin.get(PATH).get_data(as_text=True)
    fleet.enroll(hostname="web-08")
    page = admin.get(f"{PATH}/static").get_data(as_text=True)
    assert "Static token" in page
    assert "web-08" in page


def test_without_a_static_token_its_page_says_so(make_app, usual_url, clock, tmp_path):
    fleet = make_fleet(make_app, usual_url, clock, tmp_path, enrollment_token=None)
    page = fleet.browser("admin").get(f"{PATH}/static").get_data(as_text=True)
    assert "It is not set" in page
    assert "data-look-again" not in page


def test_an_unknown_token_is_a_helpful_404_and_none_of_a_viewers_business(fleet, admin):
    assert "no such token" in admin.get(f"{PATH}/99").get_data(as_text=True)
    assert admin.get(f"{PATH}/99").status_code == 404
    viewer = fleet.browser("viewer")
    for path in (f"{PATH}/1", f"{PATH}/static"):
        assert viewer.get(path).status_code == 403


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_address_without_tls_is_warned_of(make_app, usual_url, clock, tmp_path, scheme):
    url = f"{scheme}://sentari.example.com"
    fleet = make_fleet(make_app, usual_url, clock, tmp_path, public_url=url)
    _, page, _ = make(fleet.browser("admin"))
    assert ("SENTARI_PUBLIC_URL" in page) is (scheme == "http")


def test_the_commands_pin_the_certificate_that_is_served(make_app, usual_url, clock, tmp_path):
    fleet = make_fleet(make_app, usual_url, clock, tmp_path, tls_self=True)
    prepare(fleet.app)
    served = x509.load_pem_x509_certificate((tmp_path / "tls" / "server.pem").read_bytes())
    _, page, _ = make(fleet.browser("admin"))
    assert page.count(f"--bootstrap-ca-fingerprint {fingerprint(served)}") == 2
    assert f"--bootstrap-ca-fingerprint &#39;{fingerprint(served)}" in page


@pytest.mark.parametrize(
    "settings", [{}, {"tls_self": True, "trusted_proxies": 1}, {"tls_self": True}]
)
def test_what_agents_see_and_is_not_known_is_not_pinned(
    make_app, usual_url, clock, tmp_path, settings
):
    fleet = make_fleet(make_app, usual_url, clock, tmp_path, **settings)
    if "trusted_proxies" in settings:
        prepare(fleet.app)  # In the last case there is no certificate yet.
    status, page, _ = make(fleet.browser("admin"))
    assert status == 200
    assert "fingerprint" not in page


def test_a_public_address_may_end_in_a_slash(make_app, usual_url, clock, tmp_path):
    url = "https://sentari.example.com/"
    fleet = make_fleet(make_app, usual_url, clock, tmp_path, public_url=url)
    _, page, _ = make(fleet.browser("admin"))
    assert f"{url}api/v1/agent/register" in page
