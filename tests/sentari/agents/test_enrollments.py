from datetime import timedelta

import pytest

from sentari.agents.enrollment_tokens import create_token, find_token, list_tokens
from sentari.agents.enrollments import enrolled_by, enrolled_devices, still_waiting
from sentari.extensions import db, writing
from sentari.inventory.devices import find_device, remove_device
from tests.clocks import NOON
from tests.sentari.inventory.devices import enroll, send
from tests.sentari.inventory.scans import package, scan
from tests.sentari.statuses import licensed

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _on_each_database(make_app, database_url):
    with make_app(database_url).app_context():
        yield


def make(name="office", **fields):
    options = {"expires_in_days": None, "max_uses": None} | fields
    with writing() as session:
        new = create_token(session, name=name, at=NOON, actor="cli", **options)
    return find_token(db.session(), str(new.id)), new.text


def devices(token, page=1, page_size=50):
    return enrolled_devices(db.session(), token, page=page, page_size=page_size)


def names(token):
    return [device.hostname for device in devices(token).items]


def test_each_token_knows_its_devices_the_newest_first():
    office, text = make("office")
    lab, other = make("lab")
    for host, given in (("a", text), ("b", other), ("c", text)):
        enroll(hostname=host, enrollment_token=given)
    enroll(hostname="d")
    assert (names(office), names(lab), names(None)) == (["c", "a"], ["b"], ["d"])
    assert [token.uses for token in list_tokens(db.session())] == [1, 2]


def test_a_device_is_waiting_until_its_first_scan_after_the_enrollment():
    token, text = make()
    given = enroll(enrollment_token=text, machine_id="m-1")
    assert [device.scanned for device in devices(token).items] == [False]
    send(given.device_uid, scan(package()), now=NOON)
    assert [device.scanned for device in devices(token).items] == [True]
    enroll(enrollment_token=text, machine_id="m-1", now=NOON + MINUTE)
    assert [device.scanned for device in devices(token).items] == [False]
    later = scan(package(), scanned_at="2026-11-23T13:00:00Z")
    send(given.device_uid, later, now=NOON + MINUTE)
    assert [device.scanned for device in devices(token).items] == [True]


def test_a_device_that_enrolled_twice_is_listed_once_for_each_token():
    first, text = make("first")
    second, other = make("second")
    for given in (text, text, other):
        enroll(enrollment_token=given, machine_id="m-1")
    assert (devices(first).total, devices(second).total) == (1, 1)
    assert first.uses == 2


def test_the_list_is_paged_and_forgets_removed_devices():
    token, text = make()
    uids = [enroll(hostname=f"h{n}", enrollment_token=text).device_uid for n in range(5)]
    found = devices(token, page=2, page_size=2)
    assert ([device.hostname for device in found.items], found.total) == (["h2", "h1"], 5)
    with writing() as session:
        remove_device(session, uids[4], at=NOON, actor="cli")
    assert devices(token).total == 4
    assert token.uses == 5


def test_a_refused_enrollment_leaves_no_trace():
    token, text = make()
    with pytest.raises(Exception, match="limit"):
        enroll(enrollment_token=text, status=licensed(max_devices=0))
    assert (devices(token).total, token.uses) == (0, 0)


def test_a_devices_newest_enrollment_is_told_with_its_token():
    token, text = make()
    uid = enroll(machine_id="m-1").device_uid
    device = find_device(db.session(), uid)
    enrollment, used = enrolled_by(db.session(), device)
    assert (used, enrollment.enrolled_at) == (None, NOON)
    enroll(machine_id="m-1", enrollment_token=text, now=NOON + MINUTE)
    enrollment, used = enrolled_by(db.session(), device)
    assert (used.id, enrollment.enrolled_at) == (token.id, NOON + MINUTE)


def test_what_is_still_to_come_is_waited_for():
    token, text = make()
    assert still_waiting(devices(token), usable=True)
    assert not still_waiting(devices(token), usable=False)
    uid = enroll(enrollment_token=text).device_uid
    assert still_waiting(devices(token), usable=False)
    send(uid, scan(package()))
    assert not still_waiting(devices(token), usable=True)
