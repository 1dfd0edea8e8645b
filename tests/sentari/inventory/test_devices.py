from datetime import timedelta

import pytest
from sqlalchemy import func, select

from sentari.agents.models import DeviceCredential
from sentari.audit.store import newest
from sentari.extensions import db, writing
from sentari.inventory import devices, history
from sentari.inventory.devices import DeviceDetails, find_device, search_devices, status_of
from sentari.inventory.filters import DEVICE_SORTS, DeviceFilter
from sentari.inventory.models import DevicePackage, Package, RecordIndex, ScanEntry
from tests.clocks import NOON
from tests.sentari.inventory.devices import enroll, send, totals
from tests.sentari.inventory.scans import package, scan

SECOND = timedelta(seconds=1)
DAY = timedelta(hours=24)


@pytest.fixture(autouse=True)
def _on_each_database(make_app, database_url):
    with make_app(database_url).app_context():
        yield


def fleet():
    """Three devices: one with two packages, one with an error, one that never scanned."""
    web = enroll(hostname="web-01").device_uid
    send(web, scan(package("pip"), package("left-pad", env_type="npm"), hostname="web-01"))
    database = enroll(hostname="DB_01", machine_id="m-2").device_uid
    failed = [{"path": "/srv", "error": "denied"}]
    send(database, scan(package("pip"), hostname="DB_01", errors=failed, os="windows"))
    kiosk = enroll(hostname="kiosk").device_uid
    return {"web-01": web, "DB_01": database, "kiosk": kiosk}


def names(page=1, page_size=50, now=NOON, **arguments):
    asked = DeviceFilter.parse(arguments)
    found = search_devices(db.session(), asked, now, page=page, page_size=page_size)
    everything = [device.hostname for device in devices.every_device(db.session(), asked, now)]
    assert len(everything) == found.total
    return [device.hostname for device in found.items]


def test_devices_are_listed_by_name_whatever_its_case():
    fleet()
    assert names() == ["DB_01", "kiosk", "web-01"]
    assert names(sort="-hostname") == ["web-01", "kiosk", "DB_01"]


@pytest.mark.parametrize("column", DEVICE_SORTS)
def test_every_order_works_both_ways_with_missing_values_last(column):
    fleet()
    assert len(names(sort=column)) == len(names(sort="-" + column)) == 3
    if column == "last_scan_at":
        assert names(sort=column)[-1] == names(sort="-" + column)[-1] == "kiosk"


def test_pages_do_not_overlap_and_know_the_total():
    fleet()
    pages = [names(page=number, page_size=2) for number in (1, 2, 3)]
    assert pages == [["DB_01", "kiosk"], ["web-01"], []]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("web", ["web-01"]),
        ("WEB", ["web-01"]),
        ("db", ["DB_01"]),
        ("_", ["DB_01"]),
        ("%", []),
        ("windows", ["DB_01"]),
        ("1.0.0", ["DB_01", "kiosk", "web-01"]),
        ("' OR 1=1 --", []),
        ("\\", []),
    ],
)
def test_a_search_finds_parts_verbatim(search, found):
    fleet()
    assert names(search=search) == found


def test_a_device_is_found_by_its_id():
    uid = fleet()["kiosk"]
    for search in (uid, uid.upper(), uid[:8]):
        assert names(search=search) == ["kiosk"]
    assert names(search=uid[:7]) == names(search=uid[1:]) == []
    assert find_device(db.session(), uid).hostname == "kiosk"
    for unknown in ("", "kiosk", uid.upper() + "x", "a\0b"):
        assert find_device(db.session(), unknown) is None


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ("waiting", ["kiosk"]),
        ("active", ["DB_01", "web-01"]),
        ("silent", []),
        ("errors", ["DB_01"]),
        ("warnings", []),
        ("clone", []),
    ],
)
def test_devices_are_filtered_by_their_state(status, found):
    fleet()
    assert names(status=status) == found


@pytest.mark.parametrize(
    ("passed", "status"), [(DAY - SECOND, "active"), (DAY, "silent"), (DAY + SECOND, "silent")]
)
def test_a_device_is_silent_after_a_day_on_page_and_in_the_filter(passed, status):
    uid = fleet()["web-01"]
    device = find_device(db.session(), uid)
    assert status_of(device, NOON + passed) == status
    assert "web-01" in names(status=status, now=NOON + passed)


def test_a_device_that_never_scanned_is_waiting_however_long():
    device = find_device(db.session(), fleet()["kiosk"])
    assert status_of(device, NOON + 100 * DAY) == "waiting"


def test_devices_are_counted_for_each_ecosystem():
    fleet()
    counted = devices.count_devices(db.session(), DeviceFilter(), NOON)
    assert (counted.total, counted.matching) == (3, 3)
    assert counted.by_ecosystem == {"npm": 1, "pypi": 2}
    some = devices.count_devices(db.session(), DeviceFilter(search="db"), NOON)
    assert (some.total, some.matching, some.by_ecosystem) == (3, 1, {"pypi": 1})


def test_details_say_what_the_newest_scan_said():
    uid = enroll().device_uid
    sent = scan(
        package("a\0"),
        tags=["prod"],
        errors=[{"error": "denied"}],
        installed_runtimes=[{"name": "node"}],
        hostname="w\0",
    )
    send(uid, sent)
    details = DeviceDetails.of(find_device(db.session(), uid, details=True))
    assert details.tags == ["prod"]
    assert details.errors == [{"error": "denied"}]
    assert details.runtimes == [{"name": "node"}]
    assert len(details.warnings) == 2


def test_scans_are_listed_newest_first():
    uid = enroll().device_uid
    for minute in (1, 3, 2):
        send(uid, scan(scanned_at=f"2026-11-23T11:0{minute}:00Z"))
    device = find_device(db.session(), uid)
    found = history.device_scans(db.session(), device, page=1, page_size=2)
    assert [entry.scanned_at[14:16] for entry in found.items] == ["03", "02"]
    assert found.total == 3


def remove(uid):
    with writing() as session:
        return devices.remove_device(session, uid, at=NOON, actor="user:admin@example.com")


def test_removing_a_device_removes_its_rows_and_frees_its_places():
    uids = fleet()
    assert totals() == (3, 3)
    assert remove(uids["web-01"]).hostname == "web-01"
    assert totals() == (2, 1)
    for model, left in ((DevicePackage, 1), (RecordIndex, 1), (ScanEntry, 1), (Package, 2)):
        assert db.session.scalar(select(func.count()).select_from(model)) == left
    assert db.session.scalars(select(DeviceCredential.device_id)).all().count(None) == 1
    event = newest(db.session(), ["DEVICE_REMOVED"])
    assert (event.target, event.actor) == (uids["web-01"], "user:admin@example.com")
    assert event.details() == {"hostname": "web-01", "packages": 2}


def test_removing_a_device_that_never_scanned_frees_its_place():
    remove(fleet()["kiosk"])
    assert totals() == (2, 3)


def test_removing_a_device_twice_is_removing_it_once():
    uids = fleet()
    remove(uids["web-01"])
    assert remove(uids["web-01"]) is None
    assert remove("unknown") is None
    assert totals() == (2, 1)


def test_a_removed_machine_that_enrolls_again_is_a_new_device():
    uids = fleet()
    remove(uids["DB_01"])
    assert enroll(machine_id="m-2").device_uid != uids["DB_01"]


def test_the_mark_of_a_clone_can_be_taken_off():
    uid = enroll(machine_id="m-1", hostname="gold").device_uid
    enroll(machine_id="m-1", hostname="copy")
    assert names(status="clone") == ["copy"]
    for _ in range(2):
        with writing() as session:
            devices.dismiss_clone(session, uid, at=NOON, actor="cli")
    assert names(status="clone") == []
    assert newest(db.session(), ["DEVICE_CLONE_DISMISSED"]).details()["other_hostname"] == "gold"
