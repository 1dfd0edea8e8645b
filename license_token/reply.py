"""The reply: the signed license, joined with the certificate of the key that signed it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nacl.signing import SigningKey

from license_token import jws
from license_token.anchor import AuditAnchor
from license_token.armor import LICENSE, unarmor
from license_token.certificate import CertificateClaims, read_certificate
from license_token.errors import CertificateInvalidError, MalformedError
from license_token.fields import (
    check_bytes,
    check_integer,
    check_text,
    check_thumbprint,
    check_time,
    check_uuid4,
    member,
    present,
)
from license_token.keys import RootSet
from license_token.license_key import check_hint
from license_token.request import MAX_JTI_BYTES, NONCE_BYTES
from license_token.terms import LicenseTerms

__all__ = ["AuditAnchor", "LicenseTerms", "Reply", "ReplyClaims", "read_reply", "sign_reply"]

TYP = "sentari-license+jwt"
ANY_INSTANCE = "*"
MAX_JOINED_CHARACTERS = 16 * 1024


@dataclass(frozen=True)
class ReplyClaims:
    """What a reply says; MalformedError if a claim is not of its type and range.

    A pre-signed reply is for any server: audience `*`, seq 0, and no nonce, confirmation and
    audit anchor. Anything between that and a bound reply is refused.
    """

    issuer: str
    license_id: str
    audience: str
    issued_at: int
    jti: str
    nonce: str | None
    seq: int
    confirmation: str | None
    audit: AuditAnchor | None
    key_hint: str
    terms: LicenseTerms

    def __post_init__(self) -> None:
        check_text(self.issuer, "iss")
        check_text(self.license_id, "sub")
        check_time(self.issued_at, "iat")
        check_bytes(self.jti, "jti", least=NONCE_BYTES, most=MAX_JTI_BYTES)
        check_integer(self.seq, "seq")
        check_hint(self.key_hint, "key_hint")
        marks = (
            self.audience == ANY_INSTANCE,
            self.nonce is None,
            self.confirmation is None,
            self.audit is None,
            self.seq == 0,
        )
        if all(marks):
            return
        if any(marks):
            raise MalformedError(
                "aud *, seq 0 and null for nonce, cnf and audit belong together: "
                "this license is neither pre-signed nor bound to a server."
            )
        check_uuid4(self.audience, "aud")
        check_bytes(self.nonce, "nonce", least=NONCE_BYTES, most=NONCE_BYTES)
        check_thumbprint(self.confirmation, "cnf.jkt")

    @property
    def presigned(self) -> bool:
        """Whether any server may install it."""
        return self.audience == ANY_INSTANCE

    def to_claims(self) -> dict[str, Any]:
        """Return the claims under their names in the document."""
        return {
            "iss": self.issuer,
            "sub": self.license_id,
            "aud": self.audience,
            "iat": self.issued_at,
            "jti": self.jti,
            "nonce": self.nonce,
            "seq": self.seq,
            "cnf": None if self.confirmation is None else {"jkt": self.confirmation},
            "audit": None if self.audit is None else self.audit.to_claim(),
            "key_hint": self.key_hint,
            **self.terms.to_claims(),
        }


@dataclass(frozen=True)
class Reply:
    """A verified reply; `text` is `reply~certificate` without armour and white space."""

    text: str
    claims: ReplyClaims
    kid: str
    certificate: CertificateClaims


def sign_reply(claims: ReplyClaims, *, signing_key: SigningKey, certificate: str) -> str:
    """Return `reply~certificate`; readers refuse it unless the certificate fits the key."""
    joined = f"{jws.sign(claims.to_claims(), typ=TYP, signing_key=signing_key)}~{certificate}"
    _check_length(joined)
    return joined


def read_reply(text: str, roots: RootSet) -> Reply:
    """Return a reply that verifies up to a pinned root; armour and white space are ignored.

    The certificate must cover the reply's own `iat`, not the present: a signing key that has
    been retired must not end the licenses it signed.
    """
    joined = unarmor(text, LICENSE)
    _check_length(joined)
    documents = joined.split("~")
    if len(documents) != 2:
        raise MalformedError("A license is a reply and its certificate, joined by one ~.")
    certificate = read_certificate(documents[1], roots)
    kid, members = jws.read(documents[0], typ=TYP, key_for=_certified_key(certificate))
    claims = _read_claims(members)
    if not certificate.covers(claims.issued_at):
        raise CertificateInvalidError("The certificate was not valid when the reply was signed.")
    return Reply(joined, claims, kid, certificate)


def _check_length(joined: str) -> None:
    if len(joined) > MAX_JOINED_CHARACTERS:
        raise MalformedError(f"The license is longer than {MAX_JOINED_CHARACTERS} characters.")


def _read_claims(claims: Mapping[str, Any]) -> ReplyClaims:
    confirmation = present(claims, "cnf")
    audit = present(claims, "audit")
    return ReplyClaims(
        issuer=present(claims, "iss"),
        license_id=present(claims, "sub"),
        audience=present(claims, "aud"),
        issued_at=present(claims, "iat"),
        jti=present(claims, "jti"),
        nonce=present(claims, "nonce"),
        seq=present(claims, "seq"),
        confirmation=None if confirmation is None else member(confirmation, "cnf", "jkt"),
        audit=None if audit is None else AuditAnchor.from_claim(audit),
        key_hint=present(claims, "key_hint"),
        terms=LicenseTerms.from_claims(claims),
    )


def _certified_key(certificate: CertificateClaims) -> Callable[[str], bytes]:
    def key_for(kid: str) -> bytes:
        if kid != certificate.subject:
            raise CertificateInvalidError("The certificate belongs to another signing key.")
        return certificate.public_key

    return key_for
