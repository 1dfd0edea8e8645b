"""Every page: accessible in both color schemes, no wider than a phone, asking nobody else."""

import pytest

from tests.browser.conftest import Open
from tests.browser.site import HOSTILE, Site

# A few rows of each list: axe looks at every one, and they are all alike.
PAGES = {
    "overview": "/",
    "devices": "/devices",
    "devices-none-found": "/devices?search=nothing-is-called-so",
    "devices-chosen": "/devices?package=pip+<+30&seen=online&columns=status,tags,id",
    "devices-fault": "/devices?package=pip+<",
    "devices-removal": "/devices/removal?package=pip",
    "device": "/devices/{web01}?page_size=9",
    "device-hostile": "/devices/{hostile}",
    "device-without-packages": "/devices/{kiosk}",
    "device-clone": "/devices/{idle-01}",
    "scans": "/devices/{web01}/scans",
    "scan": "/devices/{web01}/scans/{scan}?page_size=12",
    "agent-log": "/devices/{web01}/agent-log?page_size=9",
    "agent-log-broken": "/devices/{hostile}/agent-log",
    "agent-log-none": "/devices/{kiosk}/agent-log",
    "packages": "/packages?page_size=9",
    "packages-by-version": "/packages?search=*ssl*+<+3",
    "packages-fault": "/packages?search=pip+>=+1+<+2",
    "package": "/packages/pypi/pip?page_size=9",
    "package-with-many-places": "/packages/npm/many-places",
    "enrollment": "/settings/enrollment",
    "api-tokens": "/settings/api-tokens",
    "license": "/settings/license",
    "license-offline": "/settings/license/offline",
    "not-found": "/devices/00000000-0000-0000-0000-000000000000",
}
EMPTY = ("overview", "devices", "packages", "license")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_fits_a_phone_and_asks_nobody_else(
    site: Site, open_page: Open, name: str
) -> None:
    site.fill()
    uids = {**site.devices, "hostile": site.devices[HOSTILE], "scan": site.second_scan}
    opened = open_page()
    opened.page.goto(PAGES[name].format_map(uids))
    opened.inspect(name)


def test_the_reference_of_the_api_is_accessible_and_fits_a_phone(
    site: Site, open_page: Open
) -> None:
    opened = open_page()
    opened.page.goto("/api/v1/docs")
    # Two operations of each noun: forty of them take axe and the camera a minute.
    opened.shorten(".reference-tag > .card ~ .card ~ .card")
    opened.inspect("api-docs")


def test_the_sign_in_page_is_accessible_and_fits_a_phone(site: Site, open_page: Open) -> None:
    opened = open_page(signed_in=False)
    opened.page.goto("/login")
    opened.inspect("login")


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_house_says_what_to_do(site: Site, open_page: Open, name: str) -> None:
    site.empty()
    opened = open_page()
    opened.page.goto(PAGES[name])
    opened.inspect(f"empty-{name}")


def test_a_complaint_or_a_foreign_request_would_be_noticed(site: Site, open_page: Open) -> None:
    opened = open_page(signed_in=False)
    opened.page.goto("/login")
    opened.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: '1'}))"
    )
    opened.page.evaluate("document.querySelector('button').style.outline = 'none'")
    opened.page.evaluate("document.querySelector('button').style.boxShadow = 'none'")
    assert [what[:24] for what in opened.unmarked()] == ["no focus shown: <button "]
    opened.page.evaluate(
        "document.querySelector('h1').before(Object.assign(document.createElement('p'),"
        " {textContent: 'It comes late. '.repeat(200)}))"
    )
    assert opened.jumps() != []
    opened.page.goto("about:blank")
    opened.page.evaluate("fetch('http://127.0.0.1:9/').catch(() => {})")
    assert any("Content Security Policy" in trouble for trouble in opened.troubles)
    assert any("foreign request" in trouble for trouble in opened.troubles)
    opened.troubles.clear()
