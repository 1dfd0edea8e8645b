"""Licenses as pages: draft, issue, approve, change, suspend, rekey, release, sign in advance."""

import csv
import html
import io
import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from license_server.audit import AuditEvent
from license_server.extensions import db
from license_server.licenses.models import IssuedKey, License, PresignedReply, TermsVersion
from license_server.outbox.models import OutboxMail
from license_token.armor import unarmor
from license_token.keys import RootSet
from license_token.reply import read_reply
from tests.clocks import FakeClock
from tests.license_server.cast import CustomerServer
from tests.license_server.pages import Person, person_with
from tests.license_server.test_customers_pages import CUSTOMER, FORM, add_customer, prepare, rows

WIDE = {"max_devices": "unlimited"}
AIRGAP = {"max_offline_days": "90", "airgap": "y", "airgap_addendum_signed_at": "2026-11-01"}


def seen(page: str) -> str:
    found = re.search(r'name="seen"[^>]*value="(\d*)"', page)
    assert found is not None
    return found[1]


def act(person: Person, page: str, name: str, reason: str = "as agreed") -> Any:
    """Open the page of an act and send its form."""
    opened = person.get(f"{page}/{name}")
    assert opened.status_code == 200, opened.text
    return person.post(f"{page}/{name}", reason=reason, seen=seen(opened.text))


def key_in(page: str) -> str:
    found = re.search(r"SENT(-[0-9A-Z]{5}){5}", page)
    assert found is not None, page
    return found[0]


def issue(person: Person, page: str) -> str:
    """Issue a draft and return its key."""
    answer = act(person, page, "issue")
    assert answer.status_code == 200, answer.text
    return key_in(answer.text)


def only(app: Flask, model: type[Any]) -> Any:
    [row] = rows(app, model)
    return row


def last_action(app: Flask) -> str:
    return str(rows(app, AuditEvent)[-1].action)


@pytest.fixture
def draft(issuer_person: Person) -> str:
    """The address of a draft with plain terms."""
    return prepare(issuer_person)


@pytest.fixture
def issued(issuer_person: Person, draft: str) -> str:
    """The address of a license with plain terms that was issued."""
    issue(issuer_person, draft)
    return draft


# Drafts.


def test_the_review_says_in_words_what_is_signed_and_mailed(
    issuer_person: Person, draft: str
) -> None:
    page = html.unescape(issuer_person.get(f"{draft}/review").text)
    for sentence in (
        "Example Ltd (it@example.com) may use Sentari, tier enterprise, until 2027-11-23",
        "up to 100 devices and up to 100,000 tracked packages",
        "Not needed",
        "Your Sentari license key",
        "Hello Example Ltd,",
        "SENT-•••••-•••••-•••••-•••••-•••••",
    ):
        assert sentence in page
    assert "Draft" in issuer_person.get(draft).text


def test_issuing_shows_the_key_once_and_mails_it(
    server: Flask, issuer_person: Person, draft: str, clock: FakeClock, roots: RootSet
) -> None:
    answer = act(issuer_person, draft, "issue")
    key = key_in(answer.text)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Location" not in answer.headers
    assert only(server, License).status == "active"
    assert only(server, OutboxMail).state == "sent"
    for path in (draft, "/licenses", "/audit"):
        assert key not in issuer_person.get(path).text
    reply = CustomerServer(issuer_person.client, key, clock, roots).check_in()
    assert reply.claims.terms.max_devices == 100
    again = issuer_person.post(f"{draft}/issue", reason="again", seen="1")
    assert again.status_code == 409
    assert len(rows(server, IssuedKey)) == 1
    events = [event.action for event in rows(server, AuditEvent)]
    assert events[-3:-1] == ["LICENSE_DRAFTED", "LICENSE_ISSUED"]


def test_a_draft_is_edited_by_new_versions_and_what_was_reviewed_is_what_is_issued(
    server: Flask, issuer_person: Person, draft: str
) -> None:
    opened = issuer_person.get(f"{draft}/issue").text
    form = {**FORM, "max_devices": "5", "seen": "1"}
    answer = issuer_person.post(f"{draft}/terms", **form)
    assert answer.headers["Location"] == f"{draft}/review"
    stale = issuer_person.post(f"{draft}/issue", reason="issued", seen=seen(opened))
    assert stale.headers["Location"] == draft
    assert "look at it again" in issuer_person.get(draft).text
    assert only(server, License).status == "draft"
    issue(issuer_person, draft)
    assert [version.max_devices for version in rows(server, TermsVersion)] == [100, 5]


def test_a_draft_is_discarded_for_ever(server: Flask, issuer_person: Person, draft: str) -> None:
    assert act(issuer_person, draft, "discard", "ordered twice").status_code == 303
    assert only(server, License).status == "discarded"
    page = issuer_person.get(draft).text
    assert "ordered twice" in page
    for name in ("issue", "discard", "terms", "suspend", "revoke", "rekey", "reinstate"):
        assert f"{draft}/{name}" not in page
        assert issuer_person.get(f"{draft}/{name}").status_code == 409
    assert issuer_person.get(f"{draft}/review").headers["Location"] == draft


@pytest.mark.parametrize("name", ["suspend", "reinstate", "revoke", "rekey", "presign"])
def test_what_needs_a_key_cannot_be_done_to_a_draft(
    server: Flask, issuer_person: Person, draft: str, name: str
) -> None:
    person = person_with(server, "approver") if name == "presign" else issuer_person
    for answer in (person.get(f"{draft}/{name}"), person.post(f"{draft}/{name}", reason="x")):
        assert answer.status_code == 409
        assert "a license that is draft has no" in answer.text.lower()


def test_a_draft_of_a_customer_who_moved_is_edited_before_it_is_issued(
    server: Flask, issuer_person: Person, draft: str
) -> None:
    customer = only(server, License).customer_id
    moved = {**CUSTOMER, "email": "new@example.com"}
    issuer_person.post(f"/customers/{customer}/edit", **moved)
    assert act(issuer_person, draft, "issue").status_code == 303
    assert "take" in issuer_person.get(draft).text
    assert only(server, License).status == "draft"
    assert issuer_person.post(f"{draft}/terms", **FORM, seen="1").status_code == 302
    issue(issuer_person, draft)
    assert only(server, OutboxMail).recipient == "new@example.com"


# The second person.


@pytest.mark.parametrize("first", ["approve", "issue"])
def test_wide_terms_need_a_second_person_before_or_after_the_key_is_made(
    server: Flask, clock: FakeClock, roots: RootSet, issuer_person: Person, approver_person: Person,
    first: str,
) -> None:  # fmt: skip
    page = prepare(issuer_person, **WIDE)
    assert "unlimited devices" in issuer_person.get(f"{page}/review").text
    assert page in approver_person.get("/approvals").text
    if first == "approve":
        assert act(approver_person, page, "approve", "").status_code == 303
    key = issue(issuer_person, page)
    sentari = CustomerServer(issuer_person.client, key, clock, roots)
    if first == "issue":
        assert only(server, OutboxMail).state == "held"
        assert sentari.send(sentari.request()).json["code"] == "approval_pending"
        assert "Waits for approval" in issuer_person.get("/licenses?waiting=yes").text
        assert act(approver_person, page, "approve", "by the board").status_code == 303
        assert rows(server, AuditEvent)[-1].details()["reason"] == "by the board"
    assert only(server, OutboxMail).state == "sent"
    assert sentari.check_in().claims.terms.max_devices is None


def test_nobody_approves_their_own_terms(server: Flask, approver_person: Person) -> None:
    page = prepare(approver_person, **WIDE)
    opened = approver_person.get(f"{page}/approve").text
    assert "another approver must look at them" in opened
    answer = approver_person.post(f"{page}/approve", reason="", seen=seen(opened))
    assert answer.headers["Location"] == page
    assert "need a second person" in approver_person.get(page).text
    with server.app_context():
        version = db.session.scalars(select(TermsVersion)).unique().one()
        assert version.approval is None


def test_an_approval_is_of_the_terms_that_were_looked_at(
    server: Flask, issuer_person: Person, approver_person: Person
) -> None:
    page = prepare(issuer_person, **WIDE)
    opened = approver_person.get(f"{page}/approve").text
    issuer_person.post(f"{page}/terms", **{**FORM, **WIDE, "max_packages": "unlimited"}, seen="1")
    answer = approver_person.post(f"{page}/approve", reason="", seen=seen(opened))
    assert answer.status_code == 303
    assert "look at it again" in approver_person.get(page).text
    assert last_action(server) == "LICENSE_TERMS_CHANGED"


def test_what_a_draft_said_before_is_granted_to_nobody(
    server: Flask,
    issuer_person: Person,
    approver_person: Person,
    draft: str,
    clock: FakeClock,
    roots: RootSet,
) -> None:
    issuer_person.post(f"{draft}/terms", **{**FORM, "max_packages": "unlimited", "seen": "1"})
    key = issue(issuer_person, draft)
    assert only(server, OutboxMail).state == "held"
    sentari = CustomerServer(issuer_person.client, key, clock, roots)
    assert sentari.send(sentari.request()).json["code"] == "approval_pending"
    assert act(approver_person, draft, "approve", "").status_code == 303
    assert only(server, OutboxMail).state == "sent"
    assert sentari.check_in().claims.terms.max_packages is None


def test_what_needs_no_approval_cannot_be_approved(
    approver_person: Person, issuer_person: Person, issued: str
) -> None:
    assert act(approver_person, issued, "approve", "").status_code == 303
    assert "Nothing waits for approval" in approver_person.get(issued).text


# Changing terms.


def test_a_renewal_shows_what_changes_before_it_does(
    server: Flask, issuer_person: Person, issued: str
) -> None:
    form = issuer_person.get(f"{issued}/terms?years=1").text
    assert 'value="2028-11-23"' in form
    renewed = {**FORM, "expires_at": "2027-12-20", "reason": "renewed", "seen": "1"}
    page = issuer_person.post(f"{issued}/terms", **renewed).text
    assert "<del>2027-11-23</del>" in page
    assert len(rows(server, TermsVersion)) == 1
    digest = re.search(r'name="confirmed" value="(\w+)"', page)
    assert digest is not None
    other = {**renewed, "max_devices": "7", "confirmed": digest[1]}
    assert "<del>100</del>" in issuer_person.post(f"{issued}/terms", **other).text
    assert len(rows(server, TermsVersion)) == 1, "other changes than those shown are shown first"
    done = issuer_person.post(f"{issued}/terms", **renewed, confirmed=digest[1])
    assert done.headers["Location"] == issued
    shown = issuer_person.get(issued).text
    assert "Servers get them at their next check-in" in shown
    assert "<del>2027-11-23</del>" in shown
    again = issuer_person.post(f"{issued}/terms", **renewed, confirmed=digest[1])
    assert again.status_code in (409, 422)
    assert len(rows(server, TermsVersion)) == 2


def test_two_who_change_the_terms_at_once_do_not_overwrite_each_other(
    server: Flask, issuer_person: Person, issued: str
) -> None:
    def confirmed(**form: str) -> Any:
        page = issuer_person.post(f"{issued}/terms", **form).text
        digest = re.search(r'name="confirmed" value="(\w+)"', page)
        assert digest is not None
        return issuer_person.post(f"{issued}/terms", **form, confirmed=digest[1])

    mine = {**FORM, "max_devices": "7", "seen": "1"}
    theirs = {**FORM, "max_devices": "8", "seen": "1"}
    assert confirmed(**mine).status_code == 302
    refused = confirmed(**theirs)
    assert refused.status_code == 409
    assert "look at it again" in refused.text
    assert 'value="8"' in refused.text
    assert [version.max_devices for version in rows(server, TermsVersion)] == [100, 7]


def test_a_change_that_changes_nothing_or_breaks_a_rule_is_refused_at_once(
    issuer_person: Person, issued: str
) -> None:
    same = issuer_person.post(f"{issued}/terms", **FORM, seen="1")
    assert same.status_code == 422
    assert "changes nothing" in same.text
    broken = issuer_person.post(f"{issued}/terms", **{**FORM, "max_offline_days": "2"}, seen="1")
    assert broken.status_code == 422
    assert "needs the air-gap tier" in broken.text


def test_an_upgrade_that_needs_a_second_person_leaves_the_terms_before_in_force(
    server: Flask, issuer_person: Person, issued: str
) -> None:
    form = {**FORM, **WIDE, "seen": "1"}
    page = issuer_person.post(f"{issued}/terms", **form).text
    assert "need a second person: unlimited devices" in page
    digest = re.search(r'name="confirmed" value="(\w+)"', page)
    assert digest is not None
    issuer_person.post(f"{issued}/terms", **form, confirmed=digest[1])
    shown = issuer_person.get(issued).text
    assert "The terms of version 1 stay in force until then" in shown
    assert "Not approved" in shown


# What else is done to a license.


def test_a_suspension_says_why_and_ends(server: Flask, issuer_person: Person, issued: str) -> None:
    assert act(issuer_person, issued, "suspend", "invoice <overdue>").status_code == 303
    page = issuer_person.get(issued).text
    assert "invoice &lt;overdue&gt;" in page
    assert "by issuer@people.example: invoice" in page
    assert f"{issued}/suspend" not in page
    assert issuer_person.get(f"{issued}/suspend").status_code == 409
    assert act(issuer_person, issued, "reinstate", "paid").status_code == 303
    assert only(server, License).status == "active"


def test_a_revocation_is_for_ever(server: Flask, issuer_person: Person, issued: str) -> None:
    assert act(issuer_person, issued, "revoke", "contract ended").status_code == 303
    assert only(server, License).status == "revoked"
    for name in ("reinstate", "terms", "rekey", "revoke"):
        assert issuer_person.get(f"{issued}/{name}").status_code == 409


@pytest.mark.parametrize("name", ["suspend", "revoke", "rekey"])
@pytest.mark.parametrize("reason", ["", " ", "r" * 501, "a\nb"])
def test_nothing_is_done_without_a_reason(
    server: Flask, issuer_person: Person, issued: str, name: str, reason: str
) -> None:
    before = len(rows(server, AuditEvent))
    answer = act(issuer_person, issued, name, reason)
    assert answer.status_code == 422
    assert "Say why" in answer.text or "longer than 500" in answer.text
    assert len(rows(server, AuditEvent)) == before
    assert only(server, License).status == "active"


def test_a_new_key_is_shown_once_and_sending_the_form_again_makes_no_other_one(
    server: Flask, issuer_person: Person, issued: str, clock: FakeClock
) -> None:
    opened = issuer_person.get(f"{issued}/rekey").text
    form = {"reason": "lost", "seen": seen(opened)}
    answer = issuer_person.post(f"{issued}/rekey", **form)
    assert answer.status_code == 200
    key = key_in(answer.text)
    assert answer.headers["Cache-Control"] == "no-store"
    assert issuer_person.post(f"{issued}/rekey", **form).status_code == 303
    keys = rows(server, IssuedKey)
    assert [row.replaced_at is None for row in keys] == [False, True]
    assert f"…{key[-5:]}" in issuer_person.get(issued).text


def test_a_server_is_released_and_named(
    server: Flask, issuer_person: Person, draft: str, clock: FakeClock, roots: RootSet
) -> None:
    sentari = CustomerServer(issuer_person.client, issue(issuer_person, draft), clock, roots)
    sentari.check_in()
    page = issuer_person.get(draft).text
    assert sentari.instance_id[:8] in page
    assert "1 of 1 in use" in page
    path = re.search(rf"{draft}/activations/[0-9a-f-]+/release", page)
    assert path is not None
    assert sentari.instance_id in issuer_person.get(path[0]).text
    assert issuer_person.post(path[0], reason="").status_code == 422
    assert issuer_person.post(path[0], reason="moved").status_code == 303
    assert "0 of 1 in use" in issuer_person.get(draft).text
    assert issuer_person.post(path[0], reason="moved").status_code == 303
    assert last_action(server) == "ACTIVATION_RELEASED"
    other = prepare(issuer_person)
    assert issuer_person.get(path[0].replace(draft, other)).status_code == 404


def test_a_reply_is_signed_in_advance_shown_once_and_downloaded(
    server: Flask, issuer_person: Person, approver_person: Person, roots: RootSet
) -> None:
    page = prepare(issuer_person, **AIRGAP)
    issue(issuer_person, page)
    assert f"{page}/presign" not in issuer_person.get(page).text
    assert act(approver_person, page, "presign", "").status_code == 422
    opened = approver_person.get(f"{page}/presign").text
    form = {"reason": "for the ship", "seen": seen(opened)}
    answer = approver_person.post(f"{page}/presign", **form)
    assert answer.headers["Cache-Control"] == "no-store"
    found = re.search(r"-----BEGIN.*?END SENTARI LICENSE-----", answer.text, re.DOTALL)
    assert found is not None
    reply = read_reply(unarmor(found[0]), roots)
    assert reply.claims.presigned
    assert approver_person.post(f"{page}/presign", **form).status_code == 303
    assert only(server, PresignedReply).jti == reply.claims.jti
    assert rows(server, AuditEvent)[-1].details()["reason"] == "for the ship"
    file = approver_person.post(f"{page}/reply-file", reply=found[0])
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert file.content_type.startswith("text/plain")
    assert read_reply(unarmor(file.text), roots) == reply
    other = prepare(issuer_person)
    for path, text in ((other, found[0]), (page, "<script>"), (page, "")):
        assert approver_person.post(f"{path}/reply-file", reply=text).status_code == 400


def test_only_the_air_gap_tier_is_signed_in_advance(
    approver_person: Person, issuer_person: Person, issued: str
) -> None:
    assert act(approver_person, issued, "presign", "for the ship").status_code == 303
    assert "Only a license of the air-gap tier" in approver_person.get(issued).text


# The list.


def test_licenses_are_filtered_sorted_and_turned_over(
    issuer_person: Person, approver_person: Person, clock: FakeClock
) -> None:
    plain = prepare(issuer_person)
    key = issue(issuer_person, plain)
    wide = prepare(issuer_person, **WIDE, tier="unbounded", expires_at="2026-12-01")

    def listed(query: str) -> list[str]:
        page = issuer_person.get(f"/licenses?{query}")
        assert page.status_code == 200, page.text
        return re.findall(r'cell-title"><a href="(/licenses/[^"]+)"', page.text)

    assert listed("sort=expires_at") == [wide, plain]
    assert listed("sort=-expires_at") == [plain, wide]
    assert listed("status=active") == [plain]
    assert listed("tier=unbounded") == [wide]
    assert listed("waiting=yes") == [wide]
    assert listed("expires_within_days=8") == [wide]
    assert listed("expires_within_days=7") == []
    assert listed(f"search={key[-5:].lower()}") == [plain]
    assert listed(f"search={plain.rpartition('/')[2]}") == [plain]
    assert listed("search=%25") == []
    assert listed("search=no%00such%00text") == []
    assert len(listed("page_size=1&sort=customer")) == 1
    assert listed("page=3&page_size=1") == []


@pytest.mark.parametrize(
    "query",
    ["status=odd", "sort=id", "expires_within_days=-1", "expires_within_days=3651", "page=0"],
)
def test_a_filter_that_cannot_be_read_says_what_it_takes(issuer_person: Person, query: str) -> None:
    answer = issuer_person.get(f"/licenses?{query}")
    assert answer.status_code == 400
    assert "text/html" in answer.content_type


def test_the_list_is_downloaded_as_csv_and_that_is_audited(
    server: Flask, issuer_person: Person
) -> None:
    page = prepare(issuer_person, **WIDE, contract_reference="=cmd|'/C calc'!A0")
    answer = issuer_person.get("/licenses?format=csv&status=draft")
    assert answer.content_type == "text/csv; charset=utf-8"
    [row] = list(csv.DictReader(io.StringIO(answer.text)))
    assert row["license_id"] == page.rpartition("/")[2]
    assert row["max_devices"] == "unlimited"
    assert row["approval"] == "pending"
    assert row["contract_reference"].startswith("'=")
    event = rows(server, AuditEvent)[-1]
    assert (event.action, event.details()["filters"]) == (
        "LICENSES_EXPORTED",
        "format=csv&status=draft",
    )


def test_support_reads_a_license_and_is_offered_no_change(
    issuer_person: Person, support_person: Person, issued: str
) -> None:
    page = support_person.get(issued).text
    assert "Versions of the terms" in page
    names = ("terms", "suspend", "revoke", "rekey", "issue", "discard", "approve", "presign")
    for name in names:
        assert f"{issued}/{name}" not in page
        assert support_person.get(f"{issued}/{name}").status_code == 403


def test_there_is_no_page_of_a_license_that_is_not_there(approver_person: Person) -> None:
    nothing = "/licenses/0f8fad5b-d9cb-469f-a165-70867728950e"
    for name in ("", "/review", "/terms", "/issue", "/approve", "/presign"):
        assert approver_person.get(nothing + name).status_code == 404


def test_a_customer_s_name_that_is_markup_is_shown_as_the_text_it_is(
    issuer_person: Person,
) -> None:
    page = add_customer(issuer_person, name="<img src=x onerror=alert(1)>")
    answer = issuer_person.post(f"{page}/licenses/new", **{**FORM, "tier": "<i>t</i>"})
    draft = answer.headers["Location"].removesuffix("/review")
    for path in (draft, f"{draft}/review", f"{draft}/issue", f"{draft}/terms", "/licenses", page):
        text = issuer_person.get(path).text
        assert "<img src=x" not in text
        assert "<i>t" not in text
