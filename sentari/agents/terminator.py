"""Read what a TLS terminator in front says of the client's certificate."""

import binascii
import hashlib
import re
import ssl
from urllib.parse import unquote

_COLONS = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})+")
_PEM = re.compile(r"\s*-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*")


class TerminatorError(ValueError):
    """A header cannot be read; the text says which and what it should hold."""


def read_fingerprint(header: str) -> str:
    """Return a SHA-256 fingerprint in small hex digits; any case, with colons or without."""
    digits = header.strip()
    if _COLONS.fullmatch(digits):
        digits = digits.replace(":", "")
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", digits):
        raise TerminatorError("X-Client-Cert-Fingerprint must be a SHA-256 in hex, 64 digits")
    return digits.lower()


def fingerprint_of_pem(header: str) -> str:
    """Return the SHA-256 fingerprint of one certificate in URL-escaped PEM."""
    pem = unquote(header)
    try:
        if not _PEM.fullmatch(pem):
            raise ValueError
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.strip())).hexdigest()
    except (ValueError, binascii.Error) as error:
        raise TerminatorError("X-Client-Cert must be one certificate in URL-escaped PEM") from error
