"""Lists without scripts: columns are chosen, files taken away, devices ticked and removed."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.site import Site


def test_columns_are_chosen_and_the_list_is_taken_away_without_scripts(
    site: Site, open_page: Open
) -> None:
    site.fill()
    opened = open_page(javascript=False)
    page = opened.page
    page.goto("/devices?search=web01")
    page.locator("summary", has_text="Columns").click()
    page.get_by_label("Device id").check()
    page.get_by_label("Agent", exact=True).uncheck()
    page.get_by_role("button", name="Show these").click()
    expect(page).to_have_url(re.compile(r"search=web01.*columns=status.*columns=id"))
    expect(page.get_by_role("cell", name=site.devices["web01"])).to_be_visible()
    page.locator("summary", has_text="Download").click()
    for kind, name in (("CSV", "devices.csv"), ("XLSX", "devices.xlsx")):
        with page.expect_download() as download:
            page.get_by_role("link", name=kind).click()
        assert download.value.suggested_filename == name


def test_open_menus_are_readable_in_both_color_schemes(site: Site, open_page: Open) -> None:
    site.fill()
    opened = open_page()
    opened.page.goto("/devices")
    for summary in opened.page.locator(".menu > summary").all():
        summary.click()
    opened.inspect("devices-menus")


def test_ticked_devices_are_kept_when_the_question_is_answered_with_no(
    site: Site, open_page: Open
) -> None:
    site.fill()
    opened = open_page(javascript=False)
    page = opened.page
    page.goto("/devices?sort=-packages")
    page.get_by_label("Tick kiosk").check()
    page.get_by_label("Tick idle-01").check()
    page.get_by_role("button", name="Remove the ticked").click()
    expect(page.get_by_role("heading", name="Remove 2 devices?")).to_be_visible()
    page.get_by_role("link", name="Keep them").click()
    expect(page).to_have_url(re.compile(r"/devices\?sort=-packages$"))
    expect(page.get_by_role("link", name="kiosk")).to_be_visible()
