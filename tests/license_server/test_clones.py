"""Copied servers are noticed and nobody is cut off; lost answers and moves are no copies."""

from typing import Any

from license_token.keys import RootSet
from license_token.reply import read_reply
from tests.clocks import FakeClock
from tests.license_server.cast import AIRGAP, Api, CustomerServer, refusal


def test_a_copied_server_is_flagged_and_nobody_is_cut_off(
    sentari: CustomerServer, issuer: Api, license_: dict[str, Any], clock: FakeClock
) -> None:
    sentari.check_in()
    copy = sentari.clone()
    for _ in range(2):
        clock.advance(3600)
        sentari.check_in()
    assert issuer.activations(license_)[0]["flags"] == []
    assert copy.check_in().claims.terms.status == "active"
    assert issuer.activations(license_)[0]["flags"] == ["clone_suspected"]
    assert sentari.check_in().claims.seq == 5


def test_a_forged_previous_is_flagged(
    sentari: CustomerServer, issuer: Api, license_: dict[str, Any]
) -> None:
    sentari.check_in()
    sentari.check_in(previous="A" * 22)
    assert issuer.activations(license_)[0]["flags"] == ["clone_suspected"]


def test_a_forged_previous_at_first_contact_is_flagged(
    sentari: CustomerServer, issuer: Api, license_: dict[str, Any]
) -> None:
    sentari.check_in(previous="A" * 22)
    assert issuer.activations(license_)[0]["flags"] == ["clone_suspected"]


def test_a_lost_answer_is_no_clone(
    sentari: CustomerServer, issuer: Api, license_: dict[str, Any]
) -> None:
    sentari.check_in()
    lost = sentari.request()
    sentari.send(lost)
    assert read_reply(sentari.send(lost).text, sentari.roots).claims.seq == 2
    # A server that gave the request up sends a new one; it still holds the reply before.
    sentari.check_in()
    assert issuer.activations(license_)[0]["flags"] == []


def test_a_server_that_moves_between_licenses_is_no_clone(
    sentari: CustomerServer, issuer: Api, license_: dict[str, Any]
) -> None:
    sentari.check_in()
    first_key, renewal = sentari.license_key, issuer.issue()
    sentari.license_key = renewal["license_key"]
    sentari.check_in()
    assert issuer.activations(renewal)[0]["flags"] == []
    sentari.license_key = first_key
    sentari.check_in()
    assert issuer.activations(license_)[0]["flags"] == []


def test_a_server_that_was_started_with_a_presigned_reply_is_no_clone(
    issuer: Api, approver: Api, clock: FakeClock, roots: RootSet
) -> None:
    issued = issuer.issue(**AIRGAP)
    answer = approver.post(f"/api/v1/licenses/{issued['id']}/presigned")
    presigned = read_reply(answer.json["reply"], roots)
    sentari = CustomerServer(issuer.client, issued["license_key"], clock, roots)
    sentari.check_in(previous=presigned.claims.jti)
    sentari.check_in(previous=presigned.claims.jti)
    assert issuer.activations(issued)[0]["flags"] == []


def test_somebody_elses_presigned_reply_makes_a_clone(
    sentari: CustomerServer,
    issuer: Api,
    license_: dict[str, Any],
    approver: Api,
    roots: RootSet,
) -> None:
    other = issuer.issue(issuer.new_customer("Other Ltd"), **AIRGAP)
    answer = approver.post(f"/api/v1/licenses/{other['id']}/presigned")
    sentari.check_in()
    sentari.check_in(previous=read_reply(answer.json["reply"], roots).claims.jti)
    assert issuer.activations(license_)[0]["flags"] == ["clone_suspected"]


def test_findings_of_a_server_are_listed_once_each(
    sentari: CustomerServer, issuer: Api, license_: dict[str, Any]
) -> None:
    sentari.check_in(findings=("tampered",))
    sentari.check_in(findings=("tampered", "clock_skew"))
    sentari.check_in()
    assert issuer.activations(license_)[0]["flags"] == ["clock_skew", "tampered"]


def test_staff_see_both_histories_of_a_clone(
    sentari: CustomerServer, issuer: Api, license_: dict[str, Any]
) -> None:
    sentari.check_in()
    copy = sentari.clone()
    for _ in range(2):
        sentari.check_in(server_version="0.1.0")
    copy.check_in(server_version="0.2.0", devices=9)
    [activation] = issuer.activations(license_)
    seen = issuer.get(f"/api/v1/activations/{activation['id']}").json
    assert [(c["seq"], c["server_version"], c["flags"]) for c in seen["check_ins"]] == [
        (4, "0.2.0", ["clone_suspected"]),
        (3, "0.1.0", []),
        (2, "0.1.0", []),
        (1, "0.1.0", []),
    ]
    assert seen["check_ins"][0]["previous"] == seen["check_ins"][3]["jti"]
    assert seen["check_ins"][0]["usage"] == {"devices": 9, "packages": 459}


def test_a_resolved_flag_stays_on_record_and_opens_again_when_it_happens_again(
    sentari: CustomerServer, issuer: Api, license_: dict[str, Any]
) -> None:
    sentari.check_in(findings=("tampered",))
    sentari.check_in(findings=("tampered", "clock_skew"))
    [activation] = issuer.activations(license_)
    path = f"/api/v1/activations/{activation['id']}"
    resolved = issuer.post(f"{path}/resolve-flags", {"reason": "a restored backup"}).json
    assert resolved["flags"] == []
    kinds = {(f["kind"], f["times"], f["resolution"]) for f in resolved["flag_history"]}
    assert kinds == {("tampered", 2, "a restored backup"), ("clock_skew", 1, "a restored backup")}
    again = issuer.post(f"{path}/resolve-flags", {"reason": "x"})
    assert refusal(again) == (409, "nothing_to_resolve")
    assert refusal(issuer.post(f"{path}/resolve-flags", {"reason": ""})) == (422, "invalid")
    sentari.check_in(findings=("tampered",))
    assert issuer.get(path).json["flags"] == ["tampered"]
