import json
from collections.abc import Callable

import pytest

from license_token import jws
from license_token.errors import BadSignatureError, MalformedError, UntrustedKeyError
from tests.license_token.cast import ROOT, STRANGER, b64, jwk, kid, public, raw
from tests.license_token.claims import BAD_THUMBPRINTS, label

TYP = "test+jwt"
HEADER = {"alg": "EdDSA", "typ": TYP, "kid": kid(ROOT)}


def key_for(_kid: str) -> bytes:
    return public(ROOT)


def read(text: str) -> tuple[str, dict[str, object]]:
    return jws.read(text, typ=TYP, key_for=key_for)


def with_header(header: object, payload: bytes = b"{}") -> str:
    return raw(json.dumps(header).encode(), payload, ROOT)


def refusal(text: str) -> str:
    with pytest.raises(MalformedError) as refused:
        read(text)
    return str(refused.value)


def test_what_is_signed_is_read() -> None:
    text = jws.sign({"a": [1, "ž"]}, typ=TYP, signing_key=ROOT)
    assert read(text) == (kid(ROOT), {"a": [1, "ž"]})


def test_any_order_of_the_header_and_blanks_in_the_json_are_read() -> None:
    header = json.dumps({"typ": TYP, "kid": kid(ROOT), "alg": "EdDSA"}, indent=2)
    assert read(raw(header.encode(), b' { "a" : 1 } ', ROOT)) == (kid(ROOT), {"a": 1})


@pytest.mark.parametrize("count", [1, 2, 4, 5, 1000])
def test_there_are_exactly_three_parts(count: int) -> None:
    parts = (with_header(HEADER).split(".") * 334)[:count]
    assert refusal(".".join(parts)) == ("A signed document has exactly three parts joined by dots.")


def test_an_empty_text_is_refused() -> None:
    assert "three parts" in refusal("")
    assert refusal("..") == "The header is not JSON."


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    "damage",
    [
        lambda part: part + "=",
        lambda part: part + "\n",
        lambda part: " " + part,
        lambda part: part + "A" * ((1 - len(part)) % 4),
        lambda part: part[:4] + "+" + part[5:],
        lambda part: part[:4] + "/" + part[5:],
        lambda part: part[:4] + "é" + part[5:],
        lambda part: part[:4] + "\ud800" + part[5:],
        lambda part: part[:4] + "\x00" + part[5:],
    ],
)
def test_each_part_has_one_text_only(place: int, damage: Callable[[str], str]) -> None:
    parts = with_header(HEADER).split(".")
    parts[place] = damage(parts[place])
    assert "base64url" in refusal(".".join(parts))


def test_left_over_bits_in_the_signature_are_refused() -> None:
    text = with_header(HEADER)
    # 64 bytes end in a character with four bits to spare, which must be zero.
    spare = {"A": "B", "Q": "R", "g": "h", "w": "x"}[text[-1]]
    assert refusal(text[:-1] + spare) == "The signature is not canonical base64url."


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"alg": "EdDSA", "typ": TYP},
        {"alg": "EdDSA", "kid": kid(ROOT)},
        {"typ": TYP, "kid": kid(ROOT)},
        HEADER | {"crit": ["exp"], "exp": 1},
        HEADER | {"b64": False},
        HEADER | {"jwk": jwk(STRANGER)},
        HEADER | {"jku": "https://example.com/keys"},
        HEADER | {"x5c": []},
        HEADER | {"cty": "JWT"},
        HEADER | {"zip": "DEF"},
        HEADER | {"Alg": "EdDSA"},
    ],
    ids=label,
)
def test_the_header_has_its_three_members_and_no_others(header: object) -> None:
    assert refusal(with_header(header)) == (
        "The header must have alg, typ and kid and nothing else."
    )


@pytest.mark.parametrize(
    "alg", ["none", "None", "eddsa", "EDDSA", "Ed25519", "HS256", "RS256", "", None, 1, ["EdDSA"]]
)
def test_no_other_algorithm_is_read(alg: object) -> None:
    assert refusal(with_header(HEADER | {"alg": alg})) == "The header's alg must be EdDSA."


def test_an_unsigned_document_is_refused() -> None:
    unsigned = b64(json.dumps(HEADER | {"alg": "none"}).encode()) + "." + b64(b"{}") + "."
    assert refusal(unsigned) == "The header's alg must be EdDSA."
    with pytest.raises(BadSignatureError):
        read(with_header(HEADER).rsplit(".", 1)[0] + ".")


@pytest.mark.parametrize("typ", ["JWT", "TEST+JWT", "other+jwt", TYP + " ", "", None, 1, [TYP]])
def test_no_other_kind_of_document_is_read(typ: object) -> None:
    assert refusal(with_header(HEADER | {"typ": typ})) == (
        f"The header's typ must be {TYP}: this is another kind of document."
    )


@pytest.mark.parametrize("value", [None, 7, [], *BAD_THUMBPRINTS[7:]], ids=label)
def test_the_kid_is_a_thumbprint(value: object) -> None:
    assert refusal(with_header(HEADER | {"kid": value})).startswith("kid ")


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"null",
        b"\xff",
        b'{"alg":"EdDSA","alg":"none"}',
        b'{"alg":' + b"[" * 6000,
        b'{"alg":' + b"9" * 6000 + b"}",
    ],
    ids=label,
)
def test_a_header_that_is_not_plain_json_is_refused(header: bytes) -> None:
    refusal(raw(header, b"{}", ROOT))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"\xff",
        b"{} {}",
        b'{"a":1,"a":1}',
        b'{"a":NaN}',
        b'{"a":' + b"[" * 6000,
        b'{"a":' + b"9" * 6000 + b"}",
    ],
    ids=label,
)
def test_a_payload_that_is_not_plain_json_is_refused(payload: bytes) -> None:
    refusal(with_header(HEADER, payload))


def test_the_bytes_are_verified_before_the_payload_is_parsed() -> None:
    header = json.dumps(HEADER).encode()
    with pytest.raises(BadSignatureError):
        read(raw(header, b"not json", STRANGER))


def test_the_key_is_asked_for_by_the_kid_that_stands_in_the_header() -> None:
    asked = []

    def refuse(kid: str) -> bytes:
        asked.append(kid)
        raise UntrustedKeyError("no")

    with pytest.raises(UntrustedKeyError):
        jws.read(with_header(HEADER, b"not json"), typ=TYP, key_for=refuse)
    assert asked == [kid(ROOT)]


def test_a_payload_has_at_most_8_kib() -> None:
    # 6,144 bytes are 8,192 characters; one byte more is two characters more.
    payload = b'{"a":"' + b"x" * (6144 - 8) + b'"}'
    text = with_header(HEADER, payload)
    assert len(text.split(".")[1]) == 8192
    assert read(text)[1] == {"a": "x" * (6144 - 8)}
    assert refusal(with_header(HEADER, payload[:-2] + b'x"}')) == (
        "A part of the signed document is longer than 8192 characters."
    )


@pytest.mark.parametrize("place", [0, 2])
def test_every_part_is_measured_before_it_is_decoded(place: int) -> None:
    parts = with_header(HEADER).split(".")
    parts[place] = "*" * 8193
    assert "longer than 8192 characters" in refusal(".".join(parts))
    parts[place] = "*" * 8192
    assert "base64url" in refusal(".".join(parts))


def test_what_could_not_be_read_again_is_not_signed() -> None:
    longest = {"a": "x" * (6144 - 8)}
    assert read(jws.sign(longest, typ=TYP, signing_key=ROOT))[1] == longest
    with pytest.raises(MalformedError, match="longer than 8192"):
        jws.sign({"a": "x" * (6144 - 7)}, typ=TYP, signing_key=ROOT)


def test_a_document_can_carry_its_own_key() -> None:
    text = with_header(HEADER, json.dumps({"jwk": jwk(ROOT), "a": 1}).encode())
    assert jws.read_self_signed(text, typ=TYP) == (public(ROOT), {"jwk": jwk(ROOT), "a": 1})


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({}, "jwk is missing."),
        ({"jwk": None}, "jwk must be an object."),
        ({"jwk": jwk(STRANGER)}, "kid is not the thumbprint of jwk."),
    ],
)
def test_a_self_signed_document_must_name_the_key_it_carries(
    claims: dict[str, object], reason: str
) -> None:
    with pytest.raises(MalformedError) as refused:
        jws.read_self_signed(with_header(HEADER, json.dumps(claims).encode()), typ=TYP)
    assert str(refused.value) == reason


def test_a_self_signed_document_must_be_signed_by_the_key_it_carries() -> None:
    payload = json.dumps({"jwk": jwk(ROOT)}).encode()
    with pytest.raises(BadSignatureError):
        jws.read_self_signed(raw(json.dumps(HEADER).encode(), payload, STRANGER), typ=TYP)


@pytest.mark.parametrize(("place", "name"), [(0, "header"), (1, "payload"), (2, "signature")])
def test_the_part_that_is_not_base64url_is_named(place: int, name: str) -> None:
    parts = with_header(HEADER).split(".")
    parts[place] += "="
    assert refusal(".".join(parts)).startswith(f"The {name} is not")
