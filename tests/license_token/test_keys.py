import json
from typing import Any

import pytest
from nacl.bindings import crypto_core_ed25519_add
from nacl.signing import SigningKey

from license_token.errors import BadSignatureError, MalformedError, UntrustedKeyError
from license_token.keys import RootSet, public_jwk, read_jwk, thumbprint, verify
from tests.license_token.cast import ROOT, SPARE_ROOT, STRANGER, b64, jwk, kid, public
from tests.license_token.claims import NOT_POINTS, SMALL_ORDER_POINTS, label

# An honest key with a point of order eight added to it: on the curve, but outside of the group.
MIXED_ORDER_POINT = crypto_core_ed25519_add(public(ROOT), bytes.fromhex(SMALL_ORDER_POINTS[3]))
BAD_POINTS = [*SMALL_ORDER_POINTS, *NOT_POINTS, MIXED_ORDER_POINT.hex()]
ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.mark.parametrize("x", [None, "", "AA==", "!"])
def test_the_member_that_is_wrong_is_named(x: object) -> None:
    with pytest.raises(MalformedError, match=r"^jwk\.x (must|is)\b"):
        read_jwk(jwk(ROOT) | {"x": x})


def test_a_public_key_survives_its_jwk() -> None:
    assert public_jwk(public(ROOT)) == jwk(ROOT)
    assert read_jwk(jwk(ROOT)) == public(ROOT)
    assert read_jwk(jwk(ROOT) | {"kid": kid(ROOT), "use": "sig", "alg": "EdDSA"}) == public(ROOT)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        [],
        {},
        jwk(ROOT) | {"kty": "EC"},
        jwk(ROOT) | {"kty": None},
        jwk(ROOT) | {"crv": "X25519"},
        jwk(ROOT) | {"crv": ["Ed25519"]},
        {"kty": "OKP", "crv": "Ed25519"},
        jwk(ROOT) | {"x": 7},
        jwk(ROOT) | {"x": ""},
        jwk(ROOT) | {"x": jwk(ROOT)["x"] + "="},
        jwk(ROOT) | {"x": b64(public(ROOT)[:31])},
        jwk(ROOT) | {"x": b64(public(ROOT) + b"\x00")},
        jwk(ROOT) | {"kid": kid(STRANGER)},
        jwk(ROOT) | {"kid": None},
        jwk(ROOT) | {"d": b64(bytes(ROOT))},
    ],
    ids=label,
)
def test_what_is_not_the_jwk_of_a_public_ed25519_key_is_refused(value: object) -> None:
    with pytest.raises(MalformedError):
        read_jwk(value)


@pytest.mark.parametrize("point", BAD_POINTS)
def test_a_key_that_forgeries_would_fit_is_refused_wherever_a_key_is_read(point: str) -> None:
    public_key = bytes.fromhex(point)
    with pytest.raises(MalformedError):
        read_jwk(jwk(ROOT) | {"x": b64(public_key)})
    with pytest.raises(MalformedError):
        RootSet.of(public_key)
    with pytest.raises(MalformedError):
        RootSet.parse(json.dumps({"keys": [jwk(ROOT) | {"x": b64(public_key)}]}))
    with pytest.raises(MalformedError):
        thumbprint(public_key)
    # R and S of zero value verify under many of these points in a naive implementation.
    for signature in (public_key + bytes(32), b"\x01" + bytes(63), bytes(64)):
        with pytest.raises(BadSignatureError):
            verify(public_key, b"message", signature)


def test_a_signature_verifies_only_for_its_key_and_message() -> None:
    signature = ROOT.sign(b"message").signature
    verify(public(ROOT), b"message", signature)
    with pytest.raises(BadSignatureError):
        verify(public(ROOT), b"messagf", signature)
    with pytest.raises(BadSignatureError):
        verify(public(STRANGER), b"message", signature)


def test_the_second_form_of_a_signature_is_refused() -> None:
    signature = ROOT.sign(b"message").signature
    greater = int.from_bytes(signature[32:], "little") + ORDER
    with pytest.raises(BadSignatureError):
        verify(public(ROOT), b"message", signature[:32] + greater.to_bytes(32, "little"))


@pytest.mark.parametrize("length", [0, 32, 63, 65, 128])
def test_a_signature_of_another_length_is_refused(length: int) -> None:
    signature = (ROOT.sign(b"message").signature * 2)[:length]
    with pytest.raises(BadSignatureError):
        verify(public(ROOT), b"message", signature)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_public_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(BadSignatureError):
        verify((public(ROOT) * 2)[:length], b"message", ROOT.sign(b"message").signature)


def test_a_root_set_survives_its_file() -> None:
    roots = RootSet.of(public(ROOT), public(SPARE_ROOT))
    assert roots.kids == (kid(ROOT), kid(SPARE_ROOT))
    assert json.loads(roots.to_json()) == {
        "keys": [jwk(ROOT) | {"kid": kid(ROOT)}, jwk(SPARE_ROOT) | {"kid": kid(SPARE_ROOT)}]
    }
    assert RootSet.parse(roots.to_json()) == roots


def test_a_root_set_gives_its_keys_and_no_others() -> None:
    roots = RootSet.of(public(ROOT))
    assert roots.get(kid(ROOT)) == public(ROOT)
    with pytest.raises(UntrustedKeyError):
        roots.get(kid(STRANGER))


def test_an_empty_root_set_trusts_nothing_and_is_false() -> None:
    assert RootSet.of(public(ROOT))
    assert not RootSet.of()
    with pytest.raises(UntrustedKeyError):
        RootSet.of().get(kid(ROOT))


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"keys": []},
        {"keys": None},
        {"keys": {"0": jwk(ROOT)}},
        {"keys": [jwk(ROOT), jwk(ROOT)]},
        {"keys": [jwk(ROOT) | {"kid": kid(SPARE_ROOT)}]},
        {"keys": [jwk(ROOT), "text"]},
        {"keys": [jwk(ROOT) | {"d": b64(bytes(ROOT))}]},
    ],
    ids=label,
)
def test_a_root_set_without_well_formed_single_keys_is_refused(members: Any) -> None:
    with pytest.raises(MalformedError):
        RootSet.parse(json.dumps(members))


@pytest.mark.parametrize(
    "text", ["", "[]", '{"keys":1,"keys":2}', '{"keys":NaN}', '{"keys":' * 9999]
)
def test_a_root_file_that_is_not_a_json_object_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        RootSet.parse(text)


def test_a_root_set_has_at_most_sixteen_keys() -> None:
    keys = [jwk(SigningKey(bytes([number]) * 32)) for number in range(1, 18)]
    assert len(RootSet.parse(json.dumps({"keys": keys[:16]})).kids) == 16
    with pytest.raises(MalformedError, match="1 to 16 keys"):
        RootSet.parse(json.dumps({"keys": keys}))


def test_a_root_file_has_at_most_16_kib() -> None:
    text = json.dumps({"keys": [jwk(ROOT)]})
    assert RootSet.parse(text + " " * (16_384 - len(text)))
    with pytest.raises(MalformedError, match="over 16384 characters"):
        RootSet.parse(text + " " * (16_385 - len(text)))
