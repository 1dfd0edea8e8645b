"""SENTARI_LICENSE_KEY: applied at start when it changed, and never in the way of a start."""

from pathlib import Path

import pytest

from sentari.licensing import service
from sentari.licensing.exchange import check_in
from tests.clocks import FakeClock
from tests.conftest import AppFactory
from tests.sentari.licensing.world import ISSUER, World, make_world
from tests.simulators.license_server import LicenseServerSimulator


@pytest.fixture
def vendor(clock: FakeClock) -> LicenseServerSimulator:
    return LicenseServerSimulator(ISSUER, clock)


class Starter:
    """Start the same server again and again with another environment."""

    def __init__(self, *parts: object) -> None:
        self.parts = parts

    def __call__(self, value: str | None, **settings: object) -> World:
        make_app, url, clock, tmp_path, vendor = self.parts
        return make_world(
            make_app, url, clock, tmp_path, vendor=vendor, license_key=value, **settings
        )  # type: ignore[arg-type]


@pytest.fixture
def start(
    make_app: AppFactory,
    usual_url: str,
    clock: FakeClock,
    tmp_path: Path,
    vendor: LicenseServerSimulator,
) -> Starter:
    return Starter(make_app, usual_url, clock, tmp_path, vendor)


def test_a_key_waits_after_the_start_and_no_call_was_made(
    start: Starter, vendor: LicenseServerSimulator
) -> None:
    world = start(vendor.issue().text)
    status = world.status()
    assert (status.state, status.facts.activation_pending) == ("unlicensed", True)
    assert vendor.calls == 0
    world.do(check_in)
    assert world.state == "active"


def test_a_restart_with_the_same_value_changes_nothing(
    start: Starter, vendor: LicenseServerSimulator
) -> None:
    key = vendor.issue()
    start(key.text).do(check_in)
    world = start(key.text)
    assert not world.status().facts.activation_pending
    assert world.actions("LICENSE_KEY_GIVEN") == ["LICENSE_KEY_GIVEN"]


def test_a_key_that_was_pasted_later_is_not_undone_by_a_restart(
    start: Starter, vendor: LicenseServerSimulator
) -> None:
    old, new = vendor.issue(tier="old"), vendor.issue(tier="new")
    world = start(old.text)
    world.do(check_in)
    world.install(new)
    world = start(old.text)
    status = world.status()
    assert status.terms is not None
    assert (status.terms.tier, status.facts.activation_pending) == ("new", False)


def test_a_changed_value_is_applied(start: Starter, vendor: LicenseServerSimulator) -> None:
    start(vendor.issue(tier="old").text).do(check_in)
    world = start(vendor.issue(tier="new").text)
    assert world.status().facts.activation_pending
    assert world.state == "active"
    world.do(check_in)
    status = world.status()
    assert status.terms is not None
    assert status.terms.tier == "new"


def test_a_license_that_an_admin_removed_does_not_come_back_with_a_restart(
    start: Starter, vendor: LicenseServerSimulator
) -> None:
    key = vendor.issue()
    world = start(key.text)
    world.do(check_in)
    world.do(service.remove)
    world = start(key.text)
    assert not world.status().facts.activation_pending


def test_a_presigned_reply_licenses_an_air_gapped_start_at_once(
    start: Starter, vendor: LicenseServerSimulator
) -> None:
    reply = vendor.presigned(vendor.issue())
    world = start(reply, license_mode="airgap")
    assert world.state == "active"
    assert world.events("LICENSE_INSTALLED")[0].actor == "environment"
    assert start(reply, license_mode="airgap").actions("LICENSE_REPLY_REFUSED") == []


@pytest.mark.parametrize(
    "value", ["SENT-NONSENSE", "a.b~c", "x" * 70_000, "SENT-00000-00000-00000-00000-0000"]
)
def test_a_value_that_is_nothing_is_logged_and_the_server_starts(
    start: Starter, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = start(value)
    assert world.state == "unlicensed"
    assert "SENTARI_LICENSE_KEY was not applied" in caplog.text
    assert value not in caplog.text


def test_a_value_that_is_refused_is_logged_and_tried_again(
    start: Starter, vendor: LicenseServerSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    reply = vendor.presigned(vendor.issue())
    assert start(reply).state == "unlicensed"
    assert "airgap" in caplog.text
    assert start(reply, license_mode="airgap").state == "active"
