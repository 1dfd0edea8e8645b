"""One site, one chromium and many pages: real servers, looked at as a person looks at them."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser.site import Site
from tests.browser.staff import Staff, own_address
from tests.browser.watched import Watched
from tests.live.servers import Server, Vendor

HERE = Path(__file__).parent
CHROMIUM = Path(shutil.which("chromium") or "/usr/bin/chromium")
WITHOUT_CHROMIUM = pytest.mark.skipif(
    not CHROMIUM.exists(), reason="chromium is not installed (apt install chromium)"
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark this folder's tests."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(WITHOUT_CHROMIUM)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    # Both behind one proxy, so that browsers and devices may have addresses of their own.
    settings = {"LICENSE_SERVER_TRUSTED_PROXIES": "1"}
    vendor = Vendor(tmp_path_factory.mktemp("browser") / "vendor", **settings)
    vendor.server.start()
    directory = tmp_path_factory.mktemp("browser") / "sentari"
    server = Server(directory, vendor, workers=1, SENTARI_TRUSTED_PROXIES="1").start()
    yield Site(vendor, server)
    server.server.stop()
    vendor.server.stop()


@pytest.fixture(scope="package")
def staff(site: Site) -> Staff:
    """The vendor's staff."""
    return Staff(site.vendor)


def new_context(browser: Browser, url: str, *, javascript: bool = True) -> BrowserContext:
    """Return a window of a new visitor."""
    return browser.new_context(
        base_url=url,
        viewport={"width": 1280, "height": 860},
        color_scheme="light",
        reduced_motion="reduce",  # no color is measured halfway between two
        java_script_enabled=javascript,
    )


Open = Callable[..., Watched]


@pytest.fixture
def open_page(browser: Browser, site: Site) -> Iterator[Open]:
    """Open pages that are watched; at the end none may have complained about anything."""
    contexts: list[BrowserContext] = []
    pages: list[Watched] = []

    def open_page(
        *, signed_in: bool = True, javascript: bool = True, url: str = site.server.url
    ) -> Watched:
        context = new_context(browser, url, javascript=javascript)
        contexts.append(context)
        if signed_in:
            context.add_cookies(site.cookies())
        pages.append(Watched(context.new_page(), url))
        return pages[-1]

    yield open_page
    for context in contexts:
        context.close()
    assert [trouble for page in pages for trouble in page.troubles] == []


@pytest.fixture
def open_vendor(open_page: Open, site: Site, staff: Staff) -> Open:
    """Open pages of the vendor: `who` is signed in, or nobody."""

    def open_vendor(who: str | None = None, *, javascript: bool = True) -> Watched:
        opened = open_page(signed_in=False, javascript=javascript, url=site.vendor.url)
        opened.page.context.set_extra_http_headers(own_address())
        if who is not None:
            opened.page.context.add_cookies(staff.cookies(who))
        return opened

    return open_vendor
