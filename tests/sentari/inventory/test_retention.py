"""How long the history of scans is kept, on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from sentari.audit.models import AuditEvent
from sentari.extensions import current, db, writing
from sentari.inventory import retention
from sentari.inventory.activity import DayCounts, scans_by_day
from sentari.inventory.models import ScanEntry
from sentari.inventory.retention import THINNED, Retention
from tests.clocks import NOON
from tests.sentari.inventory.devices import enroll, send
from tests.sentari.inventory.scans import package, scan

DAY = timedelta(days=1)
MIDNIGHT = NOON.replace(hour=0)


@pytest.fixture(autouse=True)
def _on_each_database(make_app, database_url):
    with make_app(database_url).app_context():
        yield


def scanned(*moments, hostname="web-01"):
    uid = enroll(now=moments[0], hostname=hostname).device_uid
    for moment in moments:
        text = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        send(uid, scan(package(), scanned_at=text), now=moment)
    return uid


def kept():
    db.session.rollback()
    return set(db.session.scalars(select(ScanEntry.received_at)))


def told():
    db.session.rollback()
    events = db.session.scalars(select(AuditEvent).where(AuditEvent.action == THINNED))
    return [(event.actor, event.detail) for event in events]


def test_scans_are_kept_for_whole_days_and_what_goes_is_audited_first():
    old = MIDNIGHT - 10 * DAY - timedelta(microseconds=1)
    scanned(old - DAY, old, MIDNIGHT - 10 * DAY, NOON)
    Retention(current().clock, 10)()
    assert kept() == {MIDNIGHT - 10 * DAY, NOON}
    [(actor, detail)] = told()
    assert actor == "server"
    assert '"scans":2' in detail.replace(" ", "")


def test_the_newest_scan_of_a_device_stays_however_old_it_is():
    scanned(NOON - 400 * DAY, NOON - 300 * DAY)
    scanned(NOON - 200 * DAY, NOON, hostname="other")
    Retention(current().clock, 1)()
    assert kept() == {NOON - 300 * DAY, NOON}


def test_a_scan_that_came_late_is_not_the_newest():
    uid = scanned(NOON - 100 * DAY)
    earlier = (NOON - 101 * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")
    send(uid, scan(package(), scanned_at=earlier), now=NOON - 99 * DAY)
    Retention(current().clock, 1)()
    assert kept() == {NOON - 100 * DAY}


def test_zero_days_keep_everything():
    scanned(NOON - 4000 * DAY, NOON)
    Retention(current().clock, 0)()
    assert len(kept()) == 2
    assert told() == []


def test_nothing_is_told_when_nothing_is_old():
    scanned(NOON - DAY, NOON)
    Retention(current().clock, 1)()
    assert len(kept()) == 2
    assert told() == []


def test_each_day_is_looked_at_once():
    clock = current().clock
    job = Retention(clock, 2)
    job()
    scanned(NOON - 5 * DAY, NOON)
    job()
    assert len(kept()) == 2
    clock.advance(24 * 3600)
    job()
    assert kept() == {NOON}


def test_a_long_history_goes_part_by_part_and_each_part_is_told_of():
    clock, rows = current().clock, retention.AT_ONCE * 2 + 1
    scanned(NOON)
    with writing() as session:
        device_id = session.scalars(select(ScanEntry.device_id)).one()
        session.execute(
            ScanEntry.__table__.insert(),
            [old_scan(device_id, number) for number in range(rows)],
        )
    job = Retention(clock, 1, rounds=1)
    job()
    assert len(kept_rows()) == rows + 1 - retention.AT_ONCE
    job()
    job()
    job()
    assert kept() == {NOON}
    assert ['"scans":1000' in detail for _, detail in told()] == [True, True, False]


def kept_rows():
    db.session.rollback()
    return db.session.scalars(select(ScanEntry.id)).all()


def old_scan(device_id, number):
    at = NOON - 30 * DAY + timedelta(seconds=number)
    return {
        "device_id": device_id,
        "scanned_at": at.strftime("%Y-%m-%dT%H:%M:%S.000000000Z"),
        "received_at": at,
        "status": "unchanged",
        "agent_version": "1",
        "content_hash": "",
        "packages_received": 0,
        "package_count": 0,
    }


def test_the_numbers_by_day_outlive_the_scans():
    scanned(NOON - 5 * DAY, NOON)
    DayCounts(current().clock)()
    before = scans_by_day(db.session(), NOON)
    Retention(current().clock, 2)()
    assert kept() == {NOON}
    assert scans_by_day(db.session(), NOON) == before
