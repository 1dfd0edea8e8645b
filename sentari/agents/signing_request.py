"""Read the public key out of a device's certificate request (PKCS #10). Nothing else of it counts:
names, extensions and flags are the client's own words."""

import re

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sentari.inventory.fields import Fields

MAX_CSR_CHARACTERS = 16_384
# One block and nothing beside it: what a lenient reader would skip has no place here.
_ONE_BLOCK = re.compile(
    r"\s*-----BEGIN CERTIFICATE REQUEST-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE REQUEST-----\s*"
)
_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


class SigningRequestError(ValueError):
    """A certificate request cannot be used; the text says why, after "the CSR"."""


def read_device_key(text: str) -> ec.EllipticCurvePublicKey:
    """Return the P-256 key that a PEM certificate request proves to hold, else raise
    SigningRequestError."""
    if len(text) > MAX_CSR_CHARACTERS:
        raise SigningRequestError(f"must have at most {MAX_CSR_CHARACTERS:,} characters")
    if not _ONE_BLOCK.fullmatch(text):
        raise SigningRequestError("must be one CERTIFICATE REQUEST block in PEM")
    try:
        request = x509.load_pem_x509_csr(text.encode())
        key = request.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise SigningRequestError("cannot be read as a PKCS #10 request") from error
    # Before its signature: with a huge key of another kind that would take long.
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SigningRequestError("must be for a P-256 key")
    # Written in any other way (its curve in numbers, say) it is no agent's.
    written = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if written not in request.tbs_certrequest_bytes:
        raise SigningRequestError("must hold its key in the usual form: named curve, whole point")
    if not _signed_well(request):
        raise SigningRequestError("must be signed by its own key, with SHA-256 or better")
    return key


def _signed_well(request: x509.CertificateSigningRequest) -> bool:
    try:
        return isinstance(request.signature_hash_algorithm, _HASHES) and request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def read_csr_field(fields: Fields) -> ec.EllipticCurvePublicKey | None:
    """Return the key of an object's `csr`, None when that is empty; what is wrong is noted."""
    text = fields.text("csr", MAX_CSR_CHARACTERS + 1)
    try:
        return read_device_key(text) if text.strip() else None
    except SigningRequestError as error:
        fields.faults.add(f"{fields.pointer}/csr", str(error))
        return None
