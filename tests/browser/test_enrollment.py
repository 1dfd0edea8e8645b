"""A machine is enrolled while an admin looks on: the page waits, with scripts and without."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.site import SCANS, Site


def make_token(page: Page, name: str) -> str:
    page.goto("/settings/enrollment")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make token").click()
    card = page.get_by_role("region", name="Your new token")
    expect(card).to_be_visible()
    return card.locator(".copyable-text").first.inner_text()


def enroll(site: Site, hostname: str, token: str, address: str) -> dict[str, Any]:
    answer = site.server.register(hostname, address=address, enrollment_token=token)
    assert answer.status_code == 201, answer.text
    device: dict[str, Any] = answer.json()
    site.devices[hostname] = device["device_id"]
    return device


def look(page: Page, javascript: bool) -> None:
    """Do what brings news: nothing with scripts, one click without."""
    if not javascript:
        page.get_by_role("link", name="Look again").click()


@pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])
def test_waiting_for_a_device_turns_into_the_device(
    site: Site, open_page: Open, javascript: bool
) -> None:
    site.fill()
    opened = open_page(javascript=javascript)
    page, hostname = opened.page, f"new-{'scripts' if javascript else 'plain'}"
    token = make_token(page, f"desk {hostname}")
    said = page.get_by_role("status")
    expect(said).to_have_text(
        "Waiting for the first device. It appears here as soon as its agent has enrolled."
    )
    if javascript:
        opened.inspect("enrollment-new-token")
    device = enroll(site, hostname, token, f"192.0.2.{201 if javascript else 202}")
    look(page, javascript)
    expect(said).to_have_text(
        f"{hostname} is enrolled. Waiting for its first scan.", timeout=15_000
    )
    if javascript:
        # What is shown only once is not taken away by the looking.
        expect(page.get_by_text(token).first).to_be_visible()
    scan = json.loads((SCANS / "one-error.json").read_text()) | {"hostname": hostname}
    assert site.server.upload(device, scan).status_code == 202
    look(page, javascript)
    expect(said).to_have_text(
        f"{hostname} is enrolled and has sent its first scan.", timeout=15_000
    )
    expect(page.get_by_role("link", name="Look again")).to_have_count(0)
    page.get_by_role("link", name=hostname, exact=True).click()
    expect(page.get_by_role("heading", name=hostname)).to_be_visible()


def test_the_pages_of_tokens_are_accessible_and_fit_a_phone(site: Site, open_page: Open) -> None:
    site.fill()
    opened = open_page()
    token = make_token(opened.page, "a token of which the name is " + "long " * 13)
    enroll(site, "waiting-01", token, "192.0.2.203")
    opened.page.get_by_role("link", name="Look again").click()
    opened.inspect("enrollment-token-waiting")
    opened.page.goto("/settings/enrollment/static?page_size=4")
    opened.inspect("enrollment-static-token")
