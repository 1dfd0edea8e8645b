"""Installing, replacing and removing a license, whatever the vendor does meanwhile."""

import pytest

from license_token.errors import LicenseKeyError, LicenseTokenError, MalformedError
from license_token.license_key import LicenseKey
from sentari.licensing import service
from sentari.licensing.answer import CheckInError
from sentari.licensing.causes import Cause
from sentari.licensing.exchange import check_in
from sentari.licensing.refusals import LicensingRefusedError
from tests.sentari.licensing.world import World


def refused(world: World, text: str | LicenseKey) -> str:
    """Try to install and return the cause's name."""
    with pytest.raises(CheckInError) as caught:
        world.install(text)
    return caught.value.cause.value


def test_a_server_starts_unlicensed(each_world: World) -> None:
    assert each_world.state == "unlicensed"
    assert each_world.actions("LICENSE") == []


def test_a_key_activates_at_once_and_every_step_is_in_the_audit_log(each_world: World) -> None:
    each_world.install(each_world.vendor.issue(max_devices=7))
    status = each_world.status()
    assert (status.state, status.limits.devices) == ("active", 7)
    assert each_world.actions("LICENSE") == [
        "LICENSE_KEY_GIVEN",
        "LICENSE_INSTALLED",
        "LICENSE_STATE_CHANGED",
    ]
    assert each_world.audit_intact()


def test_a_mistyped_key_is_caught_before_any_call(world: World) -> None:
    key = world.vendor.issue().text
    wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
    with pytest.raises(LicenseKeyError):
        world.install(wrong)
    assert world.vendor.calls == 0
    assert world.state == "unlicensed"


def test_an_unknown_key_is_refused_and_forgotten(world: World) -> None:
    assert refused(world, LicenseKey.generate()) == "unknown_key"
    assert world.state == "unlicensed"
    with pytest.raises(LicensingRefusedError, match="No license key"):
        world.do(check_in)


def test_the_old_license_stays_when_the_new_key_is_refused(world: World) -> None:
    world.install(world.vendor.issue(tier="first"))
    assert refused(world, LicenseKey.generate()) == "unknown_key"
    status = world.status()
    assert status.terms is not None
    assert (status.state, status.terms.tier) == ("active", "first")
    world.do(check_in)
    assert world.vendor.calls == 3


@pytest.mark.parametrize("cause", [Cause.DNS, Cause.TIMEOUT, Cause.TLS, Cause.HTTP_STATUS])
def test_a_key_waits_while_the_vendor_cannot_be_reached(world: World, cause: Cause) -> None:
    key = world.vendor.issue()
    world.vendor.unavailable = CheckInError(cause, "Nobody answers.")
    assert refused(world, key) == cause.value
    status = world.status()
    assert (status.state, status.facts.activation_pending) == ("unlicensed", True)
    assert status.reason.startswith("Activation is pending")
    assert status.facts.last_check_in_error == cause.value
    world.vendor.unavailable = None
    world.do(check_in)
    assert world.state == "active"


def test_the_old_license_stays_in_force_while_a_new_key_waits(world: World) -> None:
    world.install(world.vendor.issue(tier="first"))
    world.vendor.unavailable = CheckInError(Cause.CONNECT, "Refused.")
    refused(world, world.vendor.issue(tier="second"))
    status = world.status()
    assert status.terms is not None
    assert (status.state, status.terms.tier) == ("active", "first")
    world.vendor.unavailable = None
    world.do(check_in)
    status = world.status()
    assert status.terms is not None
    assert status.terms.tier == "second"


def test_a_key_that_awaits_approval_does_not_keep_the_old_license_from_checking_in(
    world: World,
) -> None:
    world.install(world.vendor.issue(tier="first"))
    second = world.vendor.issue(tier="second")
    world.vendor.license_of(second).approved = False
    assert refused(world, second) == "approval_pending"
    world.clock.advance(3600)
    with pytest.raises(CheckInError, match="approval"):
        world.do(check_in)
    status = world.status()
    assert status.terms is not None
    assert (status.terms.tier, status.offline_days_used) == ("first", 0)
    assert status.facts.last_check_in_error is None
    world.vendor.license_of(second).approved = True
    world.do(check_in)
    status = world.status()
    assert status.terms is not None
    assert status.terms.tier == "second"


def test_a_license_in_use_elsewhere_is_refused_until_it_is_released(world: World) -> None:
    key = world.vendor.issue()
    world.vendor.license_of(key).max_activations = 0
    assert refused(world, key) == "activation_limit"
    world.vendor.license_of(key).max_activations = 1
    world.do(check_in)
    assert world.state == "active"


def test_the_same_key_again_is_a_check_in(world: World) -> None:
    key = world.vendor.issue()
    world.install(key)
    world.vendor.change(key, max_devices=5)
    world.install(key)
    assert world.status().limits.devices == 5
    assert world.actions("LICENSE_KEY") == ["LICENSE_KEY_GIVEN"]
    assert world.actions("LICENSE_REPLY") == ["LICENSE_REPLY_APPLIED"]


def test_a_replaced_key_of_the_same_license_goes_on_without_a_break(world: World) -> None:
    key = world.vendor.issue()
    world.install(key)
    world.install(world.vendor.rekey(key))
    assert world.state == "active"
    assert world.actions("LICENSE_INSTALLED") == ["LICENSE_INSTALLED"] * 2
    assert world.vendor.license_of(world.vendor.licenses[0].key).activations


def test_suspension_and_revocation_arrive_with_a_check_in(world: World) -> None:
    key = world.vendor.issue()
    world.install(key)
    world.vendor.change(key, status="suspended")
    world.do(check_in)
    assert world.state == "suspended"
    world.vendor.change(key, status="active")
    world.do(check_in)
    assert world.state == "active"
    world.vendor.change(key, status="revoked")
    world.do(check_in)
    assert world.state == "revoked"
    changes = [event.details() for event in world.events("LICENSE_STATE_CHANGED")]
    assert [(change["from"], change["to"]) for change in changes] == [
        ("unlicensed", "active"),
        ("active", "suspended"),
        ("suspended", "active"),
        ("active", "revoked"),
    ]


def test_removing_the_license_leaves_an_unlicensed_server_that_knows_it(world: World) -> None:
    world.install(world.vendor.issue())
    world.do(service.remove)
    status = world.status()
    assert status.state == "unlicensed"
    assert status.reason.startswith("The license was removed")
    assert world.actions("LICENSE_REMOVED") == ["LICENSE_REMOVED"]
    with pytest.raises(LicensingRefusedError, match="No license is installed"):
        world.do(service.remove)


def test_a_removed_license_can_be_installed_again(world: World) -> None:
    key = world.vendor.issue()
    world.install(key)
    world.do(service.remove)
    world.install(key)
    assert world.state == "active"


def test_a_waiting_key_can_be_discarded(world: World) -> None:
    world.vendor.unavailable = CheckInError(Cause.DNS, "No name.")
    refused(world, world.vendor.issue())
    world.do(service.discard_waiting_key)
    assert not world.status().facts.activation_pending
    with pytest.raises(LicensingRefusedError, match="No license key waits"):
        world.do(service.discard_waiting_key)


@pytest.mark.parametrize("length", [service.LONGEST_TEXT, service.LONGEST_TEXT + 1])
def test_a_text_that_is_nothing_is_refused_at_any_length(world: World, length: int) -> None:
    with pytest.raises(LicenseTokenError) as caught:
        world.install("." * length)
    too_long = str(caught.value).startswith("The text is longer")
    assert too_long is (length > service.LONGEST_TEXT)
    assert isinstance(caught.value, MalformedError)
    assert world.state == "unlicensed"


def test_a_failed_check_in_is_written_down_once_per_change_of_cause(world: World) -> None:
    world.install(world.vendor.issue())
    for cause in (Cause.DNS, Cause.DNS, Cause.TIMEOUT, Cause.TIMEOUT, Cause.DNS):
        world.vendor.unavailable = CheckInError(cause, "Nobody answers.")
        with pytest.raises(CheckInError):
            world.do(check_in)
    world.vendor.unavailable = None
    world.do(check_in)
    world.do(check_in)
    events = world.events("LICENSE_CHECK_IN")
    assert [(event.action, event.details()["cause"]) for event in events] == [
        ("LICENSE_CHECK_IN_FAILED", "dns"),
        ("LICENSE_CHECK_IN_FAILED", "timeout"),
        ("LICENSE_CHECK_IN_FAILED", "dns"),
        ("LICENSE_CHECK_IN_RECOVERED", "dns"),
    ]


def test_no_key_is_stored_in_the_clear(world: World) -> None:
    key = world.vendor.issue()
    world.install(key)
    with world.context():
        from sentari.extensions import db

        dump = "\n".join(
            str(row)
            for table in db.metadata.sorted_tables
            for row in db.session.execute(table.select())
        )
    assert key.characters not in dump
    assert key.text not in dump
