"""The one family of errors that reading a document can end in."""

from typing import ClassVar


class LicenseTokenError(ValueError):
    """Refuse a document; the text is a sentence that names what is wrong, never the document."""

    code: ClassVar[str] = "refused"


class MalformedError(LicenseTokenError):
    """Refuse a text that does not have the form its document must have."""

    code = "malformed"


class BadSignatureError(LicenseTokenError):
    """Refuse a document that was changed, or was signed by another key."""

    code = "bad_signature"


class UntrustedKeyError(LicenseTokenError):
    """Refuse a certificate that no pinned root key has signed."""

    code = "untrusted_key"


class CertificateInvalidError(LicenseTokenError):
    """Refuse a certificate that does not cover the document it came with."""

    code = "certificate_invalid"


class LicenseKeyError(LicenseTokenError):
    """Refuse a license key that was not copied as it was issued."""

    code = "mistyped_key"
