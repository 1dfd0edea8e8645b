"""Ed25519 public keys: their JWK form, their thumbprint, verification, and the pinned roots."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from nacl import exceptions
from nacl.bindings import crypto_core_ed25519_is_valid_point
from nacl.signing import VerifyKey

from license_token.encoding import decode_base64url, encode_base64url, encode_object, parse_object
from license_token.errors import BadSignatureError, MalformedError, UntrustedKeyError
from license_token.fields import check_text

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64
MAX_ROOTS = 16
MAX_ROOT_SET_CHARACTERS = 16 * 1024


def public_jwk(public_key: bytes) -> dict[str, str]:
    """Return the JWK of an OKP public key (RFC 8037, section 2), without `kid`."""
    return {"crv": "Ed25519", "kty": "OKP", "x": encode_base64url(_checked(public_key))}


def thumbprint(public_key: bytes) -> str:
    """Return the RFC 7638 SHA-256 thumbprint, which is the key's `kid`."""
    return encode_base64url(hashlib.sha256(encode_object(public_jwk(public_key))).digest())


def read_jwk(value: object) -> bytes:
    """Return the public key of a JWK; a `kid` in it must be its thumbprint.

    Raises MalformedError, also for keys of small order, which fit forged signatures, and for
    a JWK that carries a private key, which has no business in any document.
    """
    if not isinstance(value, dict):
        raise MalformedError("jwk must be an object.")
    if value.get("kty") != "OKP" or value.get("crv") != "Ed25519":
        raise MalformedError("jwk must be an OKP key on the curve Ed25519.")
    if "d" in value:
        raise MalformedError("jwk contains a private key; only the public half belongs there.")
    public_key = _checked(decode_base64url(check_text(value.get("x"), "jwk.x"), "jwk.x"))
    if "kid" in value and value["kid"] != thumbprint(public_key):
        raise MalformedError("jwk.kid is not the thumbprint of the key.")
    return public_key


def verify(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Raise BadSignatureError unless this is the key's own Ed25519 signature (RFC 8032)."""
    if not _is_usable(public_key) or len(signature) != SIGNATURE_BYTES:
        raise BadSignatureError("The signature or its key does not have the form of Ed25519.")
    try:
        VerifyKey(public_key).verify(message, signature)
    except exceptions.BadSignatureError:
        raise BadSignatureError(
            "The signature does not fit: the document was changed or signed by another key."
        ) from None


@dataclass(frozen=True)
class RootSet:
    """The pinned root public keys by kid: the current one and its spares."""

    _keys: dict[str, bytes]

    @classmethod
    def of(cls, *public_keys: bytes) -> Self:
        """Pin these keys; none at all means that nothing is trusted."""
        keys = {thumbprint(public_key): public_key for public_key in public_keys}
        if len(keys) != len(public_keys):
            raise MalformedError("The root set contains the same key twice.")
        return cls(keys)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a JWK Set (RFC 7517, section 5) of 1 to 16 Ed25519 public keys."""
        if len(text) > MAX_ROOT_SET_CHARACTERS:
            raise MalformedError(f"The root set is over {MAX_ROOT_SET_CHARACTERS} characters.")
        keys = parse_object(text, "The root set").get("keys")
        if not isinstance(keys, list) or not 1 <= len(keys) <= MAX_ROOTS:
            raise MalformedError(f"The root set must have 1 to {MAX_ROOTS} keys in `keys`.")
        return cls.of(*map(read_jwk, keys))

    def to_json(self) -> str:
        """Return the JWK Set's text, which `parse` reads."""
        keys = [public_jwk(key) | {"kid": kid} for kid, key in self._keys.items()]
        return json.dumps({"keys": keys})

    @property
    def kids(self) -> tuple[str, ...]:
        """The keys' thumbprints, in the order of the set."""
        return tuple(self._keys)

    def get(self, kid: str) -> bytes:
        """Return a root's public key, or raise UntrustedKeyError."""
        if kid not in self._keys:
            raise UntrustedKeyError("The certificate is signed by a root key that is not trusted.")
        return self._keys[kid]

    def __bool__(self) -> bool:
        return bool(self._keys)


@lru_cache(maxsize=1024)  # a document's key is asked about several times, and looking is dear
def _is_usable(public_key: bytes) -> bool:
    # The point must be canonically encoded, on the curve and of the large prime order.
    return len(public_key) == PUBLIC_KEY_BYTES and crypto_core_ed25519_is_valid_point(public_key)


def _checked(public_key: bytes) -> bytes:
    if not _is_usable(public_key):
        raise MalformedError("A public key in the document is not a usable Ed25519 key.")
    return public_key
