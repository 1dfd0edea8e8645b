"""The request: what a server tells the vendor when it asks for a reply."""

from dataclasses import dataclass
from typing import Any

from nacl.signing import SigningKey

from license_token import jws
from license_token.anchor import AuditAnchor
from license_token.armor import REQUEST, unarmor
from license_token.errors import MalformedError
from license_token.fields import (
    check_bytes,
    check_choice,
    check_integer,
    check_sha256,
    check_text,
    check_time,
    check_uuid4,
    member,
    present,
)
from license_token.keys import public_jwk

TYP = "sentari-request+jwt"
NONCE_BYTES = 16
# How long a request may wait for its reply (document 2).
NONCE_LIFETIME_DAYS = 30
MAX_JTI_BYTES = 64
FINDINGS = ("tampered", "clock_rollback", "clock_skew", "audit_broken")


@dataclass(frozen=True)
class RequestClaims:
    """What a request says; MalformedError if a claim is not of its type and range."""

    instance_id: str
    audience: str
    issued_at: int
    jti: str
    key_hash: str
    public_key: bytes
    previous: str | None
    server_version: str
    devices: int
    packages: int
    audit: AuditAnchor
    findings: tuple[str, ...]

    def __post_init__(self) -> None:
        check_uuid4(self.instance_id, "iss")
        check_text(self.audience, "aud")
        check_time(self.issued_at, "iat")
        check_bytes(self.jti, "jti", least=NONCE_BYTES, most=NONCE_BYTES)
        check_sha256(self.key_hash, "key_hash")
        if self.previous is not None:
            check_bytes(self.previous, "previous", least=NONCE_BYTES, most=MAX_JTI_BYTES)
        check_text(self.server_version, "server_version")
        check_integer(self.devices, "usage.devices")
        check_integer(self.packages, "usage.packages")
        for finding in self.findings:
            check_choice(finding, "findings", FINDINGS)
        if len(set(self.findings)) != len(self.findings):
            raise MalformedError("findings names the same finding twice.")

    def to_claims(self) -> dict[str, Any]:
        """Return the claims under their names in the document."""
        return {
            "iss": self.instance_id,
            "aud": self.audience,
            "iat": self.issued_at,
            "jti": self.jti,
            "key_hash": self.key_hash,
            "jwk": public_jwk(self.public_key),
            "previous": self.previous,
            "server_version": self.server_version,
            "usage": {"devices": self.devices, "packages": self.packages},
            "audit": self.audit.to_claim(),
            "findings": list(self.findings),
        }


@dataclass(frozen=True)
class Request:
    """A verified request and its canonical text, without armour and white space."""

    text: str
    claims: RequestClaims


def sign_request(claims: RequestClaims, *, instance_key: SigningKey) -> str:
    """Sign a request with the instance key whose public half is in the claims."""
    if bytes(instance_key.verify_key) != claims.public_key:
        raise MalformedError("jwk is not the public half of the instance key that signs.")
    return jws.sign(claims.to_claims(), typ=TYP, signing_key=instance_key)


def read_request(text: str) -> Request:
    """Return a request that its own key has signed; armour and white space are ignored."""
    document = unarmor(text, REQUEST)
    public_key, claims = jws.read_self_signed(document, typ=TYP)
    return Request(document, _read_claims(public_key, claims))


def _read_claims(public_key: bytes, claims: dict[str, Any]) -> RequestClaims:
    usage = present(claims, "usage")
    findings = present(claims, "findings")
    if not isinstance(findings, list):
        raise MalformedError("findings must be a list.")
    return RequestClaims(
        instance_id=present(claims, "iss"),
        audience=present(claims, "aud"),
        issued_at=present(claims, "iat"),
        jti=present(claims, "jti"),
        key_hash=present(claims, "key_hash"),
        public_key=public_key,
        previous=present(claims, "previous"),
        server_version=present(claims, "server_version"),
        devices=member(usage, "usage", "devices"),
        packages=member(usage, "usage", "packages"),
        audit=AuditAnchor.from_claim(present(claims, "audit")),
        findings=tuple(findings),
    )
