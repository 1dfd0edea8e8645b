"""Banner, page, API and audit log tell the same warnings, each to those it concerns."""

import html
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from sentari.licensing.state import State
from sentari.licensing.warnings import LicenseWarning, visible_to, warnings
from sentari.web.gate import BANNER_TITLES
from tests.clocks import FakeClock
from tests.conftest import AppFactory
from tests.sentari.licensing.test_crossings import use
from tests.sentari.licensing.world import World, make_world
from tests.sentari.web.test_license import PAGE, signed_in

DAY = 86_400


@pytest.fixture
def world(make_app: AppFactory, usual_url: str, clock: FakeClock, tmp_path: Path) -> World:
    return make_world(make_app, usual_url, clock, tmp_path)


def near_expiry(world: World) -> None:
    soon = world.clock.now().date() + timedelta(days=20)
    world.install(world.vendor.issue(expires_at=soon, max_offline_days=365))


def long_offline(world: World) -> None:
    near_expiry(world)
    world.install(world.vendor.issue(max_offline_days=20))
    world.clock.advance(18 * DAY)


def full(world: World) -> None:
    world.install(world.vendor.issue(max_packages=10, max_offline_days=365))
    use(world, 10)


def in_grace(world: World) -> None:
    near_expiry(world)
    world.clock.advance(20 * DAY)


def clock_turned_back(world: World) -> None:
    near_expiry(world)
    world.clock.turn_wall(-2 * 3600)


def unlicensed(world: World) -> None:
    """Nothing was ever installed."""


SITUATIONS: list[tuple[Callable[[World], None], list[str]]] = [
    (unlicensed, ["unlicensed"]),
    (near_expiry, ["expiry"]),
    (long_offline, ["offline"]),
    (full, ["packages_usage"]),
    (in_grace, ["grace"]),
    (clock_turned_back, ["clock_rollback", "expiry"]),
]


def visible(world: World, *, admin: bool) -> list[LicenseWarning]:
    return visible_to(warnings(world.status()), admin=admin)


@pytest.mark.parametrize(
    ("bring_about", "codes"), SITUATIONS, ids=[each.__name__ for each, _ in SITUATIONS]
)
def test_admins_are_told_the_same_everywhere(
    world: World, bring_about: Callable[[World], None], codes: list[str]
) -> None:
    bring_about(world)
    told = visible(world, admin=True)
    assert [warning.code for warning in told] == codes
    client = signed_in(world)
    report = client.get("/api/v1/license").get_json()
    assert [each["code"] for each in report["warnings"]] == codes
    page = html.unescape(client.get(PAGE).get_data(as_text=True))
    for warning in told:
        assert warning.text in page
    banner = html.unescape(client.get("/devices").get_data(as_text=True))
    assert f"<strong>{BANNER_TITLES[codes[0]]}</strong> {told[0].text}" in banner
    assert ("There is one more warning." in banner) is (len(codes) == 2)
    assert ("more warning" in banner) is (len(codes) == 2)
    [section] = re.findall('<section class="banner .*?</section>', banner, re.DOTALL)
    assert f'class="banner banner-{told[0].severity.value}"' in section
    assert f'<a href="{PAGE}">License settings</a>' in section
    steps = [(w.code, w.threshold) for w in told if w.threshold is not None]
    logged = [event.details() for event in world.events("LICENSE_WARNING")]
    assert {(each["code"], each["threshold"]) for each in logged if "code" in each} >= set(steps)


@pytest.mark.parametrize(
    ("bring_about", "codes"), SITUATIONS, ids=[each.__name__ for each, _ in SITUATIONS]
)
def test_viewers_are_told_what_concerns_them_from_grace_on(
    world: World, bring_about: Callable[[World], None], codes: list[str]
) -> None:
    bring_about(world)
    everyones = [code for code in codes if code in ("grace", "unlicensed")]
    client = signed_in(world, "viewer")
    page = html.unescape(client.get(PAGE).get_data(as_text=True))
    for warning in visible(world, admin=True):
        assert (warning.text in page) is (warning.code in everyones)
    assert ("banner-" in client.get("/devices").get_data(as_text=True)) is bool(everyones)
    assert "warnings" not in client.get("/api/v1/license").get_json()


def test_every_warning_has_a_title_for_the_banner() -> None:
    thresholds = {"expiry", "offline", "devices_usage", "packages_usage"}
    clocks = {"clock_rollback", "clock_skew"}
    states = {state.value for state in State} - {"active"}
    assert set(BANNER_TITLES) == thresholds | clocks | states
