"""The signing certificate: a root key says which key may sign licenses, and when."""

from dataclasses import dataclass
from typing import Any

from nacl.signing import SigningKey

from license_token import jws
from license_token.errors import CertificateInvalidError
from license_token.fields import check_text, check_thumbprint, check_time, present
from license_token.keys import RootSet, public_jwk, read_jwk, thumbprint

TYP = "sentari-certificate+jwt"
ISSUER = "sentari-root"
USE = "license"
MAX_LIFETIME_SECONDS = 100 * 86_400


@dataclass(frozen=True)
class CertificateClaims:
    """What a certificate says; MalformedError or CertificateInvalidError if it may not."""

    issuer: str
    subject: str
    public_key: bytes
    use: str
    not_before: int
    expires: int
    issued_at: int

    def __post_init__(self) -> None:
        check_text(self.issuer, "iss")
        check_thumbprint(self.subject, "sub")
        check_text(self.use, "use")
        check_time(self.not_before, "nbf")
        check_time(self.expires, "exp")
        check_time(self.issued_at, "iat")
        if self.issuer != ISSUER:
            raise CertificateInvalidError(f"The certificate's iss must be {ISSUER}.")
        if self.use != USE:
            raise CertificateInvalidError(f"The certificate's use must be {USE}.")
        if self.subject != thumbprint(self.public_key):
            raise CertificateInvalidError("The certificate's sub is not the thumbprint of its jwk.")
        if not 0 < self.expires - self.not_before <= MAX_LIFETIME_SECONDS:
            raise CertificateInvalidError(
                "The certificate's exp must be after its nbf, and at most 100 days after it."
            )

    def covers(self, moment: int) -> bool:
        """Tell whether nbf ≤ moment < exp."""
        return self.not_before <= moment < self.expires

    def to_claims(self) -> dict[str, Any]:
        """Return the claims under their names in the document."""
        return {
            "iss": self.issuer,
            "sub": self.subject,
            "jwk": public_jwk(self.public_key),
            "use": self.use,
            "nbf": self.not_before,
            "exp": self.expires,
            "iat": self.issued_at,
        }


def issue_certificate(
    root_key: SigningKey,
    *,
    signing_public_key: bytes,
    not_before: int,
    expires: int,
    issued_at: int,
) -> str:
    """Sign the certificate of a signing key with a root key."""
    claims = CertificateClaims(
        issuer=ISSUER,
        subject=thumbprint(signing_public_key),
        public_key=signing_public_key,
        use=USE,
        not_before=not_before,
        expires=expires,
        issued_at=issued_at,
    )
    return jws.sign(claims.to_claims(), typ=TYP, signing_key=root_key)


def read_certificate(text: str, roots: RootSet) -> CertificateClaims:
    """Return the claims of a certificate that a pinned root has signed."""
    _kid, claims = jws.read(text, typ=TYP, key_for=roots.get)
    return CertificateClaims(
        issuer=present(claims, "iss"),
        subject=present(claims, "sub"),
        public_key=read_jwk(present(claims, "jwk")),
        use=present(claims, "use"),
        not_before=present(claims, "nbf"),
        expires=present(claims, "exp"),
        issued_at=present(claims, "iat"),
    )
