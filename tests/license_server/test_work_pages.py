"""What waits for staff: the first page, findings, approvals, and activations with their history."""

import re
import secrets
from typing import Any

import pytest
from flask import Flask

from tests.clocks import FakeClock
from tests.license_server.cast import AIRGAP, Api, CustomerServer
from tests.license_server.pages import Person, person_with

HOUR, DAY = 3600, 86_400


def page_now(server: Flask, path: str) -> str:
    """The page as somebody sees it who signs in at this moment: sessions end after 8 hours."""
    email = f"{secrets.token_hex(4)}@people.example"
    return person_with(server, "support", email).get(path).text


def activation_of(issuer: Api, license_: dict[str, Any]) -> str:
    [activation] = issuer.activations(license_)
    return str(activation["id"])


def count(page: str, label: str) -> int:
    """What the card with the label counts."""
    found = re.search(rf">{label}</a></div>\s*<div class=\"stat-value[^>]*>([\d,]+)<", page)
    assert found is not None, label
    return int(found[1].replace(",", ""))


def test_the_first_page_counts_what_waits_and_names_who_checked_in_last(
    server: Flask, sentari: CustomerServer, issuer: Api, clock: FakeClock
) -> None:
    empty = page_now(server, "/")
    assert "No server has checked in yet" in empty
    assert count(empty, "Findings") == count(empty, "Silent servers") == 0
    sentari.check_in(findings=("tampered", "clock_skew"))
    issuer.issue(issuer.new_customer("Unlimited Ltd"), max_devices=None)
    issuer.issue(issuer.new_customer("Ending Ltd"), expires_at="2026-12-01")
    clock.advance(12 * HOUR)
    page = page_now(server, "/")
    assert count(page, "Findings") == 2
    assert count(page, "To approve") == 1
    assert count(page, "Silent servers") == 1
    assert count(page, "Expiring") == 1
    assert "Example Ltd" in page
    assert "Tampered" in page


@pytest.mark.parametrize(("seconds", "silent"), [(12 * HOUR - 1, False), (12 * HOUR, True)])
def test_a_server_is_silent_from_half_of_its_offline_days_on(
    server: Flask, sentari: CustomerServer, clock: FakeClock, seconds: int, silent: bool
) -> None:
    sentari.check_in()
    clock.advance(seconds)
    assert count(page_now(server, "/"), "Silent servers") == silent
    found = "No activation matches" not in page_now(server, "/activations?state=silent")
    assert found is silent


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", True),
        ("search=example+l", True),
        ("search=IT%40EXAMPLE", True),
        ("search=other", False),
        ("search=%25", False),
        ("search=%00", True),
        ("state=in_use", True),
        ("state=flagged", False),
        ("state=released", False),
        ("state=nonsense", True),
    ],
)
def test_activations_are_found_by_customer_and_state(
    sentari: CustomerServer, support_person: Person, query: str, found: bool
) -> None:
    sentari.check_in()
    assert ("Example Ltd" in support_person.get(f"/activations?{query}").text) is found


def test_an_activation_shows_what_was_used_over_time_with_its_limits(
    server: Flask,
    sentari: CustomerServer,
    issuer: Api,
    license_: dict[str, Any],
    clock: FakeClock,
) -> None:
    for devices in (1, 50, 90):
        sentari.check_in(devices=devices, packages=devices * 300)
        clock.advance(DAY)
    page = page_now(server, f"/activations/{activation_of(issuer, license_)}")
    assert "<strong>90</strong> devices" in page
    assert "of 100</span>" in page
    assert "<strong>27,000</strong> packages" in page
    assert page.count('class="chart-line"') == 4, "two numbers, for wide and narrow screens"
    assert page.count('class="chart-limit"') == 4
    assert "Line A" not in page


def test_days_without_a_check_in_show_no_chart_and_an_odd_range_is_thirty_days(
    server: Flask,
    sentari: CustomerServer,
    issuer: Api,
    license_: dict[str, Any],
    clock: FakeClock,
) -> None:
    sentari.check_in()
    path = f"/activations/{activation_of(issuer, license_)}"
    clock.advance(31 * DAY)
    assert "No check-in in this time." in page_now(server, path)
    assert "No check-in in this time." in page_now(server, f"{path}?days=9999999")
    assert 'class="chart-line"' in page_now(server, f"{path}?days=90")


def test_two_servers_on_one_identity_are_shown_as_two_lines(
    sentari: CustomerServer, support_person: Person, issuer: Api, license_: dict[str, Any]
) -> None:
    sentari.check_in()
    copy = sentari.clone()
    sentari.check_in(devices=50)
    sentari.check_in(devices=50)
    copy.check_in(devices=7, server_version="0.1.9")
    path = f"/activations/{activation_of(issuer, license_)}"
    page = support_person.get(path).text
    assert "Clone suspected" in page
    assert "Line A" in page
    assert "Line B" in page
    only = support_person.get(f"{path}?line=B").text
    assert "Only line B is listed below." in only
    assert "<strong>1</strong> check-in" in only
    assert "<strong>4</strong> check-ins" in support_person.get(f"{path}?line=Z").text


def test_findings_are_closed_with_a_reason_and_listed_as_closed(
    sentari: CustomerServer,
    support_person: Person,
    issuer_person: Person,
    issuer: Api,
    license_: dict[str, Any],
) -> None:
    sentari.check_in(findings=("audit_broken",))
    path = f"/activations/{activation_of(issuer, license_)}"
    assert "Audit log broken" in support_person.get("/findings").text
    assert "resolve-reason" not in support_person.get(path).text, "support reads only"
    assert support_person.post(f"{path}/resolve-flags", reason="x").status_code == 403
    refused = issuer_person.client.get(issuer_person.post(f"{path}/resolve-flags").location)
    assert "Say why, in 1 to 500 characters" in refused.text
    answer = issuer_person.post(f"{path}/resolve-flags", reason="A restored database.")
    assert answer.status_code == 303
    assert "Nothing to look at" in support_person.get("/findings").text
    assert "A restored database." in support_person.get("/findings?state=closed").text
    assert "A restored database." in support_person.get(path).text
    again = issuer_person.post(f"{path}/resolve-flags", reason="once more")
    assert "no open flag" in issuer_person.client.get(again.location).text


def test_a_released_activation_says_so_and_cannot_be_released_again(
    sentari: CustomerServer,
    support_person: Person,
    issuer_person: Person,
    issuer: Api,
    license_: dict[str, Any],
) -> None:
    sentari.check_in()
    path = f"/activations/{activation_of(issuer, license_)}"
    link = f"/licenses/{license_['id']}{path}/release"
    assert link not in support_person.get(path).text, "support reads only"
    assert link in issuer_person.get(path).text
    issuer.delete(f"/api/v1{path}?reason=moved")
    page = issuer_person.get(path).text
    assert "Released" in page
    assert "moved" in page
    assert link not in page


def test_what_waits_for_a_second_person_is_listed_with_why(
    support_person: Person, issuer: Api
) -> None:
    assert "Nothing waits for approval" in support_person.get("/approvals").text
    issuer.issue(issuer.new_customer("Island Ltd"), **{**AIRGAP, "max_offline_days": 120})
    issuer.issue(issuer.new_customer("Plain Ltd"))
    page = support_person.get("/approvals").text
    assert "Island Ltd" in page
    assert "more than 90 offline days" in page
    assert "Plain Ltd" not in page


def test_only_the_newest_terms_wait_and_revoked_licenses_do_not(
    support_person: Person, issuer: Api
) -> None:
    issued = issuer.issue(issuer.new_customer("Changed Ltd"), max_devices=None)
    assert "Changed Ltd" in support_person.get("/approvals").text
    issuer.patch(f"/api/v1/licenses/{issued['id']}", {"max_devices": 10, "reason": "not so many"})
    assert "Changed Ltd" not in support_person.get("/approvals").text
    other = issuer.issue(issuer.new_customer("Gone Ltd"), max_devices=None)
    issuer.post(f"/api/v1/licenses/{other['id']}/revoke", {"reason": "not paid"})
    assert "Gone Ltd" not in support_person.get("/approvals").text


def test_an_activation_that_there_is_not_is_not_found(
    server: Flask, support_person: Person
) -> None:
    missing = "0f8fad5b-d9cb-469f-a165-70867728950e"
    assert support_person.get(f"/activations/{missing}").status_code == 404
    assert support_person.get("/activations/x").status_code == 404


def test_the_keys_page_shows_what_signs_and_warns_thirty_days_before_it_ends(
    server: Flask, clock: FakeClock
) -> None:
    page = page_now(server, "/keys")
    assert "Signs" in page
    assert "There is only one root" in page
    assert "ends in" not in page
    clock.advance(71 * DAY)
    assert "The last signing certificate ends in 29 days." in page_now(server, "/keys")
    assert "The last signing certificate ends in 29 days." in page_now(server, "/")
    clock.advance(30 * DAY)
    page = page_now(server, "/keys")
    assert "No signing certificate is valid" in page
    assert "Ended" in page
