import re
from dataclasses import replace
from typing import Any

import pytest

from license_token.armor import armor_license, armor_request
from license_token.errors import BadSignatureError, MalformedError
from license_token.reply import AuditAnchor
from license_token.request import (
    FINDINGS,
    NONCE_LIFETIME_DAYS,
    RequestClaims,
    read_request,
    sign_request,
)
from tests.license_token.cast import (
    HEAD,
    INSTANCE,
    INSTANCE_ID,
    JTI,
    LICENSE_TYP,
    MISSING,
    NONCE,
    NOW,
    REQUEST,
    REQUEST_TYP,
    STRANGER,
    b64,
    document,
    jwk,
    public,
    request,
)
from tests.license_token.claims import (
    BAD_INTEGERS,
    BAD_NONCES,
    BAD_SHA256,
    BAD_TEXTS,
    BAD_TIMES,
    BAD_UUIDS,
    NOT_TEXTS,
    SMALL_ORDER_POINTS,
    label,
    refusals,
)

CLAIMS = RequestClaims(
    instance_id=INSTANCE_ID,
    audience="https://license.sentari.dev",
    issued_at=NOW,
    jti=NONCE,
    key_hash="ab" * 32,
    public_key=public(INSTANCE),
    previous=JTI,
    server_version="1.2.3",
    devices=5,
    packages=1200,
    audit=AuditAnchor(42, HEAD),
    findings=("tampered", "clock_skew"),
)


def test_a_request_is_read() -> None:
    read = read_request(request())
    assert read.claims == CLAIMS
    assert read.text == request()


def test_what_is_signed_is_read() -> None:
    text = sign_request(CLAIMS, instance_key=INSTANCE)
    assert read_request(text).claims == CLAIMS
    assert read_request(text).text == text


def test_a_request_file_is_read_as_its_text() -> None:
    text = request()
    assert read_request(armor_request(text).replace("\n", "\r\n")) == read_request(text)


def test_a_first_request_has_no_previous_reply_and_no_findings() -> None:
    claims = read_request(request(previous=None, findings=[])).claims
    assert claims.previous is None
    assert claims.findings == ()
    assert read_request(sign_request(claims, instance_key=INSTANCE)).claims == claims


def test_every_finding_can_be_reported() -> None:
    assert FINDINGS == ("tampered", "clock_rollback", "clock_skew", "audit_broken")
    assert read_request(request(findings=list(FINDINGS))).claims.findings == FINDINGS


def test_unknown_claims_of_a_newer_server_are_ignored() -> None:
    text = request(
        region=-1.5,
        usage={"devices": 5, "packages": 1200, "sites": -1},
        audit={"seq": 42, "head": HEAD, "more": None},
    )
    assert read_request(text).claims == CLAIMS


def anchor(**changes: Any) -> list[dict[str, Any]]:
    values = changes.items()
    return [{"seq": 42, "head": HEAD} | {name: value} for name, all_ in values for value in all_]


@pytest.mark.parametrize(
    ("name", "value"),
    refusals(
        iss=BAD_UUIDS,
        aud=BAD_TEXTS,
        iat=BAD_TIMES,
        jti=[*BAD_NONCES, b64(bytes(15)), b64(bytes(17)), b64(bytes(32))],
        key_hash=BAD_SHA256,
        jwk=[*NOT_TEXTS, jwk(INSTANCE) | {"kty": "RSA"}]
        + [jwk(INSTANCE) | {"x": b64(bytes.fromhex(point))} for point in SMALL_ORDER_POINTS],
        previous=[bad for bad in BAD_NONCES if bad is not None] + [b64(bytes(15)), b64(bytes(65))],
        server_version=BAD_TEXTS,
        usage=[*NOT_TEXTS, {"devices": 1}, {"packages": 1}]
        + [{"devices": bad, "packages": 1} for bad in BAD_INTEGERS[1:]]
        + [{"devices": 1, "packages": bad} for bad in BAD_INTEGERS[1:]],
        audit=[
            *NOT_TEXTS,
            {"seq": 1},
            {"head": HEAD},
            *anchor(seq=BAD_INTEGERS[1:], head=BAD_SHA256[1:]),
        ],
        findings=[
            *NOT_TEXTS[:5],
            {},
            "tampered",
            ["Tampered"],
            ["unknown"],
            [""],
            [None],
            [["tampered"]],
            [{}],
            [1],
            ["tampered", "tampered"],
        ],
    ),
    ids=label,
)
def test_a_claim_that_is_missing_or_malformed_is_named(name: str, value: Any) -> None:
    with pytest.raises(MalformedError, match=rf"\b{name}\b|public key"):
        read_request(request(**{name: value}))


@pytest.mark.parametrize("number", [0, 2**53])
def test_integers_are_read_from_zero_to_two_to_the_53(number: int) -> None:
    text = request(
        usage={"devices": number, "packages": number}, audit={"seq": number, "head": HEAD}
    )
    claims = read_request(text).claims
    assert (claims.devices, claims.packages, claims.audit.seq) == (number, number, number)


@pytest.mark.parametrize("text", ["x", "🐎", "x" * 1023 + "🐎"], ids=len)
def test_texts_have_1_to_1024_characters(text: str) -> None:
    assert read_request(request(aud=text)).claims.audience == text
    with pytest.raises(MalformedError, match="aud must have 1 to 1024 characters"):
        read_request(request(aud="x" * 1024 + "🐎"))


def test_the_previous_reply_may_have_a_longer_jti() -> None:
    assert read_request(request(previous=b64(bytes(64)))).claims.previous == b64(bytes(64))


def test_a_request_signed_by_another_key_is_refused() -> None:
    header, payload, _signature = request().split(".")
    signature = STRANGER.sign(f"{header}.{payload}".encode()).signature
    with pytest.raises(BadSignatureError):
        read_request(f"{header}.{payload}.{b64(signature)}")


def test_a_request_that_carries_another_key_is_refused() -> None:
    with pytest.raises(MalformedError, match="kid is not the thumbprint of jwk"):
        read_request(request(jwk=jwk(STRANGER)))
    with pytest.raises(MalformedError, match="kid is not the thumbprint of jwk"):
        read_request(request(STRANGER))


def test_another_document_is_no_request() -> None:
    with pytest.raises(MalformedError, match=re.escape(f"typ must be {REQUEST_TYP}")):
        read_request(document(REQUEST, LICENSE_TYP, INSTANCE))
    with pytest.raises(MalformedError, match="license file where a license request belongs"):
        read_request(armor_license(request()))


def test_a_request_is_not_signed_with_a_key_that_it_does_not_carry() -> None:
    with pytest.raises(MalformedError, match="not the public half"):
        sign_request(CLAIMS, instance_key=STRANGER)


@pytest.mark.parametrize(
    "changes",
    [{"jti": b64(bytes(15))}, {"devices": -1}, {"devices": True}, {"findings": ("other",)}],
    ids=label,
)
def test_claims_that_could_not_be_read_are_not_made(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        replace(CLAIMS, **changes)


def test_a_request_is_missing_nothing_by_accident() -> None:
    for name in REQUEST:
        with pytest.raises(MalformedError, match=f"{name} is missing"):
            read_request(request(**{name: MISSING}))


def test_a_request_may_wait_for_its_reply_for_thirty_days() -> None:
    assert NONCE_LIFETIME_DAYS == 30


@pytest.mark.parametrize("name", ["devices", "packages"])
def test_the_number_that_is_wrong_is_named(name: str) -> None:
    usage = {"devices": 5, "packages": 1200} | {name: -1}
    with pytest.raises(MalformedError, match=rf"^usage\.{name} must"):
        read_request(request(usage=usage))
