"""A server without a network gets its license by hand: two pages and a file between them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.site import TERMS, Site, day_from_now
from tests.browser.watched import Watched
from tests.live.servers import Server

AIRGAP = {**TERMS, "max_offline_days": 90, "airgap": True}


@pytest.fixture(scope="module")
def airgapped(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("airgapped")
    server = Server(directory, site.vendor, workers=1, SENTARI_LICENSE_MODE="airgap").start()
    yield server
    server.server.stop()


@pytest.fixture
def admin(airgapped: Server, open_page: Open) -> Watched:
    """An admin of the server without a network."""
    opened = open_page(signed_in=False, url=airgapped.url)
    cookies = airgapped.browser().cookies
    opened.page.context.add_cookies(
        [{"name": c.name, "value": c.value or "", "url": airgapped.url} for c in cookies]
    )
    return opened


def test_a_request_is_carried_out_answered_and_its_reply_carried_back(
    site: Site, airgapped: Server, admin: Watched, open_page: Open, tmp_path: Path
) -> None:
    key = site.vendor.issue(
        **AIRGAP, expires_at=day_from_now(300), airgap_addendum_signed_at=day_from_now(-1)
    )["license_key"]
    page = admin.page
    page.goto("/settings/license")
    page.get_by_label("License key or reply").fill(key)
    page.get_by_role("button", name="Install").click()
    page.goto("/settings/license/offline")
    expect(page.get_by_text(f"{site.vendor.url}/activate")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the request").click()
    request = tmp_path / download.value.suggested_filename
    download.value.save_as(request)

    # Any device with a network, even one whose browser runs no scripts.
    vendor = open_page(signed_in=False, javascript=False, url=site.vendor.url).page
    vendor.goto("/activate")
    vendor.get_by_label("Request file").set_input_files(request)
    vendor.get_by_role("button", name="Answer the request").click()
    expect(vendor.get_by_role("heading", name="The reply", exact=True)).to_be_visible()
    text = vendor.locator("#reply-text").input_value()
    with vendor.expect_download() as download:
        vendor.get_by_role("button", name="Download the license file").click()
    reply = tmp_path / download.value.suggested_filename
    download.value.save_as(reply)
    assert reply.read_text() == text

    page.get_by_label("Or the license file").set_input_files(reply)
    page.get_by_role("button", name="Look at it first").click()
    page.get_by_role("button", name="Install").click()
    expect(page.get_by_text("The license is installed.")).to_be_visible()
    assert airgapped.state() == "active"


def test_the_vendors_page_is_accessible_and_fits_a_phone(
    site: Site, airgapped: Server, admin: Watched, open_page: Open
) -> None:
    key = site.vendor.issue(
        **AIRGAP, expires_at=day_from_now(300), airgap_addendum_signed_at=day_from_now(-1)
    )["license_key"]
    admin.page.goto("/settings/license")
    admin.page.get_by_label("License key or reply").fill(key)
    admin.page.get_by_role("button", name="Install").click()
    admin.page.goto("/settings/license/offline")
    admin.inspect("license-offline-airgap")
    request = admin.page.get_by_label("Or copy its text").input_value()
    opened = open_page(signed_in=False, url=site.vendor.url)
    opened.page.goto("/activate")
    opened.inspect("activate")
    for name, text in (("activate-refused", key), ("activate-answered", request)):
        opened.page.get_by_label("Or its text").fill(text)
        opened.page.get_by_role("button", name="Answer the request").click()
        opened.inspect(name)
