import json
import random
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from sentari.extensions import db, writing
from sentari.inventory import ingestion, store
from sentari.inventory.faults import ScanError
from sentari.inventory.models import Device, Package, ScanEntry
from sentari.inventory.scan import read_scan
from serverkit.problems import Problem
from tests.clocks import NOON
from tests.sentari.inventory.devices import device_id, enroll, inventory, send, totals
from tests.sentari.inventory.scans import TRACKED, body, package, real_scan, scan
from tests.sentari.statuses import licensed

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _on_each_database(make_app, database_url):
    with make_app(database_url).app_context():
        yield


def at(minutes, *packages, **more):
    """A scan that began so many minutes after noon."""
    moment = NOON + minutes * MINUTE
    return scan(*packages, scanned_at=moment.strftime("%Y-%m-%dT%H:%M:%SZ"), **more)


def device(uid):
    return db.session.scalars(select(Device).where(Device.uid == uid)).one()


def history(uid):
    query = select(ScanEntry).where(ScanEntry.device_id == device_id(uid)).order_by(ScanEntry.id)
    return list(db.session.scalars(query))


@pytest.mark.parametrize(("name", "tracked"), TRACKED.items())
def test_a_real_scan_is_stored_whole_and_costs_nothing_the_second_time(name, tracked):
    uid, sent = enroll().device_uid, real_scan(name)
    first = send(uid, sent)
    assert (first.status, first.packages, first.added) == ("applied", tracked, tracked)
    assert first.packages_received == len(sent["packages"])
    stored = inventory(uid)
    assert len(stored) == device(uid).package_count == tracked
    again = send(uid, sent)
    assert (again.status, again.scan_id) == ("duplicate", first.scan_id)
    random.Random(3).shuffle(sent["packages"])
    later = send(uid, sent | {"scanned_at": "2026-11-23T13:00:00Z"}, now=NOON + 60 * MINUTE)
    assert (later.status, later.packages, later.added) == ("unchanged", tracked, 0)
    assert inventory(uid) == stored
    assert totals() == (1, tracked)


def test_a_changed_scan_writes_its_difference():
    uid = enroll().device_uid
    send(uid, at(0, package("pip", "23"), package("six"), package("idna", install_path="/a")))
    receipt = send(
        uid,
        at(1, package("idna", install_path="/b"), package("pip", "24"), package("idna")),
        now=NOON + MINUTE,
    )
    assert (receipt.added, receipt.changed, receipt.removed) == (1, 1, 2)
    assert sorted(inventory(uid)) == [("pypi", "idna", "24.0"), ("pypi", "pip", "24")]
    paths = [place.get("install_path") for place in inventory(uid)["pypi", "idna", "24.0"]]
    assert sorted(paths, key=str) == ["/b", None]
    assert totals() == (1, 2)
    entry = history(uid)[1]
    added, removed = json.loads(entry.changes)
    names = {row.id: row.name for row in db.session.scalars(select(Package))}
    assert [names[number] for number in added] == ["pip"]
    assert sorted(names[number] for number in removed) == ["pip", "six"]


def test_records_that_are_only_written_otherwise_change_nothing():
    uid = enroll().device_uid
    send(uid, at(0, package("pip", install_path="/a"), package("pip", install_path="/b")))
    stored = inventory(uid)
    turned = [dict(reversed(package("pip", install_path=path).items())) for path in ("/b", "/a")]
    for minute in (1, 2):
        receipt = send(uid, at(minute, *turned), now=NOON + minute * MINUTE)
        assert (receipt.status, receipt.packages, receipt.changed) == ("unchanged", 1, 0)
    receipt = send(uid, at(3, *turned, package("pip", unknown=1)), now=NOON + 3 * MINUTE)
    assert (receipt.status, receipt.changed) == ("applied", 1)
    assert inventory(uid) != stored
    assert [entry.changes for entry in history(uid)] == [None, None, None, "[[],[]]"]


def test_an_unchanged_scan_brings_the_device_up_to_date():
    uid = enroll().device_uid
    send(uid, at(0, package("a\0"), hostname="old\0", tags=["prod"]))
    newer = {"hostname": "new", "errors": [{"error": "denied"}], "agent_version": "2"}
    receipt = send(uid, at(1, package("a\0"), **newer), now=NOON + MINUTE)
    assert (receipt.status, receipt.packages, receipt.warnings) == ("unchanged", 1, 1)
    found = device(uid)
    assert (found.hostname, found.agent_version, found.error_count) == ("new", "2", 1)
    assert (found.last_seen_at, found.last_scan_at) == (NOON + MINUTE, NOON + MINUTE)
    assert (found.warning_count, found.package_count) == (1, 1)
    assert json.loads(found.tags) == ["prod"]
    entry = history(uid)[1]
    assert (entry.status, entry.package_count, entry.packages_received) == ("unchanged", 1, 1)
    assert entry.content_hash == found.content_hash


def test_an_unchanged_scan_that_comes_again_or_late_moves_nothing():
    uid = enroll().device_uid
    send(uid, at(0, package("a")))
    send(uid, at(2, package("a"), hostname="newest"), now=NOON + 2 * MINUTE)
    late = send(uid, at(1, package("a"), hostname="late"), now=NOON + 3 * MINUTE)
    again = send(uid, at(2, package("a"), hostname="again"), now=NOON + 4 * MINUTE)
    assert (late.status, again.status) == ("superseded", "duplicate")
    found = device(uid)
    assert (found.hostname, found.last_scan_at) == ("newest", NOON + 2 * MINUTE)
    assert found.last_seen_at == NOON + 4 * MINUTE


def test_a_scan_from_the_future_that_comes_again_in_its_time_is_a_duplicate():
    uid = enroll().device_uid
    send(uid, at(60, package("a"), hostname="early"))
    send(uid, at(1, package("a"), hostname="right"), now=NOON + MINUTE)
    again = send(uid, at(60, package("a"), hostname="early"), now=NOON + 60 * MINUTE)
    assert again.status == "duplicate"
    assert device(uid).hostname == "right"


def test_devices_share_the_dictionary_but_not_their_inventories():
    one, other = enroll().device_uid, enroll().device_uid
    send(one, at(0, package("pip"), package("six")))
    send(other, at(0, package("pip"), package("idna")))
    send(one, at(1, package("six")), now=NOON + MINUTE)
    assert sorted(inventory(other)) == [("pypi", "idna", "24.0"), ("pypi", "pip", "24.0")]
    assert list(inventory(one)) == [("pypi", "six", "24.0")]
    assert db.session.scalar(select(func.count()).select_from(Package)) == 3
    assert totals() == (2, 3)


def test_names_are_compared_verbatim():
    uid = enroll().device_uid
    names = ["Requests", "requests", "requests ", "réquests", ""]
    send(uid, at(0, *(package(name) for name in names), package("", ""), package("a", "")))
    assert len(inventory(uid)) == 7


def test_the_longest_hostile_names_are_stored_and_indexed():
    chance = random.Random(11)
    name = "".join(chr(chance.randrange(0x1F300, 0x1FAFF)) for _ in range(600))
    uid = enroll().device_uid
    long = package(name, name, ecosystem=name, install_path=name * 10, license_raw="\0\ud800")
    receipt = send(uid, at(0, long, package("a\0"), package("a\ud800")))
    assert receipt.packages == 2
    assert receipt.warnings == 7
    stored = max(inventory(uid), key=lambda key: len(key[1]))
    assert [len(part) for part in stored] == [64, 512, 256]
    assert send(uid, at(1), now=NOON + MINUTE).removed == 2


def test_warnings_stay_with_unchanged_records():
    uid = enroll().device_uid
    assert send(uid, at(0, package("a\0"), hostname="w\0")).warnings == 2
    assert send(uid, at(1, package("a\0"))).warnings == 1
    assert device(uid).warning_count == 1
    assert "a\N{REPLACEMENT CHARACTER}" in device(uid).package_warnings
    assert send(uid, at(2, package("b"))).warnings == 0


def test_a_late_scan_is_history_and_changes_nothing():
    uid = enroll().device_uid
    send(uid, at(2, package("new")), now=NOON + 2 * MINUTE)
    receipt = send(uid, at(1, package("old")), now=NOON + 3 * MINUTE)
    assert (receipt.status, receipt.packages) == ("superseded", 1)
    assert list(inventory(uid)) == [("pypi", "new", "24.0")]
    assert device(uid).last_seen_at == NOON + 3 * MINUTE
    assert [entry.status for entry in history(uid)] == ["applied", "superseded"]
    assert send(uid, at(1, package("old"))).status == "duplicate"


def test_a_nanosecond_decides_which_scan_is_newer():
    uid = enroll().device_uid
    send(uid, scan(package("new"), scanned_at="2026-11-23T11:00:00.000000002Z"))
    late = send(uid, scan(package("old"), scanned_at="2026-11-23T11:00:00.000000001Z"))
    newer = send(uid, scan(package("newer"), scanned_at="2026-11-23T11:00:00.000000003Z"))
    assert (late.status, newer.status) == ("superseded", "applied")


def test_a_clock_in_the_future_does_not_freeze_the_device():
    uid = enroll().device_uid
    send(uid, scan(package("ahead"), scanned_at="2041-01-01T00:00:00Z"))
    assert device(uid).last_scan_at == NOON
    receipt = send(uid, at(1, package("right")), now=NOON + MINUTE)
    assert receipt.status == "applied"
    assert send(uid, scan(scanned_at="2041-01-01T00:00:00Z"), now=NOON).status == "duplicate"


def test_a_clock_at_the_beginning_of_time_is_no_obstacle():
    uid = enroll().device_uid
    assert send(uid, scan(package(), scanned_at="0001-01-01T00:00:00Z")).status == "applied"
    assert send(uid, scan(package("b"), scanned_at="1970-01-01T00:00:00Z")).status == "applied"


def test_tags_are_left_alone_when_absent_and_cleared_when_empty():
    uid = enroll().device_uid
    send(uid, at(0, tags=["prod", "web"]))
    assert json.loads(device(uid).tags) == ["prod", "web"]
    send(uid, at(1))
    assert json.loads(device(uid).tags) == ["prod", "web"]
    send(uid, at(2, tags=[]))
    assert json.loads(device(uid).tags) == []


def test_runtimes_errors_and_release_are_those_of_the_newest_scan():
    uid = enroll().device_uid
    send(uid, at(0, errors=[{"path": "/a", "error": "denied"}], os_release={"id": "debian"}))
    assert device(uid).error_count == 1
    send(uid, at(1, installed_runtimes=[{"name": "node", "version": "20"}], hostname="web-02"))
    found = device(uid)
    assert (found.error_count, json.loads(found.errors), found.os_release) == (0, [], "")
    assert json.loads(found.runtimes) == [{"name": "node", "version": "20"}]
    assert found.hostname == "web-02"


def test_a_wrong_record_leaves_everything_as_it_was():
    uid = enroll().device_uid
    send(uid, at(0, package("six")))
    with pytest.raises(ScanError):
        send(uid, at(1, package("six"), {"name": "x"}))
    assert list(inventory(uid)) == [("pypi", "six", "24.0")]
    assert len(history(uid)) == 1


def test_packages_up_to_the_cap_fit_and_one_more_does_not():
    uid, status = enroll().device_uid, licensed(max_packages=2)
    send(uid, at(0, package("a"), package("b")), status=status)
    with pytest.raises(Problem) as caught:
        send(uid, at(1, package("a"), package("b"), package("c")), status=status)
    problem = caught.value
    assert (problem.status, problem.code) == (402, "package_limit_reached")
    assert (problem.members["used"], problem.members["limit"]) == (2, 2)
    assert len(inventory(uid)) == 2
    assert len(history(uid)) == 1
    assert totals() == (1, 2)
    assert send(uid, at(1, package("a"), package("c")), status=status).status == "applied"


def test_a_scan_that_was_refused_is_taken_when_there_is_room():
    uid, wanted = enroll().device_uid, at(0, package("a"), package("b"))
    with pytest.raises(Problem):
        send(uid, wanted, status=licensed(max_packages=1))
    assert send(uid, wanted, status=licensed(max_packages=2)).status == "applied"


def test_over_the_cap_what_does_not_grow_is_still_taken():
    uid, small = enroll().device_uid, licensed(max_packages=1)
    send(uid, at(0, package("a"), package("b"), package("c")))
    assert send(uid, at(1, package("a"), package("b"), package("d")), status=small).added == 1
    assert send(uid, at(2, package("a"), package("b")), status=small).removed == 1
    assert totals() == (1, 2)
    with pytest.raises(Problem):
        send(uid, at(3, package("a"), package("b"), package("c")), status=small)


def test_late_and_repeated_scans_do_not_ask_the_caps():
    uid, none = enroll().device_uid, licensed(max_packages=0)
    send(uid, at(1, package("a")))
    assert send(uid, at(1, package("a")), status=none).status == "duplicate"
    assert send(uid, at(0, package("b"), package("c")), status=none).status == "superseded"


def test_a_scan_prepared_against_an_older_inventory_is_compared_again():
    uid = enroll().device_uid
    send(uid, at(0, package("a"), package("b")))
    overtaken = ingestion.prepare(
        db.session(), device_id(uid), read_scan(body(at(2, package("b"), package("c"))))
    )
    send(uid, at(1, package("d")))
    with writing() as session:
        receipt = ingestion.ingest(session, overtaken, now=NOON, license_status=licensed())
    assert (receipt.added, receipt.removed) == (2, 1)
    assert sorted(inventory(uid)) == [("pypi", "b", "24.0"), ("pypi", "c", "24.0")]
    assert totals() == (1, 2)


def test_a_scan_prepared_as_unchanged_is_applied_when_the_inventory_moved():
    uid = enroll().device_uid
    send(uid, at(0, package("a")))
    same = ingestion.prepare(db.session(), device_id(uid), read_scan(body(at(2, package("a")))))
    send(uid, at(1, package("b")))
    with writing() as session:
        receipt = ingestion.ingest(session, same, now=NOON, license_status=licensed())
    assert receipt.status == "applied"
    assert list(inventory(uid)) == [("pypi", "a", "24.0")]


def test_a_device_that_is_gone_is_said_to_be_unknown():
    uid = enroll().device_uid
    found = device_id(uid)
    prepared = ingestion.prepare(db.session(), found, read_scan(body(at(0))))
    with writing() as session:
        session.delete(session.get(Device, found))
    with pytest.raises(ingestion.UnknownDeviceError):
        ingestion.prepare(db.session(), found, prepared.scan)
    with pytest.raises(ingestion.UnknownDeviceError), writing() as session:
        ingestion.ingest(session, prepared, now=NOON, license_status=licensed())


def test_more_packages_than_one_statement_takes_are_all_stored_and_removed():
    uid, count = enroll().device_uid, sum(store.ROWS_AT_ONCE)
    send(uid, at(0, *(package(f"p{number}") for number in range(count))))
    assert len(inventory(uid)) == count
    receipt = send(uid, at(1, package("p0")))
    assert receipt.removed == count - 1
    assert totals() == (1, 1)
