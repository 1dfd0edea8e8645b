"""Write documents as a forger could: any header, any claims, any encoding, any key."""

import base64
import json
from typing import Any

from nacl.signing import SigningKey

from license_token.keys import public_jwk, thumbprint

STRANGER = SigningKey(b"\x07" * 32)
LICENSE_TYP = "sentari-license+jwt"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class Forgery:
    """A genuine reply taken apart, to be put together again in some other way."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.reply, _, self.certificate = text.partition("~")
        self.parts = self.reply.split(".")
        self.header: dict[str, Any] = json.loads(unb64(self.parts[0]))
        self.claims: dict[str, Any] = json.loads(unb64(self.parts[1]))

    def with_parts(self, *parts: str) -> str:
        """Return the reply with other parts and the genuine certificate."""
        return f"{'.'.join(parts)}~{self.certificate}"

    def with_claims(self, **changes: Any) -> str:
        """Change claims and keep the genuine signature."""
        payload = json.dumps(self.claims | changes, separators=(",", ":"))
        return self.with_parts(self.parts[0], b64(payload.encode()), self.parts[2])

    def with_header(self, **changes: Any) -> str:
        """Change the header and keep the genuine signature; None takes a member out."""
        header = {key: value for key, value in (self.header | changes).items() if value is not None}
        return self.with_parts(b64(json.dumps(header).encode()), *self.parts[1:])

    def signed(
        self,
        key: SigningKey,
        payload: bytes | None = None,
        certificate: str | None = None,
        **changes: Any,
    ) -> str:
        """Sign claims, or any bytes at all, with a key."""
        header = {"alg": "EdDSA", "kid": thumbprint(bytes(key.verify_key)), "typ": LICENSE_TYP}
        body = payload if payload is not None else json.dumps(self.claims | changes).encode()
        signed = f"{b64(json.dumps(header).encode())}.{b64(body)}"
        signature = b64(key.sign(signed.encode()).signature)
        return f"{signed}.{signature}~{certificate or self.certificate}"


def certified(root: SigningKey, key: SigningKey, now: int, **changes: Any) -> str:
    """Return a certificate that a root signs, with any claims."""
    public = bytes(key.verify_key)
    claims = {
        "iss": "sentari-root",
        "sub": thumbprint(public),
        "jwk": public_jwk(public),
        "use": "license",
        "nbf": now - 86_400,
        "exp": now + 86_400,
        "iat": now - 86_400,
    } | changes
    header = {
        "alg": "EdDSA",
        "kid": thumbprint(bytes(root.verify_key)),
        "typ": "sentari-certificate+jwt",
    }
    signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{signed}.{b64(root.sign(signed.encode()).signature)}"
