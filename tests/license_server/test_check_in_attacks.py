"""What an attacker would send to the check-in, and what does not even look like a request."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from nacl.signing import SigningKey as PrivateKey

from license_server.extensions import db
from license_token.armor import armor_request
from tests.clocks import FakeClock
from tests.license_server.cast import Api, CustomerServer, refusal


def test_a_request_replayed_under_another_instance_key_is_refused(
    sentari: CustomerServer, issuer: Api, license_: dict[str, Any]
) -> None:
    claims = sentari.claims()
    sentari.check_in(jti=claims.jti)
    thief = sentari.clone()
    thief.instance_key = PrivateKey.generate()
    assert refusal(thief.send(thief.request(jti=claims.jti))) == (401, "bad_signature")
    assert refusal(thief.send(thief.request())) == (401, "bad_signature")
    # Not even after the activation was released.
    [first] = issuer.activations(license_)
    issuer.delete(f"/api/v1/activations/{first['id']}")
    assert refusal(thief.send(thief.request(jti=claims.jti))) == (401, "bad_signature")


def test_a_request_with_somebody_elses_public_key_is_refused(sentari: CustomerServer) -> None:
    honest = sentari.request().split(".")
    forged = sentari.request().split(".")
    assert refusal(sentari.send(".".join([*honest[:2], forged[2]]))) == (401, "bad_signature")


def test_a_request_for_another_license_server_is_refused(sentari: CustomerServer) -> None:
    request = sentari.request(audience="https://license.example.com")
    assert refusal(sentari.send(request)) == (400, "malformed")


def test_the_eleventh_new_request_within_a_minute_has_to_wait_and_repetitions_do_not(
    sentari: CustomerServer, clock: FakeClock
) -> None:
    request = sentari.request()
    for _ in range(12):
        assert sentari.send(request).status_code == 200
    sentari.previous = None
    for _ in range(9):
        clock.advance(1)
        sentari.check_in()
    answer = sentari.send(sentari.request())
    assert refusal(answer) == (429, "rate_limited")
    assert answer.headers["Retry-After"] == "51"
    clock.advance(50)
    assert sentari.send(sentari.request()).status_code == 429
    clock.advance(1)
    assert sentari.check_in().claims.seq == 11


def test_the_hundred_and_first_request_of_an_address_within_a_minute_has_to_wait(
    sentari: CustomerServer, clock: FakeClock
) -> None:
    for _ in range(100):
        assert sentari.send("nonsense").status_code == 400
    answer = sentari.send("nonsense")
    assert refusal(answer) == (429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    clock.advance(61)
    sentari.check_in()


# What does not even look like a request.


def test_a_request_file_is_read_as_well(sentari: CustomerServer) -> None:
    assert sentari.send(armor_request(sentari.request())).status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"a.b.c", b"\xff\xfe", "caf\u00e9".encode(), b"." * 100, b"a" * 16_384],
)
def test_what_is_no_request_is_malformed(sentari: CustomerServer, body: bytes) -> None:
    answer = sentari.client.post("/api/v1/check-in", data=body, content_type="application/jwt")
    assert refusal(answer) == (400, "malformed")


def test_a_body_over_the_limit_is_not_read(sentari: CustomerServer) -> None:
    assert refusal(sentari.send("a" * 16_385)) == (413, "malformed")
    assert refusal(sentari.send("a" * 5_000_000)) == (413, "malformed")


def test_a_body_that_inflates_over_the_limit_is_stopped(sentari: CustomerServer) -> None:
    answer = sentari.client.post(
        "/api/v1/check-in",
        data=gzip.compress(b"a" * 50_000_000),
        content_type="application/jwt",
        headers={"Content-Encoding": "gzip"},
    )
    assert refusal(answer)[0] == 413


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", None])
def test_another_content_type_is_malformed(
    sentari: CustomerServer, content_type: str | None
) -> None:
    answer = sentari.client.post(
        "/api/v1/check-in", data=sentari.request(), content_type=content_type
    )
    assert refusal(answer) == (400, "malformed")


def test_a_reply_is_no_request(sentari: CustomerServer) -> None:
    reply = sentari.check_in()
    assert refusal(sentari.send(reply.text)) == (400, "malformed")


def test_without_a_signing_certificate_the_server_is_unavailable(
    sentari: CustomerServer, clock: FakeClock
) -> None:
    clock.advance(100 * 86_400 - 1)
    sentari.check_in()
    clock.advance(10)
    answer = sentari.send(sentari.request())
    assert refusal(answer) == (503, "unavailable")
    assert answer.headers["Retry-After"]


def test_another_method_is_refused(sentari: CustomerServer) -> None:
    assert sentari.client.get("/api/v1/check-in").status_code == 405


def test_a_database_that_does_not_answer_is_unavailable(
    sentari: CustomerServer, server: Flask
) -> None:
    request = sentari.request()
    with server.app_context():
        path = Path(db.engine.url.database or "")
        db.engine.dispose()
    path.write_bytes(b"")
    assert refusal(sentari.send(request)) == (503, "unavailable")
