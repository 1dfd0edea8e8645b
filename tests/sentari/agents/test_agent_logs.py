"""How an agent's log is read for its pages, on both databases."""

from datetime import timedelta

import pytest

from sentari.agents.agent_logs import SHOWN_CHARACTERS, log_entries, log_health
from sentari.agents.audit_shipping import ship
from sentari.agents.identity import Caller
from sentari.extensions import db, writing
from tests.clocks import NOON
from tests.sentari.agents.logs import chain, entry, forged
from tests.sentari.inventory.devices import device_id, enroll

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _on_each_database(make_app, database_url):
    with make_app(database_url).app_context():
        yield


def send(uid, batch, now=NOON):
    with writing() as session:
        ship(session, Caller(device_id(uid), uid), batch, now=now)


def shown(uid, **options):
    health = log_health(db.session(), uid)
    options = {"page": 1, "page_size": 50} | options
    return log_entries(db.session(), health, **options)


def test_without_a_log_there_is_nothing():
    uid = enroll().device_uid
    health = log_health(db.session(), uid)
    assert (health.entries, health.broken, health.first_broken) == (0, 0, None)
    assert (health.broken_at, health.shipped_at) == (None, None)
    assert (shown(uid).items, shown(uid).total) == ([], 0)


def test_entries_are_paged_the_newest_first():
    uid, other = enroll().device_uid, enroll().device_uid
    send(uid, chain(5))
    send(other, chain(2))
    page = shown(uid, page=2, page_size=2)
    assert ([each.entry_id for each in page.items], page.total) == ([3, 2], 5)


def test_the_first_anomaly_is_told_with_its_time_and_the_others_are_found():
    uid, log = enroll().device_uid, chain(6)
    send(uid, log[:2])
    send(uid, [forged(log[2], detail="x"), log[3]], NOON + MINUTE)
    send(uid, log[5:], NOON + 2 * MINUTE)
    health = log_health(db.session(), uid)
    assert (health.entries, health.broken) == (5, 2)
    assert (health.broken_at, health.shipped_at) == (NOON + MINUTE, NOON + 2 * MINUTE)
    assert health.first_broken.entry_id == 3
    assert "altered" in health.first_broken.problems
    broken = shown(uid, broken=True)
    assert ([each.entry_id for each in broken.items], broken.total) == ([6, 3], 2)


def test_the_logs_of_all_enrollments_are_told_together():
    uid = enroll(machine_id="m-1").device_uid
    send(uid, chain(2))
    enroll(machine_id="m-1")
    send(uid, chain(1, detail="again"), NOON + MINUTE)
    health = log_health(db.session(), uid)
    assert ([log.number for log in health.logs], health.entries) == ([1, 2], 3)
    assert [(each.log, each.entry_id) for each in shown(uid).items] == [(2, 1), (1, 2), (1, 1)]


def test_only_the_beginning_of_a_huge_detail_is_read():
    uid = enroll().device_uid
    send(uid, [entry(1, detail="é" * (SHOWN_CHARACTERS + 5))])
    (found,) = shown(uid).items
    assert (found.detail, found.characters) == ("é" * SHOWN_CHARACTERS, SHOWN_CHARACTERS + 5)
