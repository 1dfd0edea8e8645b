"""Scans counted by day: kept when a day is over, counted while it lasts, on both databases."""

from datetime import date, timedelta

import pytest

from sentari.extensions import current, db, writing
from sentari.inventory.activity import DAYS, DayCounts, scans_by_day
from sentari.inventory.devices import remove_device
from sentari.inventory.models import ScanDay
from tests.clocks import NOON
from tests.sentari.inventory.devices import enroll, send
from tests.sentari.inventory.scans import package, scan

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _on_each_database(make_app, database_url):
    with make_app(database_url).app_context():
        yield


def scanned(*moments):
    uid = enroll(now=moments[0]).device_uid
    for moment in moments:
        text = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        send(uid, scan(package(), scanned_at=text), now=moment)
    return uid


def kept():
    db.session.rollback()
    return {row.day: row.scans for row in db.session.query(ScanDay)}


def test_each_of_the_last_thirty_days_is_counted_with_its_whole_day():
    midnight = NOON.replace(hour=0)
    scanned(midnight - 30 * DAY, midnight - 29 * DAY, midnight - timedelta(microseconds=1), NOON)
    days = scans_by_day(db.session(), NOON)
    assert len(days) == DAYS
    assert days[0] == (NOON.date() - 29 * DAY, 1)
    assert [scans for _, scans in days[-2:]] == [1, 1]
    assert sum(scans for _, scans in days) == 3


def test_a_day_is_kept_an_hour_after_it_was_over_and_then_stays_as_it_was():
    uid = scanned(NOON - DAY)
    clock = current().clock
    job = DayCounts(clock)
    clock.advance(11.5 * 3600 + 3600 - 2)
    yesterday: date = NOON.date() - DAY
    job()
    assert kept()[yesterday] == 1
    assert NOON.date() not in kept()
    clock.advance(2 + 1800)
    job()
    assert kept()[NOON.date()] == 0
    with writing() as session:
        remove_device(session, uid, at=NOON, actor="test")
    assert dict(scans_by_day(db.session(), NOON))[yesterday] == 1


def test_a_job_with_nothing_new_to_count_writes_nothing():
    job = DayCounts(current().clock)
    job()
    before = kept()
    assert len(before) == DAYS - 1
    job()
    assert kept() == before
