"""Check-ins at once: real threads, real connections, both databases."""

import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from nacl.signing import SigningKey as PrivateKey
from werkzeug.test import TestResponse

from license_server.extensions import db
from license_token.keys import RootSet
from license_token.license_key import LicenseKey
from license_token.reply import read_reply
from tests.clocks import FakeClock
from tests.license_server.cast import Api, CustomerServer, refusal


@pytest.fixture
def server(each_server: Flask) -> Flask:
    """Everything here is asked on each database in turn."""
    return each_server


def at_once(server: Flask, requests: list[str]) -> list[TestResponse]:
    """Send all requests from sixteen threads, each with a client of its own."""

    def send(request: str) -> TestResponse:
        client = server.test_client()
        return client.post("/api/v1/check-in", data=request, content_type="application/jwt")

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(send, requests))


def test_fifty_identical_requests_at_once_get_one_seq_and_the_same_bytes(
    server: Flask, sentari: CustomerServer, issuer: Api, license_: dict[str, Any]
) -> None:
    answers = at_once(server, [sentari.request()] * 50)
    assert Counter(answer.status_code for answer in answers) == {200: 50}
    assert len({answer.data for answer in answers}) == 1
    assert read_reply(answers[0].text, sentari.roots).claims.seq == 1
    [activation] = issuer.activations(license_)
    assert (activation["seq"], activation["flags"]) == (1, [])


def test_different_requests_of_a_server_at_once_get_different_seqs(
    server: Flask, sentari: CustomerServer
) -> None:
    sentari.check_in()
    answers = at_once(server, [sentari.request() for _ in range(9)])
    seqs = sorted(read_reply(answer.text, sentari.roots).claims.seq for answer in answers)
    assert seqs == list(range(2, 11))


def test_of_servers_that_race_for_the_last_activation_one_wins(
    server: Flask,
    issuer: Api,
    license_: dict[str, Any],
    clock: FakeClock,
    roots: RootSet,
) -> None:
    for _ in range(5):
        rivals = [
            CustomerServer(issuer.client, license_["license_key"], clock, roots) for _ in range(8)
        ]
        answers = at_once(server, [rival.request() for rival in rivals])
        assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 7}
        winner = next(a for a in issuer.activations(license_) if a["released_at"] is None)
        assert issuer.delete(f"/api/v1/activations/{winner['id']}").status_code == 204


def test_a_rekey_among_check_ins_is_a_clean_cut(
    server: Flask, issuer: Api, license_: dict[str, Any], sentari: CustomerServer
) -> None:
    sentari.check_in()
    path = f"/api/v1/licenses/{license_['id']}/rekey"
    with ThreadPoolExecutor(1) as staff:
        rekeyed = staff.submit(Api.post, issuer, path, {"reason": "in the middle of it"})
        answers = at_once(server, [sentari.request() for _ in range(9)])
    sentari.license_key = rekeyed.result().json["license_key"]
    assert {answer.status_code for answer in answers} <= {200, 404}
    answered = sum(answer.status_code == 200 for answer in answers)
    assert issuer.activations(license_)[0]["seq"] == 1 + answered


@pytest.mark.parametrize(
    ("kind", "status"), [("malformed", 400), ("unknown", 404), ("stolen", 401)]
)
def test_of_refused_requests_at_once_exactly_a_hundred_are_looked_at(
    server: Flask, sentari: CustomerServer, kind: str, status: int
) -> None:
    sentari.check_in()
    thief = sentari.clone()
    thief.instance_key = PrivateKey.generate()
    bodies = {
        "malformed": "nonsense",
        "unknown": sentari.request(key_hash=LicenseKey.generate().key_hash),
        "stolen": thief.request(),
    }
    answers = at_once(server, [bodies[kind]] * 120)
    assert Counter(answer.status_code for answer in answers) == {status: 99, 429: 21}
    assert refusal(sentari.send(sentari.request())) == (429, "rate_limited")


def test_a_refused_request_leaves_nothing_but_its_count(
    server: Flask, sentari: CustomerServer, license_: dict[str, Any]
) -> None:
    sentari.check_in()
    thief = sentari.clone()
    thief.instance_key = PrivateKey.generate()
    second = replace(sentari, instance_id=str(uuid.uuid4()))
    before = contents(server)
    assert thief.send(thief.request(findings=("tampered",))).status_code == 401
    assert second.send(second.request(previous="A" * 22)).status_code == 409
    assert sentari.send(sentari.request(key_hash="0" * 64)).status_code == 404
    assert contents(server) == before


def contents(server: Flask) -> dict[str, list[Any]]:
    """Every row of every table but the counters'."""
    with server.app_context():
        session = db.session()
        tables = [table for table in db.metadata.sorted_tables if table.name != "rate_limit"]
        return {
            table.name: [tuple(row) for row in session.execute(table.select())] for table in tables
        }
