"""The published vectors, through the project's own functions."""

import json
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from license_token.encoding import decode_base64url, encode_base64url
from license_token.errors import BadSignatureError, MalformedError
from license_token.keys import public_jwk, read_jwk, thumbprint, verify

VECTORS = Path(__file__).parent.parent / "vectors"


def load(name: str) -> Any:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


WYCHEPROOF = [
    pytest.param(group["publicKey"]["pk"], case, id=f"{case['tcId']}-{case['flags'][0]}")
    for group in load("wycheproof-ed25519.json")["testGroups"]
    for case in group["tests"]
]
RFC_8032 = load("rfc8032-ed25519.json")["vectors"]
RFC_8037 = load("rfc8037-appendix-a.json")


def test_all_cases_are_there() -> None:
    assert len(WYCHEPROOF) == 151
    assert [vector["name"] for vector in RFC_8032] == [
        "TEST 1",
        "TEST 2",
        "TEST 3",
        "TEST 1024",
        "TEST SHA(abc)",
    ]


@pytest.mark.parametrize(("public_key", "case"), WYCHEPROOF)
def test_wycheproof_is_answered_as_published(public_key: str, case: dict[str, Any]) -> None:
    arguments = [bytes.fromhex(text) for text in (public_key, case["msg"], case["sig"])]
    if case["result"] == "valid":
        verify(*arguments)
    else:
        with pytest.raises(BadSignatureError):
            verify(*arguments)


@pytest.mark.parametrize("vector", RFC_8032, ids=lambda vector: vector["name"])
def test_rfc_8032_signatures_are_made_and_verified(vector: dict[str, str]) -> None:
    secret_key, public_key, message, signature = (
        bytes.fromhex(vector[name]) for name in ("secret_key", "public_key", "message", "signature")
    )
    assert bytes(SigningKey(secret_key).verify_key) == public_key
    assert SigningKey(secret_key).sign(message).signature == signature
    verify(public_key, message, signature)
    with pytest.raises(BadSignatureError):
        verify(public_key, message + b"\x00", signature)


def test_rfc_8037_a1_and_a2_give_the_public_key_of_the_private_one() -> None:
    signing_key = SigningKey(decode_base64url(RFC_8037["a1_private_jwk"]["d"], "d"))
    assert public_jwk(bytes(signing_key.verify_key)) == RFC_8037["a2_public_jwk"]
    assert read_jwk(RFC_8037["a2_public_jwk"]) == bytes(signing_key.verify_key)


def test_rfc_8037_a1_is_refused_where_a_public_key_belongs() -> None:
    with pytest.raises(MalformedError, match="private key"):
        read_jwk(RFC_8037["a1_private_jwk"])


def test_rfc_8037_a3_is_the_thumbprint() -> None:
    assert thumbprint(read_jwk(RFC_8037["a2_public_jwk"])) == RFC_8037["a3_thumbprint"]


def test_rfc_8037_a4_is_the_signature() -> None:
    signing_key = SigningKey(decode_base64url(RFC_8037["a1_private_jwk"]["d"], "d"))
    assert encode_base64url(RFC_8037["a4_payload_text"].encode()) == RFC_8037["a4_payload"]
    signed = f"{RFC_8037['a4_header']}.{RFC_8037['a4_payload']}"
    signature = signing_key.sign(signed.encode()).signature
    assert encode_base64url(signature) == RFC_8037["a4_signature"]
    assert f"{signed}.{RFC_8037['a4_signature']}" == RFC_8037["a5_jws"]


def test_rfc_8037_a5_verifies() -> None:
    header, payload, signature = RFC_8037["a5_jws"].split(".")
    public_key = read_jwk(RFC_8037["a2_public_jwk"])
    verify(public_key, f"{header}.{payload}".encode(), decode_base64url(signature, "It"))
