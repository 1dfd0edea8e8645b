import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from sentari.agents.enrollment_tokens import TokenRefusedError
from sentari.agents.identity import caller_of_token, caller_of_uid
from sentari.agents.models import DeviceCredential
from sentari.agents.registration import read_registration
from sentari.audit.store import newest
from sentari.extensions import db, writing
from sentari.inventory.faults import MalformedScanError, ScanError
from sentari.inventory.models import Device
from serverkit.problems import Problem
from tests.clocks import NOON
from tests.sentari.inventory.devices import enroll, send, totals
from tests.sentari.inventory.scans import package, scan
from tests.sentari.statuses import licensed

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _on_each_database(make_app, database_url):
    with make_app(database_url).app_context():
        yield


def device(uid):
    return db.session.scalars(select(Device).where(Device.uid == uid)).one()


def refused(token):
    with pytest.raises(Problem) as caught:
        caller_of_token(db.session(), token)
    return caught.value.status, caught.value.code


def test_a_device_gets_an_identity_and_is_audited_without_it():
    given = enroll(hostname="web-01")
    assert given.created
    assert caller_of_token(db.session(), given.device_token).uid == given.device_uid
    event = newest(db.session(), ["DEVICE_ENROLLED"])
    assert (event.target, event.actor) == (given.device_uid, f"device:{given.device_uid}")
    assert event.details()["hostname"] == "web-01"
    assert given.device_token not in event.detail
    hashes = db.session.scalars(select(DeviceCredential.token_hash)).all()
    assert given.device_token not in hashes
    assert totals() == (1, 0)


def test_a_known_machine_keeps_its_device_and_loses_its_old_token():
    first = enroll(machine_id="m-1")
    again = enroll(machine_id="m-1", agent_version="1.1.0", status=licensed(max_devices=1))
    assert (again.device_uid, again.created) == (first.device_uid, False)
    assert refused(first.device_token) == (403, "revoked")
    assert caller_of_token(db.session(), again.device_token).uid == first.device_uid
    assert device(first.device_uid).agent_version == "1.1.0"
    assert newest(db.session(), ["DEVICE_ENROLLED"]).details()["again"] is True
    assert totals() == (1, 0)


def test_machines_without_an_id_are_always_new_devices():
    uids = {enroll(machine_id=None).device_uid for _ in range(3)}
    assert len(uids) == 3


def test_a_wrong_token_enrolls_nothing():
    with pytest.raises(TokenRefusedError):
        enroll(enrollment_token="wrong")
    assert db.session.scalars(select(Device)).all() == []


def test_devices_up_to_the_cap_fit_and_one_more_does_not():
    status = licensed(max_devices=2)
    enroll(status=status)
    enroll(machine_id="m-2", status=status)
    with pytest.raises(Problem) as caught:
        enroll(status=status)
    problem = caught.value
    assert (problem.status, problem.code) == (402, "device_limit_reached")
    assert (problem.members["used"], problem.members["limit"]) == (2, 2)
    assert enroll(machine_id="m-2", status=status).created is False
    assert totals() == (2, 0)


@pytest.mark.parametrize(
    ("passed", "marked"), [(HOUR - SECOND, True), (HOUR, False), (HOUR + SECOND, False)]
)
def test_another_host_name_within_the_hour_marks_a_possible_clone(passed, marked):
    uid = enroll(machine_id="m-1", hostname="gold").device_uid
    enroll(machine_id="m-1", hostname="copy", now=NOON + passed)
    found = device(uid)
    assert found.hostname == "copy"
    assert found.clone_hostname == ("gold" if marked else None)
    assert found.clone_seen_at == (NOON + passed if marked else None)


def test_the_same_host_name_marks_no_clone():
    uid = enroll(machine_id="m-1").device_uid
    enroll(machine_id="m-1")
    assert device(uid).clone_hostname is None


def test_enrolling_again_keeps_the_inventory():
    uid = enroll(machine_id="m-1").device_uid
    send(uid, scan(package()))
    enroll(machine_id="m-1")
    assert device(uid).package_count == 1


def test_a_token_that_was_never_given_is_nobodys():
    enroll()
    assert refused("strd_wrong") == (401, "unauthenticated")
    assert refused("") == (401, "unauthenticated")


def test_a_removed_devices_token_is_told_so():
    given = enroll()
    with writing() as session:
        session.delete(session.scalars(select(Device)).one())
    assert refused(given.device_token) == (404, "unknown_device")
    with pytest.raises(Problem) as caught:
        caller_of_uid(db.session(), given.device_uid)
    assert caught.value.status == 404


def test_where_it_is_allowed_a_device_id_alone_is_believed():
    given = enroll()
    assert caller_of_uid(db.session(), given.device_uid).uid == given.device_uid


def read(**members):
    return read_registration(json.dumps({"hostname": "web-01"} | members).encode())


def test_a_registration_is_read_with_its_optional_parts_empty():
    assert read().machine_id is None
    assert read(machine_id="  ").machine_id is None
    assert read(machine_id=None, csr=None).public_key is None
    assert read(machine_id=" m-1\n").machine_id == "m-1"
    assert read(hostname="w\0").hostname == "w\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("name", ["hostname", "os", "machine_id", "enrollment_token", "csr"])
def test_a_registration_with_a_number_for_a_text_is_refused(name):
    with pytest.raises(ScanError) as caught:
        read(**{name: 5})
    assert caught.value.faults[0].pointer == f"/{name}"


def test_a_registration_needs_a_host_name():
    with pytest.raises(ScanError):
        read_registration(b"{}")
    with pytest.raises(ScanError):
        read_registration(b"[]")
    with pytest.raises(MalformedScanError):
        read_registration(b"{")


@pytest.mark.parametrize(("name", "limit"), [("hostname", 255), ("machine_id", 256), ("os", 64)])
def test_long_texts_of_a_registration_are_cut(name, limit):
    assert getattr(read(**{name: "x" * limit}), name) == "x" * limit
    assert getattr(read(**{name: "x" * (limit + 1)}), name) == "x" * limit
