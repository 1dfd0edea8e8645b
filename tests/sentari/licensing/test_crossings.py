"""A threshold that is crossed is told once, by whichever worker sees it first."""

from datetime import date, timedelta

import pytest

from sentari.extensions import db
from sentari.licensing.crossings import crossings
from sentari.licensing.exchange import check_in
from sentari.licensing.history import Event, History
from sentari.licensing.state import Facts, Usage, evaluate
from sentari.licensing.warnings import EXPIRY_DAYS, OFFLINE_PERCENT
from tests.clocks import FakeClock
from tests.conftest import AppFactory
from tests.sentari.licensing.samples import DAY, EXPIRY, ISSUED, SECOND, make_claims
from tests.sentari.licensing.world import World

WARNING, ENDED = "LICENSE_WARNING", "LICENSE_WARNING_ENDED"
DAY_SECONDS = 86_400


def told(world: World) -> list[tuple[str, int]]:
    """Return code and threshold of each warning in the audit log."""
    found = [event.details() for event in world.events(WARNING) if event.action == WARNING]
    return [(detail["code"], detail["threshold"]) for detail in found]


def use(world: World, packages: int) -> None:
    """Have the server count so many packages."""
    world.edit(
        "INSERT INTO inventory_totals (id, devices, packages) VALUES (1, 0, :n) "
        "ON CONFLICT (id) DO UPDATE SET packages = :n",
        n=packages,
    )


def ended(world: World) -> list[list[str]]:
    return [event.details()["codes"] for event in world.events(ENDED)]


def test_each_step_towards_expiry_is_told_once(world: World) -> None:
    expires = world.clock.now().date() + timedelta(days=70)
    world.install(world.vendor.issue(expires_at=expires, max_offline_days=365))
    assert told(world) == []
    midnight = 12 * 3600  # the clock starts at noon
    for step in EXPIRY_DAYS:
        # Each look at the status lets a second of the server's own running time pass.
        before = (70 - step) * DAY_SECONDS - midnight - 60
        world.clock.advance(before - elapsed(world))
        world.status()
        assert ("expiry", step) not in told(world)
        world.clock.advance(60)
        world.status()
        world.status()
        assert told(world)[-1] == ("expiry", step)
    assert told(world) == [("expiry", step) for step in EXPIRY_DAYS]
    assert ended(world) == []
    assert world.audit_intact()


def elapsed(world: World) -> float:
    return (world.clock.now() - FakeClock().now()).total_seconds()


def test_the_expiry_that_was_announced_is_not_taken_back_when_it_comes(world: World) -> None:
    expires = world.clock.now().date() + timedelta(days=1)
    world.install(world.vendor.issue(expires_at=expires, max_offline_days=365))
    world.clock.advance(DAY_SECONDS)
    assert world.state == "grace"
    assert (told(world), ended(world)) == ([("expiry", 1)], [])


def test_an_offline_budget_is_told_step_by_step_and_an_answer_ends_it(world: World) -> None:
    world.install(world.vendor.issue(max_offline_days=10))
    for percent in OFFLINE_PERCENT:
        world.clock.advance(percent * DAY_SECONDS / 10 - elapsed(world))
        world.status()
    assert told(world) == [("offline", percent) for percent in OFFLINE_PERCENT]
    world.do(check_in)
    assert ended(world) == [["offline"]]
    world.clock.advance(5 * DAY_SECONDS)
    world.status()
    assert told(world)[-1] == ("offline", 50)
    assert len(told(world)) == 4


def test_a_locked_server_takes_nothing_back(world: World) -> None:
    world.install(world.vendor.issue(max_offline_days=10))
    world.clock.advance(9.5 * DAY_SECONDS)
    world.status()
    world.clock.advance(DAY_SECONDS)
    assert world.state == "offline_exceeded"
    assert (told(world), ended(world)) == ([("offline", 90)], [])


def test_usage_is_told_when_it_rises_and_when_it_falls(each_world: World) -> None:
    world = each_world
    world.install(world.vendor.issue(max_packages=100))
    for packages, codes in ((79, 0), (80, 1), (81, 1), (90, 2), (100, 3)):
        use(world, packages)
        world.status()
        assert len(told(world)) == codes, packages
    use(world, 85)
    world.status()
    assert (len(told(world)), ended(world)) == (3, [["packages_usage"]])
    use(world, 95)
    world.status()
    assert told(world)[-1] == ("packages_usage", 90)


def test_two_workers_tell_a_crossing_once(
    world: World, make_app: AppFactory, usual_url: str
) -> None:
    world.install(world.vendor.issue(max_packages=10))
    settings = world.app.extensions["sentari"].settings
    other = make_app(
        usual_url,
        transport=world.transport,
        license_public_key_path=settings.license_public_key_path,
    )
    world.status()
    with other.app_context():
        other.extensions["sentari"].licensing.snapshot.status()
        db.session.remove()
    use(world, 9)
    world.clock.ticks += 2
    for app in (world.app, other, world.app):
        with app.app_context():
            app.extensions["sentari"].licensing.snapshot.refresh()
            db.session.remove()
    assert told(world) == [("packages_usage", 90)]


def test_a_new_license_with_more_time_ends_the_warning(world: World) -> None:
    soon = world.clock.now().date() + timedelta(days=20)
    key = world.vendor.issue(expires_at=soon)
    world.install(key)
    assert told(world) == [("expiry", 30)]
    world.vendor.change(key, expires_at=date(2030, 1, 1))
    world.do(check_in)
    assert ended(world) == [["expiry"]]


@pytest.mark.parametrize("crossed", [None, [], "expiry", {"expiry": "30"}])
def test_a_log_entry_that_cannot_be_read_is_as_good_as_none(crossed: object) -> None:
    detail = {"crossed": crossed}
    past = History(warning=Event(1, ISSUED, WARNING, detail))
    assert past.crossed == {}


@pytest.mark.parametrize(
    ("before", "begun", "eased"),
    [
        ({}, ["expiry"], []),
        ({"expiry": 60}, ["expiry"], []),
        ({"expiry": 30}, [], []),
        ({"expiry": 14}, [], ["expiry"]),
        ({"expiry": 30, "offline": 50}, [], ["offline"]),
    ],
)
def test_what_is_new_is_told_from_what_is_known(
    before: dict[str, int], begun: list[str], eased: list[str]
) -> None:
    status = evaluate(make_claims(), Facts(), EXPIRY - 20 * DAY)
    found = crossings(before, status)
    assert ([each.code for each in found.begun], list(found.eased)) == (begun, eased)
    assert found.crossed == {"expiry": 30}
    assert bool(found) is bool(begun or eased)


def test_a_license_far_from_everything_has_nothing_to_tell() -> None:
    assert not crossings({}, evaluate(make_claims(), Facts(), ISSUED))
    assert not crossings({}, evaluate(None, Facts(usage=Usage(5, 5)), ISSUED + SECOND))
