"""What staff do to licenses through the machine interface, and who may."""

from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from license_server.audit import AuditEvent, audit_log
from license_server.extensions import db
from license_token.keys import RootSet
from license_token.reply import read_reply
from tests.clocks import FakeClock
from tests.license_server.cast import AIRGAP, Api, refusal
from tests.license_server.conftest import staff_token

NOBODY = "0f8fad5b-d9cb-469f-a165-70867728950e"
REASON = {"reason": "as agreed with the customer"}


def path_of(license_: dict[str, Any], action: str = "") -> str:
    return f"/api/v1/licenses/{license_['id']}{action}"


def mails(tmp_path: Path) -> int:
    return len(list((tmp_path / "mail").glob("*.eml")))


def test_every_change_of_terms_is_a_new_version_with_who_when_and_why(
    issuer: Api, license_: dict[str, Any], clock: FakeClock
) -> None:
    clock.advance(86_400)
    answer = issuer.patch(path_of(license_), {"max_devices": 5, **REASON})
    assert answer.status_code == 200
    newest, first = answer.json["versions"]
    assert (newest["version"], newest["max_devices"]) == (2, 5)
    assert newest["reason"] == REASON["reason"]
    assert newest["created_by"] == "staff:issuer@vendor.example"
    assert newest["created_at"] == "2026-11-24T12:00:00Z"
    assert (first["version"], first["max_devices"], first["reason"]) == (1, 100, "issued")
    assert newest["max_packages"] == first["max_packages"] == 100_000


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"max_devices": 5}, "/reason"),
        ({"max_devices": 5, "reason": " "}, "/reason"),
        ({"max_devices": -5, **REASON}, "/max_devices"),
        ({"tier": None, **REASON}, "/tier"),
        ({"expires_at": None, **REASON}, "/expires_at"),
        ({"max_offline_days": 30, **REASON}, "/airgap"),
        ({"key_hash": "x", **REASON}, "/key_hash"),
        (REASON, ""),
        ({"max_devices": 100, **REASON}, ""),
    ],
)
def test_a_wrong_change_is_refused_with_a_pointer(
    issuer: Api, license_: dict[str, Any], body: dict[str, object], pointer: str
) -> None:
    answer = issuer.patch(path_of(license_), body)
    assert refusal(answer) == (422, "invalid")
    assert answer.json["errors"][0]["pointer"] == pointer
    assert len(issuer.get(path_of(license_)).json["versions"]) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"max_devices": None},
        {"max_packages": None},
        {"expires_at": "2027-12-29"},
        {**AIRGAP, "max_offline_days": 91},
    ],
)
def test_far_reaching_terms_wait_for_a_second_person(
    issuer: Api, approver: Api, changes: dict[str, object]
) -> None:
    issued = issuer.issue(**changes)
    assert issued["approval"] == "pending"
    assert issuer.get(path_of(issued)).json["granted_version"] is None
    approved = approver.post(path_of(issued, "/approve"))
    assert approved.status_code == 200
    assert (approved.json["approval"], approved.json["granted_version"]) == ("approved", 1)
    assert approved.json["versions"][0]["approved_by"] == "staff:approver@vendor.example"


@pytest.mark.parametrize(
    "changes", [{}, {"expires_at": "2027-12-28"}, {**AIRGAP, "max_offline_days": 90}]
)
def test_terms_just_within_the_limits_wait_for_nobody(
    issuer: Api, changes: dict[str, object]
) -> None:
    assert issuer.issue(**changes)["approval"] == "not_required"


def test_an_approver_cannot_approve_what_they_wrote(server: Flask, approver: Api) -> None:
    issued = approver.issue(max_devices=None)
    assert refusal(approver.post(path_of(issued, "/approve"))) == (403, "second_person_required")
    other = Api(approver.client, staff_token(server, "carol@vendor.example", "approver"))
    assert other.post(path_of(issued, "/approve")).status_code == 200


def test_there_is_nothing_to_approve_twice_or_without_need(issuer: Api, approver: Api) -> None:
    plain, waiting = issuer.issue(), issuer.issue(max_devices=None)
    assert refusal(approver.post(path_of(plain, "/approve"))) == (409, "nothing_to_approve")
    assert approver.post(path_of(waiting, "/approve")).status_code == 200
    assert refusal(approver.post(path_of(waiting, "/approve"))) == (409, "nothing_to_approve")


def test_an_approval_is_for_one_version_only(issuer: Api, approver: Api) -> None:
    issued = issuer.issue(max_devices=None)
    approver.post(path_of(issued, "/approve"))
    changed = issuer.patch(path_of(issued), {"max_packages": None, **REASON}).json
    assert (changed["approval"], changed["granted_version"]) == ("pending", 1)


def test_the_mail_of_a_license_that_waits_goes_out_with_the_approval(
    issuer: Api, approver: Api, tmp_path: Path
) -> None:
    issued = issuer.issue(max_devices=None)
    assert mails(tmp_path) == 0
    approver.post(path_of(issued, "/approve"))
    assert mails(tmp_path) == 1


def test_the_mail_goes_out_as_well_when_the_terms_no_longer_need_approval(
    issuer: Api, tmp_path: Path
) -> None:
    issued = issuer.issue(max_devices=None)
    issuer.patch(path_of(issued), {"max_devices": 10, **REASON})
    assert mails(tmp_path) == 1


def test_status_changes_follow_the_rules(issuer: Api, license_: dict[str, Any]) -> None:
    steps = [
        ("/reinstate", 409, "is_active"),
        ("/suspend", 200, "suspended"),
        ("/suspend", 409, "is_suspended"),
        ("/reinstate", 200, "active"),
        ("/suspend", 200, "suspended"),
        ("/revoke", 200, "revoked"),
        ("/reinstate", 409, "is_revoked"),
        ("/suspend", 409, "is_revoked"),
        ("/rekey", 409, "is_revoked"),
    ]
    for action, status, expected in steps:
        answer = issuer.post(path_of(license_, action), REASON)
        assert answer.status_code == status, action
        assert answer.json["code" if status == 409 else "status"] == expected
    assert refusal(issuer.patch(path_of(license_), {"max_devices": 1, **REASON}))[0] == 409


@pytest.mark.parametrize("action", ["/suspend", "/reinstate", "/revoke", "/rekey"])
def test_an_action_without_a_reason_is_refused(
    issuer: Api, license_: dict[str, Any], action: str
) -> None:
    assert refusal(issuer.post(path_of(license_, action), {})) == (422, "invalid")
    assert refusal(issuer.post(path_of(license_, action), {"reason": ""})) == (422, "invalid")
    assert issuer.get(path_of(license_)).json["status"] == "active"


def test_rekeying_shows_and_mails_the_new_key_once(
    issuer: Api, license_: dict[str, Any], tmp_path: Path
) -> None:
    answer = issuer.post(path_of(license_, "/rekey"), REASON)
    assert answer.status_code == 200
    assert answer.json["license_key"] != license_["license_key"]
    assert answer.json["key_hint"] == answer.json["license_key"][-5:]
    assert mails(tmp_path) == 2
    assert answer.json["license_key"] not in issuer.get(path_of(license_)).text


def test_a_presigned_reply_is_for_any_server_and_carries_the_approved_terms(
    issuer: Api, approver: Api, roots: RootSet
) -> None:
    issued = issuer.issue(**AIRGAP)
    issuer.patch(path_of(issued), {"max_devices": None, **REASON})
    answer = approver.post(path_of(issued, "/presigned"))
    assert answer.status_code == 201
    claims = read_reply(answer.json["reply"], roots).claims
    assert claims.presigned
    assert (claims.license_id, claims.seq, claims.audience) == (issued["id"], 0, "*")
    assert (claims.terms.max_devices, claims.terms.max_offline_days) == (100, 90)


def test_a_presigned_reply_needs_the_airgap_tier_an_approval_and_an_active_license(
    issuer: Api, approver: Api
) -> None:
    plain, waiting = issuer.issue(), issuer.issue(**{**AIRGAP, "max_offline_days": 365})
    suspended = issuer.issue(**AIRGAP)
    issuer.post(path_of(suspended, "/suspend"), REASON)
    for license_, code in (
        (plain, "not_airgap"),
        (waiting, "approval_pending"),
        (suspended, "is_suspended"),
    ):
        assert refusal(approver.post(path_of(license_, "/presigned"))) == (409, code)


@pytest.mark.parametrize("id_", [NOBODY, "x", "%00", NOBODY.replace("d", "D")])
def test_what_does_not_exist_is_not_found(issuer: Api, approver: Api, id_: str) -> None:
    path = f"/api/v1/licenses/{id_}"
    assert refusal(issuer.get(path)) == (404, "not_found")
    assert refusal(issuer.post(f"{path}/suspend", REASON)) == (404, "not_found")
    assert refusal(approver.post(f"{path}/approve")) == (404, "not_found")
    assert refusal(issuer.delete(f"/api/v1/activations/{id_}")) == (404, "not_found")
    assert refusal(issuer.get(f"/api/v1/customers/{id_}")) == (404, "not_found")


def test_a_released_activation_cannot_be_released_again(
    issuer: Api, license_: dict[str, Any], sentari: Any
) -> None:
    sentari.check_in()
    [activation] = issuer.activations(license_)
    path = f"/api/v1/activations/{activation['id']}"
    assert issuer.delete(path).status_code == 204
    assert refusal(issuer.delete(path)) == (409, "is_released")


def test_everything_that_was_done_stands_in_an_intact_audit_log(
    server: Flask, issuer: Api, approver: Api, sentari: Any, license_: dict[str, Any]
) -> None:
    sentari.check_in()
    issuer.post(path_of(license_, "/suspend"), REASON)
    with server.app_context():
        session = db.session()
        assert audit_log.verify(session).intact
        events = session.query(AuditEvent).order_by(AuditEvent.seq).all()
        actions = [event.action for event in events]
        assert actions[-4:] == [
            "CUSTOMER_CREATED",
            "LICENSE_ISSUED",
            "ACTIVATION_BOUND",
            "LICENSE_SUSPENDED",
        ]
        assert license_["license_key"] not in "".join(event.detail for event in events)
        assert events[-1].actor == "staff:issuer@vendor.example"
        assert events[-1].details() == REASON
