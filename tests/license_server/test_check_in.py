"""The check-in call: what a server gets, what it is refused, and what staff see of it."""

from typing import Any

import pytest
from flask import Flask
from nacl.signing import SigningKey as PrivateKey

from license_token.keys import RootSet, thumbprint
from license_token.license_key import LicenseKey
from tests.clocks import FakeClock
from tests.license_server.cast import TERMS, Api, CustomerServer, refusal


@pytest.fixture
def server(each_server: Flask) -> Flask:
    """Everything here is asked on each database in turn."""
    return each_server


def test_a_reply_carries_the_terms_and_is_bound_to_the_request(
    sentari: CustomerServer, license_: dict[str, Any], clock: FakeClock
) -> None:
    claims = sentari.claims()
    reply = sentari.check_in(jti=claims.jti).claims
    assert (reply.issuer, reply.license_id) == ("https://license.sentari.dev", license_["id"])
    assert (reply.audience, reply.nonce, reply.seq) == (sentari.instance_id, claims.jti, 1)
    assert reply.confirmation == thumbprint(bytes(sentari.instance_key.verify_key))
    assert reply.audit == claims.audit
    assert reply.issued_at == int(clock.now().timestamp())
    assert reply.key_hint == LicenseKey.parse(sentari.license_key).hint
    terms = reply.terms.to_claims()
    assert {name: terms[name] for name in TERMS} == TERMS
    assert terms["status"] == "active"
    assert terms["max_offline_days"] == 1
    assert (terms["customer_name"], terms["customer_email"]) == ("Example Ltd", "it@example.com")


def test_an_answer_is_not_to_be_kept_by_anything_between(sentari: CustomerServer) -> None:
    answer = sentari.send(sentari.request())
    assert answer.content_type == "application/jwt"
    assert answer.headers["Cache-Control"] == "no-store"


def test_seq_rises_by_one_with_every_reply(sentari: CustomerServer, clock: FakeClock) -> None:
    for seq in (1, 2, 3):
        assert sentari.check_in().claims.seq == seq
        clock.advance(3600)


def test_the_same_request_gets_the_same_bytes_and_costs_no_seq(
    sentari: CustomerServer, clock: FakeClock
) -> None:
    request = sentari.request()
    first = sentari.send(request)
    clock.advance(86_400)
    again = sentari.send(request)
    assert first.data == again.data
    assert sentari.check_in().claims.seq == 2
    # Even later, when newer requests were answered since.
    assert sentari.send(request).data == first.data
    assert sentari.check_in().claims.seq == 3


def test_the_same_request_gets_the_same_bytes_after_terms_and_status_changed(
    sentari: CustomerServer, issuer: Api, license_: dict[str, Any]
) -> None:
    request = sentari.request()
    first = sentari.send(request)
    path = f"/api/v1/licenses/{license_['id']}"
    issuer.patch(path, {"max_devices": 5, "reason": "downgrade"})
    issuer.post(f"{path}/suspend", {"reason": "unpaid"})
    assert sentari.send(request).data == first.data
    assert sentari.check_in().claims.terms.max_devices == 5


def test_staff_see_who_checked_in_with_what(
    sentari: CustomerServer, issuer: Api, license_: dict[str, Any], clock: FakeClock
) -> None:
    sentari.check_in()
    clock.advance(60)
    sentari.check_in(devices=4, packages=500, server_version="0.2.0")
    [seen] = issuer.activations(license_)
    assert seen["instance_id"] == sentari.instance_id
    assert seen["usage"] == {"devices": 4, "packages": 500}
    assert seen["server_version"] == "0.2.0"
    assert seen["audit"] == {"seq": 7, "head": "ab" * 32}
    assert (seen["first_check_in_at"], seen["last_check_in_at"]) == (
        "2026-11-23T12:00:00Z",
        "2026-11-23T12:01:00Z",
    )
    assert (seen["seq"], seen["flags"], seen["released_at"]) == (2, [], None)


@pytest.mark.parametrize(("action", "status"), [("suspend", "suspended"), ("revoke", "revoked")])
def test_a_suspended_or_revoked_license_is_answered_with_a_signed_reply_that_says_so(
    sentari: CustomerServer, issuer: Api, license_: dict[str, Any], action: str, status: str
) -> None:
    sentari.check_in()
    issuer.post(f"/api/v1/licenses/{license_['id']}/{action}", {"reason": "unpaid since May"})
    assert sentari.check_in().claims.terms.status == status


def test_a_reinstated_license_is_active_again(
    sentari: CustomerServer, issuer: Api, license_: dict[str, Any]
) -> None:
    for action in ("suspend", "reinstate"):
        issuer.post(f"/api/v1/licenses/{license_['id']}/{action}", {"reason": "paid"})
    assert sentari.check_in().claims.terms.status == "active"


def test_renewed_terms_come_with_the_next_check_in(
    sentari: CustomerServer, issuer: Api, license_: dict[str, Any]
) -> None:
    sentari.check_in()
    changes = {"expires_at": "2027-12-20", "max_devices": 250, "reason": "renewal C-18"}
    assert issuer.patch(f"/api/v1/licenses/{license_['id']}", changes).status_code == 200
    terms = sentari.check_in().claims.terms
    assert (terms.expires_at.isoformat(), terms.max_devices) == ("2027-12-20", 250)


def test_a_replaced_key_is_unknown_and_the_new_one_goes_on_where_it_was(
    sentari: CustomerServer, issuer: Api, license_: dict[str, Any]
) -> None:
    sentari.check_in()
    answered_before = sentari.request()
    assert sentari.send(answered_before).status_code == 200
    rekeyed = issuer.post(f"/api/v1/licenses/{license_['id']}/rekey", {"reason": "key was leaked"})
    assert refusal(sentari.send(sentari.request())) == (404, "unknown_key")
    assert refusal(sentari.send(answered_before)) == (404, "unknown_key")
    sentari.license_key = rekeyed.json["license_key"]
    reply = sentari.check_in().claims
    assert (reply.seq, reply.license_id) == (3, license_["id"])
    assert reply.key_hint == LicenseKey.parse(sentari.license_key).hint


def test_a_guessed_key_is_unknown(sentari: CustomerServer) -> None:
    guess = LicenseKey.generate()
    assert refusal(sentari.send(sentari.request(key_hash=guess.key_hash))) == (404, "unknown_key")


def test_a_second_server_is_refused_until_the_first_is_released(
    sentari: CustomerServer, issuer: Api, license_: dict[str, Any], clock: FakeClock, roots: RootSet
) -> None:
    sentari.check_in()
    second = CustomerServer(issuer.client, sentari.license_key, clock, roots)
    assert refusal(second.send(second.request())) == (409, "activation_limit")
    [first] = issuer.activations(license_)
    assert issuer.delete(f"/api/v1/activations/{first['id']}?reason=moved").status_code == 204
    assert second.check_in().claims.seq == 1
    assert refusal(sentari.send(sentari.request())) == (409, "activation_limit")


def test_as_many_servers_as_the_license_says_may_run_on_it(
    sentari: CustomerServer, issuer: Api, license_: dict[str, Any], clock: FakeClock, roots: RootSet
) -> None:
    issuer.patch(f"/api/v1/licenses/{license_['id']}", {"max_activations": 2, "reason": "upgrade"})
    sentari.check_in()
    CustomerServer(issuer.client, sentari.license_key, clock, roots).check_in()
    third = CustomerServer(issuer.client, sentari.license_key, clock, roots)
    assert refusal(third.send(third.request())) == (409, "activation_limit")
    assert len(issuer.activations(license_)) == 2


def test_a_released_server_that_comes_back_goes_on_counting(
    sentari: CustomerServer, issuer: Api, license_: dict[str, Any]
) -> None:
    sentari.check_in()
    sentari.check_in()
    [first] = issuer.activations(license_)
    issuer.delete(f"/api/v1/activations/{first['id']}")
    assert sentari.check_in().claims.seq == 3
    [again] = issuer.activations(license_)
    assert (again["id"], again["released_at"]) == (first["id"], None)


def test_a_lost_instance_key_is_replaced_by_releasing_the_activation(
    sentari: CustomerServer, issuer: Api, license_: dict[str, Any]
) -> None:
    sentari.check_in()
    sentari.instance_key, sentari.previous = PrivateKey.generate(), None
    assert refusal(sentari.send(sentari.request())) == (401, "bad_signature")
    [first] = issuer.activations(license_)
    issuer.delete(f"/api/v1/activations/{first['id']}")
    reply = sentari.check_in().claims
    assert reply.confirmation == thumbprint(bytes(sentari.instance_key.verify_key))
    assert reply.seq == 2


def test_a_license_that_waits_for_approval_activates_nothing(
    issuer: Api, approver: Api, clock: FakeClock, roots: RootSet
) -> None:
    issued = issuer.issue(max_packages=None)
    sentari = CustomerServer(issuer.client, issued["license_key"], clock, roots)
    assert refusal(sentari.send(sentari.request())) == (409, "approval_pending")
    assert issuer.activations(issued) == []
    assert approver.post(f"/api/v1/licenses/{issued['id']}/approve").status_code == 200
    assert sentari.check_in().claims.terms.max_packages is None


def test_terms_that_wait_for_approval_are_not_signed_and_the_approved_ones_stay_in_force(
    sentari: CustomerServer, issuer: Api, license_: dict[str, Any], approver: Api
) -> None:
    sentari.check_in()
    path = f"/api/v1/licenses/{license_['id']}"
    issuer.patch(path, {"max_devices": None, "reason": "upgrade"})
    assert sentari.check_in().claims.terms.max_devices == 100
    approver.post(f"{path}/approve")
    assert sentari.check_in().claims.terms.max_devices is None
