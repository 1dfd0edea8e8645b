"""JWS compact serialization (RFC 7515) with Ed25519 (RFC 8037) and nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nacl.signing import SigningKey

from license_token.encoding import (
    decode_base64url,
    decode_object,
    encode_base64url,
    encode_object,
)
from license_token.errors import MalformedError
from license_token.fields import check_thumbprint, present
from license_token.keys import read_jwk, thumbprint, verify

ALGORITHM = "EdDSA"
HEADER_MEMBERS = frozenset({"alg", "typ", "kid"})
MAX_PART_CHARACTERS = 8 * 1024


def sign(claims: Mapping[str, Any], *, typ: str, signing_key: SigningKey) -> str:
    """Return `header.payload.signature`; MalformedError if a part would be too long to read."""
    header = {"alg": ALGORITHM, "kid": thumbprint(bytes(signing_key.verify_key)), "typ": typ}
    parts = [encode_base64url(encode_object(members)) for members in (header, claims)]
    _check_lengths(parts)
    signed = ".".join(parts)
    return f"{signed}.{encode_base64url(signing_key.sign(signed.encode('ascii')).signature)}"


def read(text: str, *, typ: str, key_for: Callable[[str], bytes]) -> tuple[str, dict[str, Any]]:
    """Return the `kid` and the claims of a document signed by the key that `key_for` knows.

    `key_for` gets the `kid` and returns the public key or raises. The payload is not parsed
    before its bytes, as they were received, are verified.
    """
    token = _Token.split(text, typ)
    verify(key_for(token.kid), token.signed, token.signature)
    return token.kid, decode_object(token.payload, "The payload")


def read_self_signed(text: str, *, typ: str) -> tuple[bytes, dict[str, Any]]:
    """Return the public key and the claims of a document that carries its own key as `jwk`.

    The key stands in the payload, so this one claim is read first; no other is looked at
    before the signature fits.
    """
    token = _Token.split(text, typ)
    claims = decode_object(token.payload, "The payload")
    public_key = read_jwk(present(claims, "jwk"))
    if thumbprint(public_key) != token.kid:
        raise MalformedError("kid is not the thumbprint of jwk.")
    verify(public_key, token.signed, token.signature)
    return public_key, claims


@dataclass(frozen=True)
class _Token:
    kid: str
    signed: bytes
    payload: bytes
    signature: bytes

    @classmethod
    def split(cls, text: str, typ: str) -> "_Token":
        parts = text.split(".", maxsplit=3)
        if len(parts) != 3:
            raise MalformedError("A signed document has exactly three parts joined by dots.")
        _check_lengths(parts)
        header, payload, signature = (
            decode_base64url(part, f"The {name}")
            for name, part in zip(("header", "payload", "signature"), parts, strict=True)
        )
        kid = _read_header(decode_object(header, "The header"), typ)
        return cls(kid, f"{parts[0]}.{parts[1]}".encode("ascii"), payload, signature)


def _read_header(header: Mapping[str, Any], typ: str) -> str:
    if header.keys() != HEADER_MEMBERS:
        raise MalformedError("The header must have alg, typ and kid and nothing else.")
    if header["alg"] != ALGORITHM:
        raise MalformedError(f"The header's alg must be {ALGORITHM}.")
    if header["typ"] != typ:
        raise MalformedError(f"The header's typ must be {typ}: this is another kind of document.")
    check_thumbprint(header["kid"], "kid")
    return str(header["kid"])


def _check_lengths(parts: list[str]) -> None:
    if any(len(part) > MAX_PART_CHARACTERS for part in parts):
        raise MalformedError(
            f"A part of the signed document is longer than {MAX_PART_CHARACTERS} characters."
        )
