"""What scans changed, read from the history that the ingestion writes, on both databases."""

from datetime import timedelta

import pytest

from sentari.extensions import db
from sentari.inventory.devices import find_device
from sentari.inventory.history import MOST_TOLD, device_scans, newest_changes, scan_report
from sentari.inventory.scan_changes import Change
from tests.clocks import NOON
from tests.sentari.inventory.devices import enroll, send
from tests.sentari.inventory.scans import package, real_scan, scan

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _on_each_database(make_app, database_url):
    with make_app(database_url).app_context():
        yield


def at(minutes, *packages):
    moment = NOON + minutes * MINUTE
    return scan(*packages, scanned_at=moment.strftime("%Y-%m-%dT%H:%M:%SZ"))


def reports(uid):
    device = find_device(db.session(), uid)
    found = device_scans(db.session(), device, page=1, page_size=50).items
    return [scan_report(db.session(), device, str(each.id)) for each in found]


def test_a_scan_tells_what_it_upgraded_added_and_removed():
    uid = enroll().device_uid
    send(uid, at(0, package("pip", "23"), package("six"), package("idna")))
    send(uid, at(1, package("pip", "24"), package("idna", install_path="/b"), package("new")))
    report, first = reports(uid)
    assert [(each.change.value, each.name) for each in report.changes] == [
        ("upgraded", "pip"),
        ("added", "new"),
        ("removed", "six"),
    ]
    assert report.counts[Change.UPGRADED] == 1
    assert (report.scan.added, report.scan.removed, report.scan.changed) == (2, 2, 1)
    assert (first.first, report.first) == (True, False)
    assert first.changes == []


def test_unchanged_and_late_scans_changed_nothing_and_are_no_first_ones():
    uid = enroll().device_uid
    send(uid, at(1, package("pip")))
    send(uid, at(2, package("pip")))
    send(uid, at(0, package("six")))
    found = reports(uid)
    assert [report.scan.status for report in found] == ["unchanged", "applied", "superseded"]
    assert [report.first for report in found] == [False, True, False]
    assert all(report.changes == [] for report in found)


def test_changes_are_paged_and_narrowed_down_to_a_kind():
    uid = enroll().device_uid
    send(uid, at(0, package("gone")))
    send(uid, at(1, *(package(f"p{number}") for number in range(5))))
    report = reports(uid)[0]
    page = report.page(Change.ADDED, page=2, page_size=2)
    assert ([each.name for each in page.items], page.total) == (["p2", "p3"], 5)
    assert report.page(None, page=1, page_size=50).total == 6
    assert report.page(Change.DOWNGRADED, page=1, page_size=50).items == []
    assert report.page(None, page=9, page_size=50).items == []


def test_removed_packages_are_named_even_when_no_device_has_them():
    uid = enroll().device_uid
    send(uid, real_scan("workstation-2266"))
    send(uid, scan(scanned_at="2026-11-23T13:30:00Z"), now=NOON + 90 * MINUTE)
    report = reports(uid)[0]
    assert report.counts[Change.REMOVED] == len(report.changes) == 2109


@pytest.mark.parametrize("number", ["0", "-1", "x", "", "9" * 18, "9" * 30, "１"])
def test_a_number_that_is_no_scan_of_the_device_finds_nothing(number):
    uid, other = enroll().device_uid, enroll().device_uid
    send(uid, at(0, package("pip")))
    (report,) = reports(uid)
    assert scan_report(db.session(), find_device(db.session(), uid), number) is None
    stranger = find_device(db.session(), other)
    assert scan_report(db.session(), stranger, str(report.scan.id)) is None


def test_the_newest_changes_of_all_devices_leave_out_what_changed_nothing():
    one, other = enroll().device_uid, enroll().device_uid
    for uid in (one, other):
        send(uid, at(0, package("pip", "23")))
    send(other, at(1, package("pip", "24")), now=NOON + 2 * MINUTE)
    send(one, at(1, package("pip", "23"), package("six")), now=NOON + 3 * MINUTE)
    send(one, at(2, package("pip", "23"), package("six")), now=NOON + 4 * MINUTE)
    found = newest_changes(db.session(), 10)
    assert [each.device.uid for each in found] == [one, other]
    assert [(each.changes[0].change.value, each.changes[0].name) for each in found] == [
        ("added", "six"),
        ("upgraded", "pip"),
    ]
    assert len(newest_changes(db.session(), 1)) == 1


@pytest.mark.parametrize(("count", "told"), [(MOST_TOLD, True), (MOST_TOLD + 1, False)])
def test_more_changes_than_stand_together_are_told_in_numbers(count, told):
    uid = enroll().device_uid
    send(uid, at(0))
    send(uid, at(1, *(package(f"p{number}") for number in range(count))))
    (found,) = newest_changes(db.session(), 10)
    assert found.scan.added == count
    assert (found.changes is not None) is told
