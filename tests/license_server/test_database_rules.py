"""The database itself refuses what the rules refuse, whoever writes to it, on both kinds."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from license_server import models
from license_server.extensions import db, writing

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CUSTOMER = {
    "id": "c",
    "name": "Example Ltd",
    "email": "it@example.com",
    "notes": "",
    "created_at": NOW,
    "created_by": "test",
}
LICENSE = {
    "id": "l",
    "customer_id": "c",
    "status": "active",
    "status_reason": "issued",
    "status_changed_at": NOW,
    "status_changed_by": "test",
    "issued_version": 1,
    "created_at": NOW,
    "created_by": "test",
}
TERMS = {
    "id": 1,
    "license_id": "l",
    "version": 1,
    "customer_name": "Example Ltd",
    "customer_email": "it@example.com",
    "tier": "enterprise",
    "expires_at": date(2027, 11, 23),
    "max_devices": 100,
    "max_packages": 100_000,
    "grace_period_days": 14,
    "read_only_period_days": 30,
    "max_offline_days": 1,
    "max_activations": 1,
    "airgap": False,
    "airgap_addendum_signed_at": None,
    "contract_reference": "",
    "starts_on": date(2026, 11, 23),
    "term_days": 365,
    "approval_required": False,
    "reason": "issued",
    "created_at": NOW,
    "created_by": "ann",
}
AIRGAP = {"airgap": True, "airgap_addendum_signed_at": date(2026, 11, 1)}
KEY = {
    "license_id": "l",
    "key_hash": "a" * 64,
    "hint": "ABCDE",
    "issued_at": NOW,
    "issued_by": "test",
    "replaced_at": None,
}
ACTIVATION = {
    "id": "a",
    "license_id": "l",
    "instance_id": "i",
    "thumbprint": "t" * 43,
    "first_check_in_at": NOW,
    "last_check_in_at": NOW,
    "server_version": "0.1.0",
    "devices": 0,
    "packages": 0,
    "audit_seq": 0,
    "audit_head": "0" * 64,
    "seq": 1,
    "last_issued_at": 0,
    "last_jti": "j",
}


@pytest.fixture
def session(each_server: Flask) -> Iterator[Session]:
    """A write transaction on a database with one customer and one license."""
    with each_server.app_context(), writing() as session:
        session.execute(insert(models.Customer).values(CUSTOMER))
        session.execute(insert(models.License).values(LICENSE))
        yield session
        session.rollback()


def of_status(status: str) -> dict[str, Any]:
    """A license's row in a status; only what was issued knows which terms were."""
    issued = None if status in ("draft", "discarded") else 1
    return {**LICENSE, "status": status, "issued_version": issued}


def refused(session: Session, model: type[Any], values: dict[str, Any]) -> bool:
    """Tell whether the database refuses the row; the transaction goes on either way."""
    try:
        with session.begin_nested():
            session.execute(insert(model).values(values))
    except IntegrityError:
        return True
    return False


def test_plain_terms_are_kept(session: Session) -> None:
    assert not refused(session, models.TermsVersion, TERMS)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"max_offline_days": 2}, True),
        ({"max_offline_days": 2, "airgap": True}, True),
        ({"max_offline_days": 2, **AIRGAP, "airgap": False}, True),
        ({"max_offline_days": 2, **AIRGAP}, False),
        ({"max_offline_days": 90, **AIRGAP}, False),
        ({"max_offline_days": 91, **AIRGAP}, True),
        ({"max_offline_days": 91, **AIRGAP, "approval_required": True}, False),
        ({"max_offline_days": 366, **AIRGAP, "approval_required": True}, True),
        ({"max_offline_days": 0}, True),
        ({"max_devices": None}, True),
        ({"max_devices": None, "approval_required": True}, False),
        ({"max_packages": None}, True),
        ({"max_packages": None, "approval_required": True}, False),
        ({"expires_at": date(2027, 12, 28), "term_days": 400}, False),
        ({"expires_at": date(2027, 12, 29), "term_days": 401}, True),
        (
            {"expires_at": date(2027, 12, 29), "term_days": 401, "approval_required": True},
            False,
        ),
        # A term that lies about its length.
        ({"expires_at": date(2037, 11, 23)}, True),
        ({"max_devices": -1}, True),
        ({"max_devices": 2**53}, False),
        ({"max_devices": 2**53 + 1}, True),
        ({"grace_period_days": 366}, True),
        ({"read_only_period_days": 3651}, True),
        ({"max_activations": 0}, True),
        ({"tier": ""}, True),
        ({"reason": ""}, True),
        ({"version": 0}, True),
        ({"license_id": "another"}, True),
    ],
)
def test_terms_that_break_a_rule_are_refused(
    session: Session, changes: dict[str, Any], expected: bool
) -> None:
    assert refused(session, models.TermsVersion, {**TERMS, **changes}) is expected


def test_a_version_of_terms_is_written_once_and_never_changed(session: Session) -> None:
    session.execute(insert(models.TermsVersion).values(TERMS))
    assert refused(session, models.TermsVersion, {**TERMS, "id": 2})
    for statement in (
        "UPDATE terms_version SET max_devices = 99999",
        "DELETE FROM terms_version",
    ):
        with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
            session.execute(text(statement))


def test_an_approval_is_by_another_person_than_the_author_for_ever(session: Session) -> None:
    session.execute(
        insert(models.TermsVersion).values(
            {**TERMS, "max_devices": None, "approval_required": True}
        )
    )
    approval = {
        "terms_version_id": 1,
        "created_by": "ann",
        "approved_by": "bob",
        "approved_at": NOW,
    }
    own = {**approval, "approved_by": "ann"}
    assert refused(session, models.TermsApproval, own)
    # Nor by naming another author than the version has.
    assert refused(session, models.TermsApproval, {**own, "created_by": "carol"})
    assert not refused(session, models.TermsApproval, approval)
    with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
        session.execute(text("DELETE FROM terms_approval"))


def test_a_license_has_one_current_key(session: Session) -> None:
    assert not refused(session, models.IssuedKey, KEY)
    other = {**KEY, "key_hash": "b" * 64}
    assert refused(session, models.IssuedKey, other)
    session.execute(update(models.IssuedKey).values(replaced_at=NOW))
    assert not refused(session, models.IssuedKey, other)
    assert refused(session, models.IssuedKey, {**KEY, "replaced_at": NOW})


@pytest.mark.parametrize("changes", [{"key_hash": "a" * 63}, {"hint": "ABCD"}])
def test_a_key_is_a_hash_and_a_hint(session: Session, changes: dict[str, str]) -> None:
    assert refused(session, models.IssuedKey, {**KEY, **changes})


def test_a_license_has_a_known_status(session: Session) -> None:
    for status in ("draft", "suspended", "revoked", "discarded"):
        assert not refused(session, models.License, {**of_status(status), "id": status})
    assert refused(session, models.License, {**LICENSE, "id": "x", "status": "paused"})


def test_an_instance_has_one_activation_of_a_license(session: Session) -> None:
    assert not refused(session, models.Activation, ACTIVATION)
    assert refused(session, models.Activation, {**ACTIVATION, "id": "b"})
    assert refused(session, models.Activation, {**ACTIVATION, "id": "b", "seq": 0})
    half = {**ACTIVATION, "id": "b", "instance_id": "j", "released_at": NOW}
    assert refused(session, models.Activation, half)
    whole = {**half, "released_by": "ann", "release_reason": "moved"}
    assert not refused(session, models.Activation, whole)


def test_a_flag_is_of_a_known_kind_and_open_once(session: Session) -> None:
    session.execute(insert(models.Activation).values(ACTIVATION))
    flag = {
        "activation_id": "a",
        "kind": "tampered",
        "first_seen_at": NOW,
        "last_seen_at": NOW,
        "times": 1,
    }
    assert not refused(session, models.ActivationFlag, flag)
    assert refused(session, models.ActivationFlag, flag)
    assert not refused(session, models.ActivationFlag, {**flag, "resolved_at": NOW})
    assert refused(session, models.ActivationFlag, {**flag, "kind": "odd"})


def test_staff_have_one_of_three_roles_and_addresses_in_lower_case(session: Session) -> None:
    person = {"email": "ann@x.example", "password_hash": "x", "role": "issuer", "created_at": NOW}
    assert not refused(session, models.Staff, person)
    assert refused(session, models.Staff, person)
    assert refused(session, models.Staff, {**person, "email": "Bob@x.example"})
    assert refused(session, models.Staff, {**person, "email": "b@x.example", "role": "admin"})


def test_a_mail_that_is_over_has_no_text_left(session: Session) -> None:
    mail = {
        "id": "m",
        "license_id": "l",
        "kind": "license_key",
        "recipient": "it@example.com",
        "subject": "x",
        "text_sealed": "sealed",
        "state": "sent",
        "attempts": 1,
        "next_attempt_at": NOW,
        "created_at": NOW,
    }
    assert refused(session, models.OutboxMail, mail)
    assert not refused(session, models.OutboxMail, {**mail, "text_sealed": None})
    assert not refused(session, models.OutboxMail, {**mail, "id": "n", "state": "queued"})
    assert refused(session, models.OutboxMail, {**mail, "id": "o", "state": "lost"})


def test_a_certificate_lives_a_hundred_days_at_most(session: Session) -> None:
    root = {"kid": "r", "public_key": "00", "created_at": NOW}
    session.execute(insert(models.RootKey).values(root))
    key = {
        "kid": "k",
        "root_kid": "r",
        "public_key": "11",
        "certificate": "x",
        "not_before": 0,
        "expires": 100 * 86_400 + 1,
        "created_at": NOW,
    }
    assert refused(session, models.SigningKey, key)
    assert refused(session, models.SigningKey, {**key, "expires": 0})
    assert not refused(session, models.SigningKey, {**key, "expires": 100 * 86_400})


def test_nothing_is_written_outside_of_a_write_transaction(each_server: Flask) -> None:
    with each_server.app_context(), pytest.raises(DBAPIError):
        db.session.execute(insert(models.Customer).values(CUSTOMER))


def move(session: Session, status: str) -> bool:
    """Tell whether the database refuses to bring the license into the status."""
    try:
        with session.begin_nested():
            values = {name: of_status(status)[name] for name in ("status", "issued_version")}
            session.execute(update(models.License).values(values))
    except IntegrityError:
        return False
    return True


ROADS = {
    "draft": {"active", "discarded"},
    "active": {"suspended", "revoked"},
    "suspended": {"active", "revoked"},
    "revoked": set(),
    "discarded": set(),
}


@pytest.mark.parametrize("status", ROADS)
def test_a_license_goes_only_where_the_rules_let_it(session: Session, status: str) -> None:
    for target in ROADS:
        session.execute(text("DELETE FROM license"))
        session.execute(insert(models.License).values(of_status(status)))
        assert move(session, target) is (target == status or target in ROADS[status]), target


@pytest.mark.parametrize("status", ROADS)
def test_only_what_was_issued_has_a_key_and_activations(session: Session, status: str) -> None:
    other = {**of_status(status), "id": "m"}
    session.execute(insert(models.License).values(other))
    expected = status in ("draft", "discarded")
    for model, row in ((models.IssuedKey, KEY), (models.Activation, ACTIVATION)):
        assert refused(session, model, {**row, "license_id": "m"}) is expected
        session.execute(text(f"DELETE FROM {model.__tablename__}"))
        session.execute(insert(model).values(row))
        try:
            with session.begin_nested():
                session.execute(update(model).values(license_id="m"))
        except IntegrityError:
            assert expected
        else:
            assert not expected


@pytest.mark.parametrize("status", ROADS)
def test_a_license_that_is_over_gets_no_new_terms(session: Session, status: str) -> None:
    session.execute(insert(models.License).values({**of_status(status), "id": "m"}))
    over = status in ("revoked", "discarded")
    assert refused(session, models.TermsVersion, {**TERMS, "license_id": "m"}) is over


@pytest.mark.parametrize("status", ROADS)
def test_what_was_issued_says_which_terms_were(session: Session, status: str) -> None:
    right = {**of_status(status), "id": "m"}
    wrong = {**right, "issued_version": None if right["issued_version"] else 1}
    assert refused(session, models.License, wrong)
    assert not refused(session, models.License, right)


def test_a_key_is_not_replaced_before_it_was_issued(session: Session) -> None:
    early = {**KEY, "replaced_at": NOW - timedelta(microseconds=1)}
    assert refused(session, models.IssuedKey, early)
    assert not refused(session, models.IssuedKey, {**KEY, "replaced_at": NOW})


def test_a_release_says_why(session: Session) -> None:
    released = {**ACTIVATION, "released_at": NOW, "released_by": "ann"}
    assert refused(session, models.Activation, {**released, "release_reason": ""})
    assert not refused(session, models.Activation, {**released, "release_reason": "moved"})


def test_a_second_factor_and_its_last_step_come_together(session: Session) -> None:
    person = {"email": "ann@x.example", "password_hash": "x", "role": "issuer", "created_at": NOW}
    assert refused(session, models.Staff, {**person, "totp_sealed": "x"})
    assert refused(session, models.Staff, {**person, "totp_last_step": 1})
    assert not refused(session, models.Staff, {**person, "totp_sealed": "x", "totp_last_step": 1})
