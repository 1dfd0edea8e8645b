"""Offline activation: what leaves is shown in full, and can be carried by file, text or camera."""

import html
import json
import re
from io import BytesIO
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from license_token.armor import armor_license, unarmor
from license_token.request import read_request
from sentari.licensing import service
from sentari.licensing.refusals import LicensingRefusedError
from serverkit.qr import QUIET_ZONE, qr_code
from tests.camera import photographed, read_off
from tests.clocks import FakeClock
from tests.conftest import AppFactory, sign_in
from tests.sentari.licensing.world import World, make_world
from tests.sentari.web.test_license import PAGE, field, post, signed_in

OFFLINE = f"{PAGE}/offline"


@pytest.fixture
def airgap(make_app: AppFactory, usual_url: str, clock: FakeClock, tmp_path: Path) -> World:
    return make_world(make_app, usual_url, clock, tmp_path, license_mode="airgap")


@pytest.fixture
def admin(airgap: World) -> FlaskClient:
    """An admin whose server has a key that waits."""
    with pytest.raises(LicensingRefusedError):
        airgap.install(airgap.vendor.issue(tier="gold", max_devices=12))
    return signed_in(airgap)


def offline(client: FlaskClient) -> str:
    return client.get(OFFLINE).get_data(as_text=True)


def document(airgap: World) -> str:
    with airgap.context():
        return service.request_document(airgap.licensing)


def reply(airgap: World) -> str:
    return airgap.vendor.answer(document(airgap))


def test_a_camera_reads_the_request_off_the_page(airgap: World, admin: FlaskClient) -> None:
    page = offline(admin)
    scanned = read_off(page)
    assert scanned == document(airgap)
    assert read_request(scanned).claims.audience == airgap.vendor.issuer
    airgap.install(airgap.vendor.answer(scanned))
    assert airgap.state == "active"


def test_the_longest_text_that_fits_is_drawn_and_one_byte_more_is_not() -> None:
    code = qr_code("x" * 2953)
    assert code is not None
    assert code.side == 177 + 2 * QUIET_ZONE
    assert photographed(code.side, code.path) == "x" * 2953
    assert qr_code("x" * 2954) is None


@pytest.mark.parametrize(("letter", "drawn"), [("a", True), ("字", False)])
def test_the_longest_issuer_fits_into_a_code_unless_it_is_no_ascii(
    make_app: AppFactory,
    usual_url: str,
    clock: FakeClock,
    tmp_path: Path,
    letter: str,
    drawn: bool,
) -> None:
    issuer = "https://license.example/" + letter * 1000
    settings = {"license_mode": "airgap", "license_issuer": issuer}
    world = make_world(make_app, usual_url, clock, tmp_path, **settings)
    with pytest.raises(LicensingRefusedError):
        world.install(world.vendor.issue())
    page = offline(signed_in(world))
    assert ('class="qr"' in page) is drawn
    assert ("too long for a QR code" in page) is not drawn
    assert unarmor(shown(page)) == document(world)


def shown(page: str) -> str:
    """Return the text to copy."""
    found = re.search(r'<textarea[^>]*id="request-text"[^>]*>([^<]*)</textarea>', page)
    assert found is not None
    return html.unescape(found[1])


def test_file_text_and_code_are_one_document(airgap: World, admin: FlaskClient) -> None:
    page = offline(admin)
    downloaded = admin.get(f"{PAGE}/request").get_data(as_text=True)
    assert shown(page) == downloaded
    assert unarmor(downloaded) == document(airgap)


def test_the_page_shows_every_claim_before_it_leaves(airgap: World, admin: FlaskClient) -> None:
    page = html.unescape(offline(admin))
    claims = read_request(document(airgap)).claims.to_claims()
    assert len(claims) == 11
    for name, value in claims.items():
        assert f'mono">{name}</th>' in page
        assert json.dumps(value, ensure_ascii=False, sort_keys=True) in page, name
    assert "A claim that this page has no words for." not in page
    assert '"typ":"sentari-request+jwt"' in page


def test_looking_at_the_request_does_not_change_it(airgap: World, admin: FlaskClient) -> None:
    # The form's token is signed with the second it was made in.
    pages = [re.sub(r'name="csrf_token" value="[^"]+"', "", offline(admin)) for _ in range(2)]
    assert pages[0] == pages[1]
    assert airgap.actions("LICENSE") == ["LICENSE_KEY_GIVEN"]


def test_without_a_key_the_page_says_to_give_one_first(airgap: World) -> None:
    client = signed_in(airgap)
    answer = client.get(OFFLINE, follow_redirects=True)
    assert "No license key was given yet." in answer.get_data(as_text=True)


def test_a_viewer_sees_no_request(airgap: World, admin: FlaskClient) -> None:
    assert signed_in(airgap, "viewer").get(OFFLINE).status_code == 403


def test_the_pages_need_nothing_that_their_security_policy_refuses(admin: FlaskClient) -> None:
    answer = admin.get(OFFLINE)
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    page = answer.get_data(as_text=True)
    assert not re.search(r"\sstyle\s*=|data:|<style|javascript:", page)


# The preview


def test_an_uploaded_reply_is_shown_first_and_installed_when_confirmed(
    airgap: World, admin: FlaskClient
) -> None:
    upload = (BytesIO(armor_license(reply(airgap)).encode()), "license.txt")
    status, page = post(admin, license_file=upload)
    assert status == 200
    assert "Its terms" in page
    assert "gold" in page
    assert airgap.state == "unlicensed"
    assert airgap.actions("LICENSE") == ["LICENSE_KEY_GIVEN"]
    _, page = post(admin, f"{PAGE}/reply", license_key=field(page, "license_key"))
    assert "The license is installed." in page
    assert airgap.state == "active"


def test_old_and_new_terms_stand_side_by_side(airgap: World, admin: FlaskClient) -> None:
    airgap.install(reply(airgap))
    (sold,) = airgap.vendor.licenses
    airgap.vendor.change(sold.key, max_devices=None, status="suspended")
    _, page = post(admin, license_key=reply(airgap))
    assert "2 of 13 terms change." in page
    devices = re.search(r"Devices</th>(.*?)</tr>", page, re.DOTALL)
    assert devices is not None
    for text in (">12<", ">unlimited<", "Changes"):
        assert text in devices[1]
    assert "The vendor suspended this license" in page
    assert airgap.state == "active"


def test_a_reply_that_changes_nothing_says_so(airgap: World, admin: FlaskClient) -> None:
    airgap.install(reply(airgap))
    _, page = post(admin, license_key=reply(airgap))
    assert "The terms stay as they are" in page


def test_a_reply_that_would_be_refused_is_refused_before_the_preview(
    airgap: World, admin: FlaskClient
) -> None:
    answered = reply(airgap)
    airgap.install(answered)
    status, page = post(admin, license_key=answered)
    assert status == 303
    assert "This very reply was applied before." in html.unescape(page)
    assert airgap.actions("LICENSE_REPLY_REFUSED") == ["LICENSE_REPLY_REFUSED"]


def test_a_confirmation_is_believed_in_nothing_but_a_verified_reply(
    airgap: World, admin: FlaskClient
) -> None:
    answered = reply(airgap)
    head, _, rest = answered.partition(".")
    forged = f"{head}.{'B' if rest[0] != 'B' else 'C'}{rest[1:]}"
    for text in (forged, "SENT-", "", "x" * 70_000):
        status, page = post(admin, f"{PAGE}/reply", license_key=text)
        assert status == 303
        assert "The license is installed." not in page
        assert airgap.state == "unlicensed"


def test_a_reply_that_went_stale_between_preview_and_confirmation_is_refused(
    airgap: World, admin: FlaskClient
) -> None:
    _, page = post(admin, license_key=reply(airgap))
    kept = field(page, "license_key")
    airgap.clock.advance(30 * 86_400)
    sign_in(admin, "admin@example.com")
    _, page = post(admin, f"{PAGE}/reply", license_key=kept)
    assert "The license is installed." not in page
    assert airgap.state == "unlicensed"


def test_a_viewer_can_neither_preview_nor_confirm(airgap: World, admin: FlaskClient) -> None:
    viewer = signed_in(airgap, "viewer")
    for path in (PAGE, f"{PAGE}/reply"):
        status, _ = post(viewer, path, license_key=reply(airgap))
        assert status == 403
