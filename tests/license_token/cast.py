"""The fixed cast of these tests: keys from fixed seeds, and documents made without our writers.

The documents are written here by hand, byte for byte, so that a reader and a writer that are
wrong in the same way cannot hide each other.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from nacl.signing import SigningKey

from license_token.keys import RootSet

NOW = 1_800_000_000
DAY = 86_400
MISSING: Any = object()

ROOT = SigningKey(b"\x01" * 32)
SPARE_ROOT = SigningKey(b"\x02" * 32)
SIGNER = SigningKey(b"\x03" * 32)
OTHER_SIGNER = SigningKey(b"\x04" * 32)
INSTANCE = SigningKey(b"\x05" * 32)
STRANGER = SigningKey(b"\x06" * 32)

INSTANCE_ID = "6f1c2a58-4a0e-4d7b-9c55-0b3c6d1e2f90"
NONCE = "AAECAwQFBgcICQoLDA0ODw"
JTI = "EBESExQVFhcYGRobHB0eHw"
HEAD = "0123456789abcdef" * 4
CERTIFICATE_TYP = "sentari-certificate+jwt"
REQUEST_TYP = "sentari-request+jwt"
LICENSE_TYP = "sentari-license+jwt"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def public(key: SigningKey) -> bytes:
    return bytes(key.verify_key)


def jwk(key: SigningKey) -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(public(key))}


def kid(key: SigningKey) -> str:
    text = f'{{"crv":"Ed25519","kty":"OKP","x":"{b64(public(key))}"}}'
    return b64(hashlib.sha256(text.encode()).digest())


ROOTS = RootSet.of(public(ROOT), public(SPARE_ROOT))


def raw(header: bytes, payload: bytes, key: SigningKey) -> str:
    """Sign any bytes as if they were a document."""
    signed = f"{b64(header)}.{b64(payload)}"
    return f"{signed}.{b64(key.sign(signed.encode()).signature)}"


def changed(claims: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims with changes; MISSING takes a claim out."""
    return {name: value for name, value in {**claims, **changes}.items() if value is not MISSING}


def document(claims: Mapping[str, Any], typ: str, key: SigningKey) -> str:
    header = {"alg": "EdDSA", "typ": typ, "kid": kid(key)}
    return raw(json.dumps(header).encode(), json.dumps(claims).encode(), key)


CERTIFICATE: dict[str, Any] = {
    "iss": "sentari-root",
    "sub": kid(SIGNER),
    "jwk": jwk(SIGNER),
    "use": "license",
    "nbf": NOW - 10 * DAY,
    "exp": NOW + 90 * DAY,
    "iat": NOW - 10 * DAY,
}

REQUEST: dict[str, Any] = {
    "iss": INSTANCE_ID,
    "aud": "https://license.sentari.dev",
    "iat": NOW,
    "jti": NONCE,
    "key_hash": "ab" * 32,
    "jwk": jwk(INSTANCE),
    "previous": JTI,
    "server_version": "1.2.3",
    "usage": {"devices": 5, "packages": 1200},
    "audit": {"seq": 42, "head": HEAD},
    "findings": ["tampered", "clock_skew"],
}

REPLY: dict[str, Any] = {
    "iss": "https://license.sentari.dev",
    "sub": "lic-2027-0001",
    "aud": INSTANCE_ID,
    "iat": NOW,
    "jti": JTI,
    "nonce": NONCE,
    "seq": 7,
    "cnf": {"jkt": kid(INSTANCE)},
    "audit": {"seq": 42, "head": HEAD},
    "key_hint": "XW8Z4",
    "customer_name": "Žluťoučký kůň a.s. 🐎",
    "customer_email": "it@kun.example",
    "tier": "enterprise",
    "expires_at": "2027-06-30",
    "max_devices": 250,
    "max_packages": None,
    "grace_period_days": 14,
    "read_only_period_days": 30,
    "max_offline_days": 1,
    "status": "active",
}

PRESIGNED = changed(REPLY, {"aud": "*", "nonce": None, "cnf": None, "audit": None, "seq": 0})


def certificate(key: SigningKey = ROOT, **changes: Any) -> str:
    return document(changed(CERTIFICATE, changes), CERTIFICATE_TYP, key)


def request(key: SigningKey = INSTANCE, **changes: Any) -> str:
    return document(changed(REQUEST, changes), REQUEST_TYP, key)


def reply(
    key: SigningKey = SIGNER, base: Mapping[str, Any] = REPLY, cert: str = "", **changes: Any
) -> str:
    return f"{document(changed(base, changes), LICENSE_TYP, key)}~{cert or certificate()}"
