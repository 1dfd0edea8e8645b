"""The license page, the banner and the refusal in every situation that a license can be in.

The other pages are the same in all of them but for the banner above them, which
tests/sentari/web/test_every_page.py shows.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from sentari.licensing import service
from sentari.licensing.causes import Cause
from sentari.licensing.check_in import CheckInError
from sentari.licensing.exchange import check_in
from sentari.licensing.state import State
from tests.browser.conftest import new_context
from tests.browser.served import URL, serve
from tests.browser.watched import NARROW, Watched
from tests.clocks import FakeClock
from tests.conftest import AppFactory
from tests.sentari.fleet import Fleet, make_fleet
from tests.sentari.inventory.scans import package, scan
from tests.sentari.licensing.test_crossings import use

DAY = 86_400


def expired(*, days_ago: int) -> Callable[[Fleet], None]:
    def bring_about(fleet: Fleet) -> None:
        change(fleet, expires_at=fleet.clock.now().date() - timedelta(days=days_ago))

    return bring_about


def change(fleet: Fleet, **terms: object) -> None:
    """Let the vendor change the license, and the server hear of it."""
    fleet.world.vendor.change(fleet.world.vendor.licenses[-1].key, **terms)
    fleet.world.do(check_in)
    fleet.clock.ticks += 2


def unlicensed(fleet: Fleet) -> None:
    fleet.world.do(service.remove)
    fleet.clock.ticks += 2


def unanswered(fleet: Fleet) -> None:
    unlicensed(fleet)
    fleet.world.vendor.unavailable = CheckInError(Cause.TIMEOUT, "No answer came within 15 s.")
    with pytest.raises(CheckInError):
        fleet.world.install(fleet.world.vendor.issue())


def full(fleet: Fleet) -> None:
    change(fleet, max_packages=10)
    use(fleet.world, 10)


def offline(*, days: int) -> Callable[[Fleet], None]:
    return lambda fleet: fleet.clock.advance(days * DAY)


def tampered(fleet: Fleet) -> None:
    fleet.world.edit("UPDATE installed_license SET max_devices = 99999")
    fleet.clock.ticks += 2


# What brings each about, the state, and what the license page and the one after it say of it.
SITUATIONS: dict[str, tuple[Callable[[Fleet], None], str, str]] = {
    "active": (lambda fleet: None, "active", "The license is active"),
    "unanswered": (unanswered, "unlicensed", "No license is active"),
    "expiring": (expired(days_ago=-20), "active", "The license expires soon."),
    "full": (full, "active", "Package limit."),
    "long_offline": (offline(days=18), "active", "No check-in for a while."),
    "clock_turned_back": (
        lambda fleet: fleet.clock.turn_wall(-2 * 3600),
        "active",
        "The clock was turned back.",
    ),
    "grace": (expired(days_ago=3), "grace", "the grace period is running"),
    "read_only": (expired(days_ago=20), "read_only", "the server is read-only"),
    "locked_out": (expired(days_ago=60), "locked_out", "the server is locked"),
    "offline_exceeded": (offline(days=21), "offline_exceeded", "was offline for too long"),
    "suspended": (lambda fleet: change(fleet, status="suspended"), "suspended", "is suspended"),
    "revoked": (lambda fleet: change(fleet, status="revoked"), "revoked", "was revoked"),
    "tampered": (tampered, "tampered", "does not match its signature"),
    "unlicensed": (unlicensed, "unlicensed", "No license is active"),
}


@pytest.fixture
def fleet(make_app: AppFactory, sqlite_url: str, clock: FakeClock, tmp_path: Path) -> Fleet:
    """A licensed server with a device."""
    fleet = make_fleet(make_app, sqlite_url, clock, tmp_path)
    fleet.license(max_devices=100, max_packages=1000, max_offline_days=20)
    fleet.add(scan(package(), package("openssl")))
    return fleet


def test_every_state_is_looked_at() -> None:
    assert {state for _, state, _ in SITUATIONS.values()} == {state.value for state in State}


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_license_page_and_the_banner_are_accessible_and_fit_a_phone(
    fleet: Fleet, browser: Browser, name: str
) -> None:
    bring_about, state, told = SITUATIONS[name]
    bring_about(fleet)
    assert fleet.world.state == state
    with new_context(browser, URL) as context:
        serve(context, fleet.browser("admin"))
        opened = Watched(context.new_page(), URL)
        opened.page.goto("/settings/license")
        texts = opened.page.locator("body").inner_text()
        opened.inspect(f"license-{name}")
        opened.page.goto("/packages")
        texts += opened.page.locator("body").inner_text()
        assert opened.findings() == []
        opened.page.set_viewport_size({"width": NARROW, "height": 844})
        assert opened.too_wide() == []
        opened.keep(f"packages-{name}-light-{NARROW}")
    assert told in texts
    assert opened.troubles == []
