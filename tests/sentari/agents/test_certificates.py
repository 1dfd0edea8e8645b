"""Certificates through a device's life: given, superseded, replaced, taken away."""

from datetime import timedelta

import pytest
from cryptography import x509
from sqlalchemy import select

from sentari.agents.authority import fingerprint
from sentari.agents.credentials import device_certificates
from sentari.agents.identity import Evidence, caller_of, caller_of_certificate
from sentari.agents.models import DeviceCertificate
from sentari.agents.renewal import renew
from sentari.audit.store import newest
from sentari.extensions import current, db, writing
from sentari.inventory.devices import remove_device
from serverkit.problems import Problem
from tests.clocks import NOON
from tests.sentari.agents.csrs import new_key
from tests.sentari.inventory.devices import device_id, enroll

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _on_each_database(make_app, database_url):
    with make_app(database_url).app_context():
        yield


def sha256(pem):
    return fingerprint(x509.load_pem_x509_certificate(pem.encode()))


def with_certificate(**changes):
    given = enroll(public_key=new_key().public_key(), **changes)
    return given, sha256(given.device_cert)


def renewed(evidence, now=NOON):
    with writing() as session:
        authorities = current().authorities
        key = new_key().public_key()
        return renew(session, evidence, key, authorities=authorities, now=now)


def refused(fingerprint, now=NOON):
    with pytest.raises(Problem) as caught:
        caller_of_certificate(db.session(), fingerprint, now)
    return caught.value.status, caught.value.code


def states(uid, now=NOON):
    return [row.state(now) for row in device_certificates(db.session(), device_id(uid))]


def test_an_enrollment_gives_a_certificate_that_is_stored_and_recognized():
    key = new_key().public_key()
    given = enroll(public_key=key)
    certificate = x509.load_pem_x509_certificate(given.device_cert.encode())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(given.ca_cert.encode()))
    assert certificate.public_key() == key
    assert caller_of_certificate(db.session(), fingerprint(certificate), NOON).uid == (
        given.device_uid
    )
    [row] = device_certificates(db.session(), device_id(given.device_uid))
    assert int(row.serial, 16) == certificate.serial_number
    assert (row.not_before, row.not_after) == (NOON - timedelta(hours=1), NOON + 90 * DAY)


def test_without_a_request_for_one_there_is_no_certificate_but_a_token():
    given = enroll()
    assert given.device_cert == ""
    assert given.ca_cert.startswith("-----BEGIN CERTIFICATE-----")
    assert db.session.scalars(select(DeviceCertificate)).all() == []


@pytest.mark.parametrize(("passed", "good"), [(-SECOND, True), (0 * SECOND, False)])
def test_a_certificate_is_good_until_the_moment_it_ends(passed, good):
    given, own = with_certificate()
    now = NOON + 90 * DAY + passed
    if good:
        assert caller_of_certificate(db.session(), own, now).uid == given.device_uid
        assert states(given.device_uid, now) == ["active"]
    else:
        assert refused(own, now) == (401, "unauthenticated")
        assert states(given.device_uid, now) == ["expired"]


def test_a_certificate_that_was_never_made_here_is_nobodys():
    assert refused("0" * 64) == (401, "unauthenticated")


def test_enrolling_again_revokes_all_certificates_that_came_before():
    given, first = with_certificate(machine_id="m-1")
    second = sha256(renewed(Evidence(fingerprints=frozenset({first}))).device_cert)
    again, third = with_certificate(machine_id="m-1")
    assert again.device_uid == given.device_uid
    assert refused(first) == refused(second) == (403, "revoked")
    assert caller_of_certificate(db.session(), third, NOON).uid == given.device_uid
    assert states(given.device_uid) == ["active", "revoked", "revoked"]


def test_a_renewal_leaves_the_old_certificate_good_until_its_own_end():
    given, first = with_certificate()
    later = NOON + 61 * DAY
    new = sha256(renewed(Evidence(fingerprints=frozenset({first})), later).device_cert)
    before_end = NOON + 90 * DAY - SECOND
    for own in (first, new):
        assert caller_of_certificate(db.session(), own, before_end).uid == given.device_uid
    assert refused(first, NOON + 90 * DAY) == (401, "unauthenticated")
    assert caller_of_certificate(db.session(), new, later + 90 * DAY - SECOND)
    assert states(given.device_uid, later) == ["active", "superseded"]
    event = newest(db.session(), ["DEVICE_CERTIFICATE_RENEWED"])
    assert (event.target, event.actor) == (given.device_uid, f"device:{given.device_uid}")


def test_a_superseded_certificate_renews_too_because_the_answer_may_have_been_lost():
    given, first = with_certificate()
    for _ in range(2):
        assert renewed(Evidence(fingerprints=frozenset({first}))).device_uid == given.device_uid
    assert states(given.device_uid) == ["active", "superseded", "superseded"]


def test_a_device_renews_by_its_token_as_well():
    given = enroll()
    new = renewed(Evidence(given.device_token))
    assert caller_of_certificate(db.session(), sha256(new.device_cert), NOON).uid == (
        given.device_uid
    )


def test_what_is_no_good_identity_renews_nothing():
    _, first = with_certificate(machine_id="m-1")
    with_certificate(machine_id="m-1")
    removed, gone = with_certificate()
    with writing() as session:
        remove_device(session, removed.device_uid, at=NOON, actor="cli")
    for evidence, status in (
        (Evidence(), 401),
        (Evidence("strd_wrong"), 401),
        (Evidence(fingerprints=frozenset({"0" * 64})), 401),
        (Evidence(fingerprints=frozenset({first})), 403),
        (Evidence(fingerprints=frozenset({gone})), 404),
    ):
        with pytest.raises(Problem) as caught:
            renewed(evidence)
        assert caught.value.status == status


def test_removing_a_device_revokes_its_certificates_and_tells_it_so():
    given, own = with_certificate()
    with writing() as session:
        remove_device(session, given.device_uid, at=NOON, actor="cli")
    assert refused(own) == (404, "unknown_device")
    [row] = db.session.scalars(select(DeviceCertificate))
    assert (row.device_id, row.revoked_at) == (None, NOON)


def test_all_that_a_request_brings_must_be_good_and_prove_one_device():
    one, own = with_certificate()
    other, others = with_certificate()
    both = Evidence(one.device_token, frozenset({own}))
    assert caller_of(db.session(), both, NOON).uid == one.device_uid
    assert caller_of(db.session(), Evidence(), NOON) is None
    for evidence, status, code in (
        (Evidence(one.device_token, frozenset({others})), 403, "conflicting_identity"),
        (Evidence(None, frozenset({own, others})), 403, "conflicting_identity"),
        (Evidence("strd_wrong", frozenset({own})), 401, "unauthenticated"),
        (Evidence(one.device_token, frozenset({"0" * 64})), 401, "unauthenticated"),
    ):
        with pytest.raises(Problem) as caught:
            caller_of(db.session(), evidence, NOON)
        assert (caught.value.status, caught.value.code) == (status, code)
    assert other.device_uid != one.device_uid
