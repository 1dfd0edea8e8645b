"""Somebody sits between the server and its vendor: what he answers -> what the server makes of it.

TLS, proxies and sockets that misbehave are in tests/sentari/licensing/test_check_in*.py; here is
what a man in the middle could send who got past TLS, as an operator with his own CA does.
"""

import base64
import gzip
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from nacl.signing import SigningKey

from license_token.keys import public_jwk, thumbprint
from license_token.license_key import LicenseKey
from license_token.request import read_request, sign_request
from sentari.licensing.answer import Answer
from tests.attacks.forge import STRANGER, Forgery, certified
from tests.attacks.site import ACTIVE, DAY, OFFLINE, REVOKED, Site
from tests.attacks.vendor import Vendor

JWT = {"content-type": "application/jwt"}


def says(status: int, body: bytes, **headers: str) -> Callable[[Site], Callable[[str], Answer]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _site: lambda _document: Answer(status, JWT | named, body)


def problem(status: int, code: str) -> Callable[[Site], Callable[[str], Answer]]:
    body = json.dumps({"code": code, "detail": "x", "status": status, "title": "x"}).encode()
    return says(status, body, content_type="application/problem+json")


def forged(make: Callable[[Site, Forgery], str]) -> Callable[[Site], Callable[[str], Answer]]:
    def behind(site: Site) -> Callable[[str], Answer]:
        def meddle(document: str) -> Answer:
            genuine = Forgery(site.vendor.answer(document))
            return Answer(200, JWT, make(site, genuine).encode())

        return meddle

    return behind


def replayed(site: Site) -> Callable[[str], Answer]:
    """Answer with what the vendor answered the last time."""
    [row] = site.rows("SELECT reply FROM installed_license")
    return lambda _document: Answer(200, JWT, row["reply"].encode())


def for_another_request(site: Site) -> Callable[[str], Answer]:
    """Have the vendor answer another request of the same server, with a nonce of one's own."""

    def meddle(document: str) -> Answer:
        claims = read_request(document).claims
        other = replace(claims, jti="AAECAwQFBgcICQoLDA0ODw")
        with site.app.app_context():
            from sentari.extensions import db
            from sentari.licensing.identity import find_identity

            identity = find_identity(db.session())
            assert identity is not None
            key = identity.signing_key(site.licensing.vault)
        return site.vendor.post(sign_request(other, instance_key=key))

    return meddle


def for_another_server(site: Site) -> Callable[[str], Answer]:
    """Have the vendor answer another server of the same customer, with a license of its own."""
    sold = site.vendor.issue()

    def meddle(document: str) -> Answer:
        claims, key = read_request(document).claims, SigningKey.generate()
        other = replace(
            claims,
            instance_id="00000000-0000-4000-8000-000000000001",
            key_hash=LicenseKey.parse(sold["license_key"]).key_hash,
            public_key=bytes(key.verify_key),
            previous=None,
        )
        return site.vendor.post(sign_request(other, instance_key=key))

    return meddle


def own_vendor(site: Site) -> Callable[[str], Answer]:
    """Run a license server of one's own, with one's own keys, under the vendor's name."""
    if site.other is None:
        site.other = Vendor(site.data_dir / "own-vendor", site.clock)
    key, certificate = site.other.signing_key()

    def meddle(document: str) -> Answer:
        genuine = Forgery(site.vendor.answer(document))
        return Answer(200, JWT, genuine.signed(key, certificate=certificate).encode())

    return meddle


SAID = {
    "nothing": (lambda s: s.wire.dead, "connect"),
    "200 and no body": (says(200, b""), "not_a_reply"),
    "200 and a page": (
        says(200, b"<!doctype html><title>Sign in</title>", content_type="text/html"),
        "not_a_reply",
    ),
    "200 and a reply as a page": (
        lambda s: lambda d: Answer(200, {"content-type": "text/html"}, s.vendor.post(d).body),
        "not_a_reply",
    ),
    "200 and null": (says(200, b"null"), "not_a_reply"),
    "200 and a JSON license": (says(200, b'{"status":"active"}'), "not_a_reply"),
    "201 and a genuine reply": (
        lambda s: lambda d: Answer(201, JWT, s.vendor.post(d).body),
        "not_a_reply",
    ),
    "301 to somewhere": (says(301, b"", location="https://elsewhere.example"), "http_status"),
    "407": (says(407, b""), "proxy_auth"),
    "418": (says(418, b""), "http_status"),
    "500": (says(500, b""), "http_status"),
    "a problem: unknown key": (problem(404, "unknown_key"), "unknown_key"),
    "a problem: activation limit": (problem(409, "activation_limit"), "activation_limit"),
    "a problem: a code of one's own": (problem(400, "you_are_licensed"), "http_status"),
    "the request itself": (lambda _s: lambda d: Answer(200, JWT, d.encode()), "not_a_reply"),
    "the reply of before": (replayed, "stale"),
    "a reply to another request": (for_another_request, "wrong_nonce"),
    "a reply to another server": (for_another_server, "wrong_instance"),
    "a reply of one's own vendor": (own_vendor, "untrusted_key"),
    "better terms": (forged(lambda _s, f: f.with_claims(max_devices=99_999)), "bad_signature"),
    "an active status": (forged(lambda _s, f: f.with_claims(status="suspended")), "bad_signature"),
    "a later iat": (forged(lambda _s, f: f.with_claims(iat=4_000_000_000)), "bad_signature"),
    "another signature": (
        forged(lambda _s, f: f.with_parts(*f.parts[:2], f.parts[2][::-1][:85] + "A")),
        "bad_signature",
    ),
    "a stranger's signature": (forged(lambda _s, f: f.signed(STRANGER)), "certificate_invalid"),
    "a stranger's chain": (
        forged(lambda s, f: f.signed(STRANGER, certificate=certified(STRANGER, STRANGER, s.now))),
        "untrusted_key",
    ),
    "a key in the header": (
        forged(lambda _s, f: f.with_header(jwk=public_jwk(bytes(STRANGER.verify_key)))),
        "not_a_reply",
    ),
    "a key's name in the header": (
        forged(lambda _s, f: f.with_header(kid=thumbprint(bytes(STRANGER.verify_key)))),
        "certificate_invalid",
    ),
    "no algorithm": (forged(lambda _s, f: f.with_header(alg="none")), "not_a_reply"),
    "65 KiB": (says(200, b"A" * 65 * 1024 + b"."), "not_a_reply"),
    "gzip of 65 KiB": (
        says(200, gzip.compress(b"A" * 65 * 1024), content_encoding="gzip"),
        "not_a_reply",
    ),
    "damaged gzip": (says(200, b"\x1f\x8b\x00", content_encoding="gzip"), "not_a_reply"),
    "bytes that are no text": (says(200, base64.b64decode("//79/A==") * 9), "not_a_reply"),
}


@pytest.mark.parametrize("answer", SAID)
def test_only_a_signature_changes_the_license(site: Site, answer: str) -> None:
    behave, cause = SAID[answer]
    before = site.rows("SELECT * FROM installed_license")
    site.clock.advance(60)
    site.wire.meddle = behave(site)
    told = site.refresh()
    assert (told.status_code >= 400, told.json["code"]) == (True, cause)
    assert site.rows("SELECT * FROM installed_license") == before
    assert site.gets() == ACTIVE
    assert site.events("LICENSE_TAMPER_DETECTED") == []


@pytest.mark.parametrize("answer", ["nothing", "500", "a problem: unknown key", "better terms"])
def test_who_keeps_the_vendors_word_away_closes_the_server_after_a_day(
    site: Site, answer: str
) -> None:
    site.vendor.change(site.sold, "revoke")
    site.wire.meddle = SAID[answer][0](site)
    site.clock.advance(DAY - 600)
    site.refresh()
    assert site.gets() == ACTIVE
    site.clock.advance(600)
    assert site.gets() == OFFLINE
    site.wire.meddle = site.vendor.post
    site.refresh()
    assert site.gets() == REVOKED


def test_a_held_back_answer_is_worth_its_own_time_and_no_more(site: Site) -> None:
    held: list[Answer] = []

    def hold(document: str) -> Answer:
        held.append(site.vendor.post(document))
        return site.wire.dead(document)

    site.wire.meddle = hold
    site.refresh()
    site.hours(21)
    site.wire.meddle = lambda _document: held[0]
    assert site.refresh().status_code == 200
    assert site.gets() == ACTIVE
    site.wire.meddle = site.wire.dead
    site.hours(3)
    assert site.gets() == OFFLINE, "the day began when the vendor signed"


def test_what_is_sent_names_nobody(site: Site) -> None:
    """What a man in the middle reads: numbers and hashes, no name of a host, person or package."""
    site.refresh()
    sent = Forgery(site.wire.sent[-1])
    assert set(sent.claims) == {
        "iss", "aud", "iat", "jti", "key_hash", "jwk", "previous", "server_version", "usage",
        "audit", "findings",
    }  # fmt: skip
    text = json.dumps(sent.claims)
    for secret in ("web-01", "pip", "example.com", site.sold["license_key"]):
        assert secret not in text
