"""Customers as pages, and preparing a license for one."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from license_server.audit import AuditEvent
from license_server.customers.models import Customer
from license_server.extensions import db
from license_server.licenses.models import IssuedKey, License, TermsVersion
from tests.license_server.pages import Person

CUSTOMER = {"name": "Example Ltd", "email": "it@example.com", "notes": "first line\nsecond"}
FORM = {
    "tier": "enterprise",
    "expires_at": "2027-11-23",
    "max_devices": "100",
    "max_packages": "100,000",
    "max_activations": "1",
    "max_offline_days": "1",
    "grace_period_days": "14",
    "read_only_period_days": "30",
    "airgap_addendum_signed_at": "",
    "contract_reference": "C-2026-07",
    "reason": "ordered on 2026-11-20",
}


def add_customer(person: Person, **changes: str) -> str:
    """Add a customer and return the address of the page."""
    answer = person.post("/customers/new", **{**CUSTOMER, **changes})
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def prepare(person: Person, **changes: str) -> str:
    """Prepare a draft for a new customer and return the address of the license."""
    answer = person.post(f"{add_customer(person)}/licenses/new", **{**FORM, **changes})
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"].removesuffix("/review")


def rows(app: Flask, model: type[Any]) -> list[Any]:
    with app.app_context():
        return list(db.session.scalars(select(model)).unique())


def test_a_customer_is_added_found_and_shown(issuer_person: Person) -> None:
    page = add_customer(issuer_person)
    add_customer(issuer_person, name="Another <b>AG</b>", email="ops@another.example")
    shown = issuer_person.get(page).text
    assert "Example Ltd" in shown
    assert "first line\nsecond" in shown
    found = issuer_person.get("/customers?search=another").text
    assert "Another &lt;b&gt;AG&lt;/b&gt;" in found
    assert "Example Ltd" not in found
    assert "No customer matches" in issuer_person.get("/customers?search=%00nobody%25").text
    first = issuer_person.get("/customers?page_size=1").text
    assert "of <strong>2</strong> customers" in first
    assert "Example Ltd" in issuer_person.get("/customers?page_size=1&page=2").text


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"name": ""}, "Enter a name."),
        ({"name": "n" * 201}, "longer than 200"),
        ({"name": "a\u2028b"}, "on one line"),
        ({"email": "nobody"}, "one e-mail address"),
        ({"notes": "n" * 10_001}, "longer than 10000"),
        ({"notes": "a\x00b"}, "without control characters"),
    ],
)
def test_a_customer_that_cannot_be_taken_says_why_and_keeps_what_was_typed(
    server: Flask, issuer_person: Person, changes: dict[str, str], named: str
) -> None:
    answer = issuer_person.post("/customers/new", **{**CUSTOMER, **changes})
    assert answer.status_code == 422
    assert named in answer.text
    assert ("it@example.com" in answer.text) or "email" in changes
    assert rows(server, Customer) == []


def test_a_customer_is_changed_and_the_audit_log_says_from_what(
    server: Flask, issuer_person: Person
) -> None:
    page = add_customer(issuer_person)
    changed = {**CUSTOMER, "email": "new@example.com", "notes": "other"}
    assert issuer_person.post(f"{page}/edit", **changed).status_code == 302
    assert "new@example.com" in issuer_person.get(page).text
    event = rows(server, AuditEvent)[-1]
    assert event.action == "CUSTOMER_CHANGED"
    assert event.details() == {
        "fields": ["email", "notes"],
        "email": "new@example.com",
        "email_before": "it@example.com",
    }
    again = {**CUSTOMER, "email": "new@example.com", "notes": "other\r\nlines"}
    issuer_person.post(f"{page}/edit", **again)
    seq = rows(server, AuditEvent)[-1].seq
    issuer_person.post(f"{page}/edit", **again)
    assert rows(server, AuditEvent)[-1].seq == seq, "nothing changed, nothing is audited"
    refused = issuer_person.post(f"{page}/edit", **{**changed, "email": "no address"})
    assert refused.status_code == 422
    assert "new@example.com" in issuer_person.get(page).text


def test_there_is_no_page_of_a_customer_who_is_not_there(issuer_person: Person) -> None:
    nobody = "/customers/0f8fad5b-d9cb-469f-a165-70867728950e"
    for path in ("", "/edit", "/licenses/new"):
        answer = issuer_person.get(nobody + path)
        assert answer.status_code == 404
        assert "There is no customer with this id" in answer.text
    assert issuer_person.post(f"{nobody}/licenses/new", **FORM).status_code == 404


def test_a_license_is_prepared_as_a_draft_without_a_key(
    server: Flask, issuer_person: Person
) -> None:
    page = prepare(issuer_person)
    [license_], [version] = rows(server, License), rows(server, TermsVersion)
    assert page == f"/licenses/{license_.id}"
    assert (license_.status, version.max_packages) == ("draft", 100_000)
    assert version.created_by == "staff:issuer@people.example"
    assert rows(server, IssuedKey) == []
    assert rows(server, AuditEvent)[-1].action == "LICENSE_DRAFTED"
    assert "Draft" in issuer_person.get(f"/customers/{license_.customer_id}").text


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"tier": ""}, "Enter the tier."),
        ({"tier": "t" * 65}, "longer than 64"),
        ({"expires_at": ""}, "Enter the date."),
        ({"expires_at": "23.11.2027"}, "Not a valid date"),
        ({"expires_at": "2200-01-01"}, "Give a date from 2000-01-01 to 2199-12-31."),
        ({"max_devices": ""}, "or the word unlimited"),
        ({"max_devices": "-1"}, "or the word unlimited"),
        ({"max_devices": "1.5"}, "or the word unlimited"),
        ({"max_devices": "9007199254740993"}, "Give a whole number from 0 to 9007199254740992."),
        ({"max_devices": "9" * 17}, "or the word unlimited"),
        ({"max_packages": "none"}, "or the word unlimited"),
        ({"max_activations": "0"}, "Give a whole number from 1 to 1000."),
        ({"max_activations": "1001"}, "Give a whole number from 1 to 1000."),
        ({"max_activations": "many"}, "Not a valid integer value."),
        ({"grace_period_days": "366"}, "Give a whole number from 0 to 365."),
        ({"read_only_period_days": "3651"}, "Give a whole number from 0 to 3650."),
        ({"max_offline_days": "366"}, "Give a whole number from 1 to 365."),
        ({"max_offline_days": "2"}, "needs the air-gap tier"),
        ({"max_offline_days": "2", "airgap": "y"}, "contract addendum was signed"),
        ({"airgap": "y", "airgap_addendum_signed_at": "2026-11-24"}, "signed already"),
        ({"contract_reference": "c" * 201}, "longer than 200"),
        ({"reason": ""}, "Say why."),
        ({"reason": " "}, "Say why"),
        ({"reason": "r" * 501}, "longer than 500"),
    ],
)
def test_terms_that_cannot_be_taken_say_why_and_keep_what_was_typed(
    server: Flask, issuer_person: Person, changes: dict[str, str], named: str
) -> None:
    page = add_customer(issuer_person)
    answer = issuer_person.post(f"{page}/licenses/new", **{**FORM, **changes})
    assert answer.status_code == 422
    assert named in answer.text
    for name, value in {**FORM, **changes}.items():
        if value and name not in ("airgap", "reason"):
            assert f'value="{value}"' in answer.text, name
    assert rows(server, License) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"max_devices": "9007199254740992"},
        {"max_devices": "0"},
        {"max_devices": "Unlimited"},
        {"max_devices": "1 000"},
        {"grace_period_days": "0", "read_only_period_days": "0"},
        {"max_offline_days": "365", "airgap": "y", "airgap_addendum_signed_at": "2026-11-23"},
        {"tier": "t" * 64, "contract_reference": "c" * 200, "reason": "r" * 500},
    ],
)
def test_terms_at_the_limits_are_taken(issuer_person: Person, changes: dict[str, str]) -> None:
    assert issuer_person.get(prepare(issuer_person, **changes)).status_code == 200


def test_a_button_moves_the_date_and_keeps_all_else(server: Flask, issuer_person: Person) -> None:
    page = add_customer(issuer_person)
    answer = issuer_person.post(
        f"{page}/licenses/new", **{**FORM, "max_devices": "many", "years": "3"}
    )
    assert answer.status_code == 200
    assert 'value="2029-11-23"' in answer.text
    assert 'value="many"' in answer.text
    assert rows(server, License) == []


def test_support_reads_customers_and_is_offered_no_change(
    issuer_person: Person, support_person: Person
) -> None:
    page = add_customer(issuer_person)
    shown = support_person.get(page).text
    assert "Example Ltd" in shown
    assert "/edit" not in shown
    assert "/licenses/new" not in shown
    assert support_person.post(f"{page}/edit", **CUSTOMER).status_code == 403
