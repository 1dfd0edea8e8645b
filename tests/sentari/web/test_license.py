"""Settings → License as an admin and as a viewer see it, without any script."""

import html
import re
from io import BytesIO
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from license_token.armor import armor_license, unarmor
from sentari.accounts.api_tokens import create_api_token
from sentari.extensions import writing
from sentari.licensing.answer import CheckInError
from sentari.licensing.causes import Cause
from tests.clocks import FakeClock
from tests.conftest import PASSWORD, AppFactory, add_user, csrf_token, sign_in
from tests.sentari.accounts.people import events
from tests.sentari.licensing.world import World, make_world

PAGE = "/settings/license"


@pytest.fixture
def world(make_app: AppFactory, usual_url: str, clock: FakeClock, tmp_path: Path) -> World:
    return make_world(make_app, usual_url, clock, tmp_path)


@pytest.fixture
def airgap(make_app: AppFactory, usual_url: str, clock: FakeClock, tmp_path: Path) -> World:
    return make_world(make_app, usual_url, clock, tmp_path, license_mode="airgap")


def signed_in(world: World, role: str = "admin") -> FlaskClient:
    add_user(world.app, f"{role}@example.com", role)
    client = world.app.test_client()
    sign_in(client, f"{role}@example.com")
    return client


def post(client: FlaskClient, path: str = PAGE, **form: object) -> tuple[int, str]:
    """Send a form and return the status and the page that a browser ends on."""
    data = {"csrf_token": csrf_token(client, PAGE)} | form
    answer = client.post(path, data=data, content_type="multipart/form-data")
    status = answer.status_code
    if status == 303:
        answer = client.get(answer.headers["Location"])
    return status, answer.get_data(as_text=True)


def field(page: str, name: str) -> str:
    """Return the value of a form's hidden field."""
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', page)
    assert found is not None
    return html.unescape(found[1])


def test_a_pasted_key_opens_the_server(world: World) -> None:
    client = signed_in(world)
    assert "No license is installed." in client.get(PAGE).get_data(as_text=True)
    key = world.vendor.issue(max_devices=12)
    status, page = post(client, license_key=f"  {key.text.lower()}\n")
    assert status == 303
    assert "The license is installed." in page
    assert "The license is active" in page
    assert "0 of 12" in page
    assert key.masked in page
    assert key.text not in page
    assert "Development trust root" in page


def test_the_page_counts_expiry_grace_and_offline_days(world: World) -> None:
    client = signed_in(world)
    world.install(world.vendor.issue(max_offline_days=30))
    page = client.get(PAGE).get_data(as_text=True)
    for text in ("364 days", "14 days", "30 days", "30 of 30", "What happens next"):
        assert text in page, text


def test_a_mistyped_key_is_explained_and_kept_for_correction(world: World) -> None:
    client = signed_in(world)
    status, page = post(client, license_key="SENT-AAAAA-BBBB")
    assert status == 422
    assert "SENT-AAAAA-BBBB" in page
    assert "Group 2 has 4 characters instead of 5." in page
    assert world.vendor.calls == 0


@pytest.mark.parametrize("text", ["", "   \n"])
def test_an_empty_box_asks_for_something(world: World, text: str) -> None:
    status, page = post(signed_in(world), license_key=text)
    assert status == 422
    assert "Paste a license key or a reply, or choose a file." in page


def test_a_vendor_that_is_down_leaves_the_key_waiting_with_the_cause(world: World) -> None:
    client = signed_in(world)
    key = world.vendor.issue()
    world.vendor.unavailable = CheckInError(Cause.TIMEOUT, "No complete answer came.")
    status, page = post(client, license_key=key.text)
    assert status == 303
    assert "No complete answer came." in page
    assert "Check for a firewall" in page
    assert "A license key waits for its activation" in page
    assert key.masked in page
    world.vendor.unavailable = None
    _, page = post(client, f"{PAGE}/check-in")
    assert "The license is active" in page


def test_a_waiting_key_can_be_discarded(world: World) -> None:
    client = signed_in(world)
    world.vendor.unavailable = CheckInError(Cause.DNS, "No such name.")
    post(client, license_key=world.vendor.issue().text)
    _, page = post(client, f"{PAGE}/discard-key")
    assert "The waiting key was discarded." in page
    assert "waits for its activation" not in page


def test_a_wrong_key_is_refused_and_the_old_license_stays(world: World) -> None:
    client = signed_in(world)
    world.install(world.vendor.issue(tier="gold"))
    other = type(world.vendor.issue()).generate()
    _, page = post(client, license_key=other.text)
    assert "does not know this license key" in page
    assert "gold" in page
    assert "The license is active" in page


def test_removing_asks_first_and_then_leaves_an_unlicensed_server(world: World) -> None:
    client = signed_in(world)
    world.install(world.vendor.issue())
    page = client.get(PAGE).get_data(as_text=True)
    assert "<details" in page
    assert f'action="{PAGE}/remove"' in page
    _, page = post(client, f"{PAGE}/remove", your_password=PASSWORD)
    assert "The license was removed." in page
    assert "No license is active" in page


def test_a_stolen_session_does_not_remove_the_license(world: World) -> None:
    client = signed_in(world)
    world.install(world.vendor.issue())
    for number, (given, said) in enumerate(
        (("", "Enter your own password"), ("a wrong one", "This is not your password"))
    ):
        status, page = post(client, f"{PAGE}/remove", your_password=given)
        assert (status, said in page, 'confirm" open' in page) == (422, True, True)
        assert world.state == "active"
        refused = events(world.app, "USER_PASSWORD_REFUSED")
        assert len(refused) == number, "what was not given was not guessed"
    # One guess was made, and one sign-in: the fifth guess is the last of the minute.
    answers = [post(client, f"{PAGE}/remove", your_password="wrong")[0] for _ in range(5)]
    assert answers == [422] * 4 + [429]
    assert post(client, f"{PAGE}/remove", your_password=PASSWORD)[0] == 429
    assert world.state == "active"


def test_no_token_removes_the_license(world: World) -> None:
    add_user(world.app, "admin@example.com", "admin")
    world.install(world.vendor.issue())
    with world.app.app_context(), writing() as session:
        token = create_api_token(
            session, name="ci", role="admin", expires_in_days=1, at=world.clock.now(), actor="test"
        )
    headers = {"Authorization": f"Bearer {token}"}
    form = {"your_password": PASSWORD}
    answer = world.app.test_client().post(f"{PAGE}/remove", data=form, headers=headers)
    assert answer.status_code == 403
    assert world.state == "active"


def test_an_air_gapped_server_is_activated_by_carrying_two_files(airgap: World) -> None:
    client = signed_in(airgap)
    key = airgap.vendor.issue()
    _, page = post(client, license_key=key.text)
    assert "makes no outbound license calls" in page
    request = client.get(f"{PAGE}/request")
    assert "attachment" in request.headers["Content-Disposition"]
    reply = airgap.vendor.answer(unarmor(request.get_data(as_text=True)))
    upload = (BytesIO(armor_license(reply).encode()), "license.txt")
    status, page = post(client, license_file=upload)
    assert status == 200
    assert "Install this license?" in page
    assert airgap.state == "unlicensed"
    _, page = post(client, f"{PAGE}/reply", license_key=field(page, "license_key"))
    assert "The license is installed." in page
    assert airgap.state == "active"
    assert airgap.transport.documents == []


def test_an_upload_that_is_no_license_is_refused_by_name(world: World) -> None:
    for content in (b"\xff\xfe\x00", b"." * 70_000, b"-----BEGIN SENTARI LICENSE-----"):
        status, _ = post(signed_in_once(world), license_file=(BytesIO(content), "x.txt"))
        assert status == 422
        assert world.state == "unlicensed"


def signed_in_once(world: World) -> FlaskClient:
    client = world.app.test_client()
    with world.app.app_context():
        from sentari.accounts.service import any_user
        from sentari.extensions import db

        known = any_user(db.session())
    if not known:
        add_user(world.app, "admin@example.com", "admin")
    sign_in(client, "admin@example.com")
    return client


def test_a_viewer_sees_the_state_and_nothing_of_the_customer(world: World) -> None:
    key = world.vendor.issue()
    world.install(key)
    client = signed_in(world, "viewer")
    page = client.get(PAGE).get_data(as_text=True)
    assert "The license is active" in page
    for text in ("Example Works", "it@example.com", key.hint, "Instance id", "<textarea"):
        assert text not in page


@pytest.mark.parametrize("action", ["", "/check-in", "/remove", "/discard-key"])
def test_a_viewer_cannot_act(world: World, action: str) -> None:
    client = signed_in(world, "viewer")
    token = csrf_token(client, "/settings/license")
    answer = client.post(PAGE + action, data={"csrf_token": token, "license_key": "SENT-"})
    assert answer.status_code == 403


def test_a_viewer_does_not_get_the_request(world: World) -> None:
    assert signed_in(world, "viewer").get(f"{PAGE}/request").status_code == 403


def test_without_a_key_there_is_no_request_to_carry(world: World) -> None:
    client = signed_in(world)
    answer = client.get(f"{PAGE}/request")
    assert answer.status_code == 303
    assert "No license key was given yet." in client.get(PAGE).get_data(as_text=True)


def test_a_forged_form_is_refused(world: World) -> None:
    client = signed_in(world)
    world.install(world.vendor.issue())
    assert client.post(f"{PAGE}/remove").status_code == 400
    assert world.state == "active"
