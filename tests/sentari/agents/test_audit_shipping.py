"""Batches of agents' logs on both databases: kept, compared with what came before, and audited."""

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from sentari.agents.audit_models import AgentLog, AgentLogEntry
from sentari.agents.audit_shipping import BROKEN, MOST_AUDITED, MOST_EVENTS, MOST_TOLD, ship
from sentari.agents.identity import Caller
from sentari.audit.models import AuditEvent
from sentari.extensions import db, writing
from sentari.inventory.devices import remove_device
from sentari.inventory.ingestion import UnknownDeviceError
from tests.clocks import NOON
from tests.sentari.agents.logs import chain, entry, forged
from tests.sentari.inventory.devices import device_id, enroll

MINUTE = timedelta(minutes=1)


@pytest.fixture
def app(make_app, database_url):
    return make_app(database_url)


@pytest.fixture(autouse=True)
def _in_the_app(app):
    with app.app_context():
        yield


def send(uid, batch, now=NOON):
    caller = Caller(device_id(uid), uid)
    with writing() as session:
        return ship(session, caller, batch, now=now)


def logs(uid):
    query = select(AgentLog).where(AgentLog.device_uid == uid).order_by(AgentLog.number)
    return list(db.session.scalars(query))


def stored():
    return list(db.session.scalars(select(AgentLogEntry).order_by(AgentLogEntry.id)))


def events():
    query = select(AuditEvent).where(AuditEvent.action == BROKEN).order_by(AuditEvent.seq)
    return list(db.session.scalars(query))


def test_a_whole_log_is_kept_in_batches_as_it_came():
    uid, log = enroll().device_uid, chain(7)
    assert send(uid, log[:4]).as_json() == {
        "received": 4,
        "stored": 4,
        "verified_ok": True,
        "anomalies": [],
    }
    assert send(uid, log[4:], NOON + MINUTE).stored == 3
    rows = stored()
    assert [row.detail for row in rows] == [each.detail for each in log]
    assert [row.content_hash for row in rows] == [each.content_hash for each in log]
    assert [row.created_at for row in rows] == [each.created_at for each in log]
    (found,) = logs(uid)
    assert (found.entries, found.last_entry_id, found.broken) == (7, 7, 0)
    assert (found.began_at, found.shipped_at) == (NOON, NOON + MINUTE)
    assert events() == []


def test_a_batch_that_comes_again_is_stored_once_and_no_anomaly():
    uid, log = enroll().device_uid, chain(6)
    send(uid, log[:4])
    assert send(uid, log[:4]).as_json()["stored"] == 0
    again = send(uid, log[2:])
    assert (again.received, again.stored, again.anomalies) == (4, 2, ())
    assert len(stored()) == 6


def test_no_entries_are_taken_and_begin_no_log():
    uid = enroll().device_uid
    assert send(uid, []).as_json()["verified_ok"] is True
    assert logs(uid) == []


def test_a_broken_entry_is_kept_told_and_audited_once():
    uid, log = enroll().device_uid, chain(4)
    broken = [*log[:2], forged(log[2], detail="edited"), log[3]]
    first, second = send(uid, broken), send(uid, broken, NOON + MINUTE)
    assert (first.stored, second.stored) == (4, 0)
    assert first.anomalies == second.anomalies
    assert [kind.value for kind in first.kinds] == ["altered"]
    assert second.kinds == ()
    (event,) = events()
    assert (event.target, event.actor) == (uid, f"device:{uid}")
    detail = event.details()
    assert (detail["entry_id"], detail["kind"]) == (3, "altered")
    assert (detail["expected"], detail["found"]) == (broken[2].own_hash, log[2].content_hash)
    (found,) = logs(uid)
    assert (found.broken, found.broken_at) == (1, NOON)
    assert [bool(row.problems) for row in stored()] == [False, False, True, False]


def test_another_content_of_a_known_entry_is_kept_beside_the_first():
    uid, log = enroll().device_uid, chain(3)
    send(uid, log)
    rewritten = entry(2, log[0].content_hash, detail="another")
    assert len(send(uid, [rewritten]).anomalies) == 1
    assert [row.detail for row in stored() if row.entry_id == 2] == [log[1].detail, "another"]
    assert send(uid, chain(2, after=log[-1])).anomalies == ()
    assert len(events()) == 1


def test_each_distinct_anomaly_is_audited():
    uid, log = enroll().device_uid, chain(9)
    send(uid, [*log[:2], *log[3:5]])
    send(uid, log[6:])
    assert [event.details()["kind"] for event in events()] == ["missing", "missing"]
    assert logs(uid)[0].broken == 2


def test_a_new_enrollment_begins_a_new_log():
    given, log = enroll(machine_id="m-1"), chain(3)
    send(given.device_uid, log)
    enroll(machine_id="m-1", now=NOON + MINUTE)
    wiped = chain(2, detail="after the disk was wiped")
    assert send(given.device_uid, wiped).as_json()["verified_ok"] is True
    assert send(given.device_uid, chain(2, after=wiped[-1])).anomalies == ()
    assert [(each.number, each.entries) for each in logs(given.device_uid)] == [(1, 3), (2, 4)]
    assert events() == []


def test_a_log_that_survived_a_new_enrollment_goes_on():
    given, log = enroll(machine_id="m-1"), chain(6)
    send(given.device_uid, log[:3])
    enroll(machine_id="m-1")
    receipt = send(given.device_uid, log[2:])
    assert (receipt.stored, receipt.anomalies) == (3, ())
    assert [each.entries for each in logs(given.device_uid)] == [6]
    assert send(given.device_uid, chain(2, detail="x")).kinds == ("restarted",)


def test_an_enrollment_gives_the_right_to_one_new_log_only():
    given = enroll(machine_id="m-1")
    send(given.device_uid, chain(3))
    enroll(machine_id="m-1")
    send(given.device_uid, chain(3, detail="second"))
    receipt = send(given.device_uid, chain(3, detail="third"))
    assert (receipt.stored, receipt.kinds) == (3, ("restarted",))
    assert [each.broken for each in logs(given.device_uid)] == [0, 0, 1]
    assert send(given.device_uid, chain(3, detail="third")).stored == 0
    assert len(events()) == 1


def test_logs_of_two_devices_do_not_meet():
    one, other = enroll().device_uid, enroll().device_uid
    log = chain(3)
    send(one, log)
    assert send(other, log).stored == 3
    assert send(other, chain(1, after=log[-1])).anomalies == ()
    assert logs(one)[0].entries == 3


def test_what_the_database_cannot_hold_is_mended_and_judged_as_it_was_sent():
    uid = enroll().device_uid
    log = chain(2, detail="a\0b\ud800", event_type="\0", created_at="\0")
    assert send(uid, log).anomalies == ()
    assert send(uid, log).stored == 0
    mended = "\N{REPLACEMENT CHARACTER}"
    assert stored()[0].detail == f"a{mended}b{mended}"
    assert (stored()[0].event_type, stored()[0].created_at) == (mended, mended)


def test_a_flood_of_anomalies_is_kept_whole_and_told_in_part():
    uid, count = enroll().device_uid, MOST_TOLD + 50
    flood = [forged(each, detail="x") for each in chain(count)]
    receipt = send(uid, flood)
    assert (receipt.stored, len(receipt.anomalies)) == (count, MOST_TOLD + 1)
    assert receipt.anomalies[-1] == "And 50 more."
    assert len(events()) == MOST_EVENTS
    assert events()[-1].details()["more"] == count - MOST_EVENTS
    assert len(receipt.kinds) == logs(uid)[0].broken == count


def test_a_device_cannot_fill_the_servers_own_log():
    uid, log = enroll().device_uid, chain(MOST_AUDITED + 2)
    broken = [forged(each, detail="x") for each in log]
    send(uid, broken[: MOST_AUDITED - 1])
    before = len(events())
    assert send(uid, broken[MOST_AUDITED - 1 :]).kinds == ("altered",) * 3
    assert len(events()) == before + 1
    assert events()[-1].details()["more"] == 2
    assert send(uid, chain(3, detail="another")).kinds == ("restarted",)
    assert len(events()) == before + 1
    assert [each.broken for each in logs(uid)] == [MOST_AUDITED + 2, 1]


EDITS = (
    "UPDATE agent_log_entry SET detail = 'edited'",
    "UPDATE agent_log_entry SET problems = ''",
    "DELETE FROM agent_log_entry",
)


def test_the_database_refuses_to_change_what_was_shipped():
    send(enroll().device_uid, chain(1))
    for statement in EDITS:
        with pytest.raises(DBAPIError, match="append-only"), writing() as session:
            session.execute(text(statement))
    assert stored()[0].detail == "hostname=web01"


def test_a_devices_log_outlives_the_device():
    uid = enroll().device_uid
    send(uid, chain(2))
    with writing() as session:
        assert remove_device(session, uid, at=NOON, actor="cli")
    assert (len(stored()), len(logs(uid))) == (2, 1)


def test_a_device_that_is_gone_is_said_to_be_unknown():
    uid = enroll().device_uid
    caller = Caller(device_id(uid), uid)
    with writing() as session:
        remove_device(session, uid, at=NOON, actor="cli")
    with pytest.raises(UnknownDeviceError), writing() as session:
        ship(session, caller, chain(1), now=NOON)
    assert logs(uid) == []


def test_two_batches_of_one_device_at_once_are_taken_one_after_the_other(app):
    uid, log = enroll().device_uid, chain(40)
    faults, start = [], threading.Barrier(4)

    def run():
        try:
            with app.app_context():
                start.wait()
                send(uid, log)
                db.session.remove()
        except Exception as fault:  # noqa: BLE001 - told by the assertion below
            faults.append(fault)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert (len(stored()), [each.entries for each in logs(uid)]) == (40, [40])
    assert events() == []


def test_ten_thousand_entries_are_taken_in_a_moment():
    uid, log = enroll().device_uid, chain(10_000)
    began = time.perf_counter()
    assert send(uid, log).stored == 10_000
    assert send(uid, log).stored == 0
    assert time.perf_counter() - began < 10  # about one second each on two slow cores
