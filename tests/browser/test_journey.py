"""What an operator does on the first day, in a real browser, with scripts and without."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.site import Site
from tests.browser.watched import Watched
from tests.live.servers import ADMIN, PASSWORD, Server


def sign_in(opened: Watched) -> None:
    page = opened.page
    page.goto("/settings/license")
    page.get_by_label("E-mail").fill(ADMIN)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def paste(opened: Watched, text: str) -> None:
    opened.page.get_by_label("License key or reply").fill(text)
    opened.page.get_by_role("button", name="Install").click()


def test_the_first_admin_is_made_with_the_token_of_the_log(
    site: Site, open_page: Open, tmp_path: Path
) -> None:
    nobody = {"SENTARI_BOOTSTRAP_ADMIN_EMAIL": "", "SENTARI_BOOTSTRAP_ADMIN_PASSWORD": ""}
    server = Server(tmp_path / "new", site.vendor, workers=1, **nobody).start()
    try:
        opened = open_page(signed_in=False, url=server.url)
        page = opened.page
        page.goto("/setup")
        opened.inspect("setup")
        found = re.search(r"setup token ([0-9a-f]{32})", server.server.log.read_text())
        assert found is not None
        page.get_by_label("Setup token").fill(found[1])
        page.get_by_label("E-mail").fill(ADMIN)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Create admin").click()
        expect(page.get_by_text("Sentari is set up, and you are signed in.")).to_be_visible()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        opened.inspect("set-up")
    finally:
        server.server.stop()


@pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])
def test_an_operator_pastes_a_key_and_finds_the_device_that_has_a_package(
    site: Site, open_page: Open, javascript: bool
) -> None:
    site.empty()
    opened = open_page(signed_in=False, javascript=javascript)
    page = opened.page
    sign_in(opened)
    expect(page.get_by_role("heading", name="No license is active")).to_be_visible()
    paste(opened, site.new_key())
    expect(page.get_by_role("heading", name="The license is active")).to_be_visible()
    expect(page.get_by_text("The license is installed.")).to_be_visible()
    site.fill()
    page.get_by_role("link", name="Devices").click()
    page.get_by_role("link", name="web01").click()
    page.get_by_label("Search").fill("pip")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="pip", exact=True).first.click()
    expect(page.get_by_role("heading", name="pip", exact=True)).to_be_visible()
    holders = page.get_by_role("region", name="Devices that have it")
    expect(holders.get_by_role("link", name="web01").first).to_be_visible()


def test_a_wrong_password_says_so_and_keeps_the_address(site: Site, open_page: Open) -> None:
    page = open_page(signed_in=False).page
    page.goto("/login")
    page.get_by_label("E-mail").fill("stranger@example.com")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("E-mail or password is wrong")).to_be_visible()
    expect(page.get_by_label("E-mail")).to_have_value("stranger@example.com")


@pytest.mark.parametrize("group", [1, 3, 5])
def test_a_mistyped_key_names_its_group(site: Site, open_page: Open, group: int) -> None:
    site.be_unlicensed()
    groups = ["SENT", *["A1B2C"] * 5]
    groups[group] = "A1#2C"
    opened = open_page()
    opened.page.goto("/settings/license")
    paste(opened, "-".join(groups))
    box = opened.page.get_by_label("License key or reply")
    expect(box).to_have_attribute("aria-invalid", "true")
    expect(box).to_have_value("-".join(groups))
    expect(opened.page.get_by_role("alert")).to_contain_text(f"Group {group} ")
    if group == 1:
        opened.inspect("license-mistyped")


def test_a_vendor_that_is_down_leaves_the_key_waiting_and_says_what_to_do(
    site: Site, open_page: Open
) -> None:
    site.be_unlicensed()
    key = site.new_key()
    opened = open_page()
    page = opened.page
    page.goto("/settings/license")
    site.vendor.server.stop()
    try:
        paste(opened, key)
        waiting = page.get_by_role("region", name="A license key waits for its activation")
        expect(waiting).to_contain_text(key[-5:])
        expect(waiting).to_contain_text("No connection could be made")
        expect(waiting).to_contain_text("Allow outbound HTTPS")
        expect(page.get_by_role("heading", name="No license is active")).to_be_visible()
        opened.inspect("license-vendor-down")
    finally:
        site.vendor.server.start()
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_role("heading", name="The license is active")).to_be_visible()


def test_the_connection_test_names_every_step(site: Site, open_page: Open) -> None:
    site.be_licensed()
    opened = open_page()
    opened.page.goto("/settings/license")
    opened.page.get_by_role("button", name="Test the connection").click()
    expect(opened.page.get_by_role("heading", level=1)).to_contain_text("onnection")
    opened.inspect("license-connection-test")


def test_without_a_license_a_change_is_answered_by_a_page_that_leads_on(
    site: Site, open_page: Open
) -> None:
    site.be_unlicensed()
    opened = open_page()
    page = opened.page
    page.goto("/settings/enrollment")
    page.get_by_label("Name").fill("a site")
    page.get_by_role("button", name="Make token").click()
    expect(page.get_by_role("heading", name="What still works")).to_be_visible()
    opened.inspect("402-unlicensed")
    page.get_by_role("link", name="Open license settings").click()
    expect(page.get_by_label("License key or reply")).to_be_visible()


def test_hostile_names_are_shown_as_the_text_they_are(site: Site, open_page: Open) -> None:
    site.fill()
    page = open_page().page
    # In quotes: what follows a bare < is taken for a version.
    page.goto('/packages?search="<script>"')
    name = "<script>alert('package')</script>"
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    expect(page.get_by_text("=cmd|' /C calc'!A0").first).to_be_visible()
    page.goto("/packages?search=onerror")
    page.get_by_role("link", name="onerror").click()
    expect(page.get_by_role("heading", name="<img src=x onerror=alert(1)>")).to_be_visible()
    assert page.locator("main img, main script").count() == 0


def test_a_removal_asks_before_it_happens(site: Site, open_page: Open) -> None:
    site.fill()
    page = open_page().page
    page.goto(f"/devices/{site.devices['kiosk']}")
    page.get_by_text("Remove", exact=True).first.click()
    expect(page.get_by_text("This cannot be undone.")).to_be_visible()
    expect(page.get_by_role("heading", name="kiosk")).to_be_visible()


def test_the_keyboard_reaches_the_content_first_and_a_phone_opens_the_navigation(
    site: Site, open_page: Open
) -> None:
    page = open_page().page
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.get_by_role("navigation")).to_be_hidden()
    page.get_by_role("button", name="Navigation").click()
    page.get_by_role("navigation").get_by_role("link", name="Devices").click()
    expect(page.get_by_role("heading", name="Devices")).to_be_visible()
