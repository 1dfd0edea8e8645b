"""What a request tells the vendor, line by line, read from the very document. PURE."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass

_MEANINGS = {
    "iss": "This server's instance id: random, made at its first start.",
    "aud": "The license server that the request is for.",
    "iat": "When the request was made, in seconds since 1970.",
    "jti": "A random number that the reply has to repeat.",
    "key_hash": "The fingerprint of the license key; the key itself stays here.",
    "jwk": "This server's public key, under which the request is signed.",
    "previous": "The number of the reply that is installed now, if any.",
    "server_version": "The version of Sentari.",
    "usage": "How many devices and packages are counted.",
    "audit": "The number and the fingerprint of the newest entry of the audit log.",
    "findings": "What this server noticed: tampering, a clock turned back, a broken audit log.",
}
_UNKNOWN = "A claim that this page has no words for."


@dataclass(frozen=True)
class Claim:
    """One claim of the request: its value as JSON, and what it is."""

    name: str
    value: str
    meaning: str


@dataclass(frozen=True)
class Disclosure:
    """A request in full: the document as it leaves, and the same decoded."""

    document: str
    header: str
    claims: tuple[Claim, ...]


def disclose(document: str) -> Disclosure:
    """Decode a request that this server made; everything in it is shown, known or not."""
    header, payload, _signature = document.split(".")
    return Disclosure(document, _decoded(header), tuple(_claims(_decoded(payload))))


def _claims(payload: str) -> Iterator[Claim]:
    for name, value in json.loads(payload).items():
        yield Claim(name, json.dumps(value, ensure_ascii=False), _MEANINGS.get(name, _UNKNOWN))


def _decoded(part: str) -> str:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()
