"""What devices are filtered by, and their removal together, on each database."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from sentari.extensions import db, writing
from sentari.inventory import devices
from sentari.inventory.device_selection import LATE_AFTER, SILENT_AFTER, offered
from sentari.inventory.filters import DEVICE_SEEN, DeviceFilter, FilterError
from sentari.inventory.models import Device, DevicePackage, ScanEntry
from tests.clocks import NOON
from tests.sentari.inventory.devices import enroll, send, totals
from tests.sentari.inventory.scans import package, scan

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _on_each_database(make_app, database_url):
    with make_app(database_url).app_context():
        yield


def add(hostname, *packages, **more):
    uid = enroll(hostname=hostname).device_uid
    send(uid, scan(*packages, hostname=hostname, **more))
    return uid


def fleet():
    """Three devices: on Debian with two tags, on Windows with one, one that never scanned."""
    old = package("openssl", "3.0.9-1", env_type="system_deb")
    return {
        "deb": add("deb", old, package("pip"), tags=["prod", 'a"b', "Größe"]),
        "win": add("win", package("pip", "9.0"), tags=["Prod"], os="windows"),
        "new": enroll(hostname="new").device_uid,
    }


def names(now=NOON, **arguments):
    asked = DeviceFilter.parse(arguments)
    found = devices.search_devices(db.session(), asked, now, page=1, page_size=50)
    assert [each.uid for each in devices.every_device(db.session(), asked, now)] == [
        each.uid for each in found.items
    ]
    return {device.hostname for device in found.items}


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"os": "windows"}, {"win"}),
        ({"os": "Windows"}, set()),
        ({"tag": "prod"}, {"deb"}),
        ({"tag": "Prod"}, {"win"}),
        ({"tag": 'a"b'}, {"deb"}),
        ({"tag": "Größe"}, {"deb"}),
        ({"tag": "b"}, set()),
        ({"tag": '","'}, set()),
        ({"tag": "%"}, set()),
        ({"ecosystem": "deb"}, {"deb"}),
        ({"ecosystem": "pypi"}, {"deb", "win"}),
        ({"ecosystem": "rpm"}, set()),
        ({"package": "pip < 10"}, {"win"}),
        ({"package": "pypi/pip"}, {"deb", "win"}),
        ({"package": "ssl"}, {"deb"}),
        ({"package": "pip", "os": "linux", "search": "DE"}, {"deb"}),
        ({"package": "pip > 99"}, set()),
    ],
)
def test_devices_are_filtered_by_what_they_are_and_have(arguments, found):
    fleet()
    assert names(**arguments) == found


def test_devices_with_a_rare_ecosystem_are_found_as_those_with_a_common_one():
    add("many", *(package(f"p{n}") for n in range(9)))
    add("one", package("left-pad", env_type="npm"), package("p0"))
    assert names(ecosystem="npm") == {"one"}
    assert names(ecosystem="pypi") == {"many", "one"}


@pytest.mark.parametrize(
    ("passed", "seen"),
    [
        (LATE_AFTER - SECOND, "online"),
        (LATE_AFTER, "late"),
        (LATE_AFTER + SECOND, "late"),
        (SILENT_AFTER - SECOND, "late"),
        (SILENT_AFTER, "missing"),
        (SILENT_AFTER + SECOND, "missing"),
    ],
)
def test_a_device_is_online_then_late_then_missing(passed, seen):
    fleet()
    everybody = {"deb", "win", "new"}
    told = {word: names(now=NOON + passed, seen=word) for word in DEVICE_SEEN}
    assert told == {word: everybody if word == seen else set() for word in DEVICE_SEEN}


def test_packages_that_could_not_be_compared_are_counted():
    add("odd", package("pip", "odd"), package("pip", "1.0"))
    asked = DeviceFilter.parse({"package": "pip < 10"})
    found = devices.search_devices(db.session(), asked, NOON, page=1, page_size=50)
    assert (found.total, found.incomparable) == (1, 1)
    with pytest.raises(FilterError, match="no version after"):
        DeviceFilter.parse({"package": "pip <"})


def test_what_occurs_is_offered():
    fleet()
    found = offered(db.session())
    assert found.systems == ["linux", "windows"]
    assert found.tags == ["Größe", "Prod", 'a"b', "prod"]
    assert set(found.ecosystems) == {"deb", "pypi"}


def test_devices_are_removed_together_and_their_places_are_freed():
    uids = fleet()
    with writing() as session:
        gone = devices.remove_devices(session, [uids["win"], uids["deb"], "x"], at=NOON, actor="a")
    assert {device.hostname for device in gone} == {"deb", "win"}
    assert totals() == (1, 0)
    for model, left in ((Device, 1), (DevicePackage, 0), (ScanEntry, 0)):
        assert db.session.scalar(select(func.count()).select_from(model)) == left


def test_a_failure_removes_none_of_them():
    uids = fleet()
    with pytest.raises(RuntimeError), writing() as session:  # noqa: PT012 - the transaction is the point
        devices.remove_devices(session, list(uids.values()), at=NOON, actor="a")
        raise RuntimeError
    assert totals() == (3, 3)


def test_what_is_to_be_removed_is_listed_once_each():
    uids = fleet()
    everything = devices.matching(db.session(), DeviceFilter.parse({"sort": "-hostname"}), NOON)
    assert [device.hostname for device in everything.devices] == ["win", "new", "deb"]
    assert (everything.packages, everything.fault) == (3, "")
    some = devices.ticked(db.session(), [uids["win"], uids["win"], "unknown", "a\0b"])
    assert [device.hostname for device in some.devices] == ["win"]
    assert devices.ticked(db.session(), []).devices == []
