"""Whom an outbound TLS connection believes, and what a certificate says about its issuer."""

import ssl
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from sentari.licensing.answer import one_line

LONGEST_BUNDLE_BYTES = 4 * 1024 * 1024

# Where Debian, Red Hat, SUSE and Alpine keep the CAs of the system, all in one file.
_SYSTEM_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)

# Words in an issuer's name that give away a product which opens TLS on its way.
_INSPECTORS = {
    "zscaler": "Zscaler",
    "netskope": "Netskope",
    "goskope": "Netskope",
    "palo alto": "Palo Alto Networks",
    "fortinet": "Fortinet FortiGate",
    "fortigate": "Fortinet FortiGate",
    "blue coat": "Symantec (Blue Coat) ProxySG",
    "bluecoat": "Symantec (Blue Coat) ProxySG",
    "cisco umbrella": "Cisco Umbrella",
    "check point": "Check Point",
    "checkpoint": "Check Point",
    "sophos": "Sophos",
    "mcafee": "Skyhigh (McAfee) Web Gateway",
    "skyhigh": "Skyhigh (McAfee) Web Gateway",
    "forcepoint": "Forcepoint",
    "websense": "Forcepoint",
    "barracuda": "Barracuda",
    "watchguard": "WatchGuard",
    "sonicwall": "SonicWall",
    "untangle": "Untangle",
    "cloudflare gateway": "Cloudflare Gateway",
    "kaspersky": "Kaspersky",
    "eset ssl filter": "ESET",
    "bitdefender": "Bitdefender",
    "avast": "Avast",
    "mitmproxy": "mitmproxy",
    "squid": "Squid",
}


class TrustError(ValueError):
    """A file of CA certificates cannot be used."""


def system_authorities() -> Path | None:
    """Return the file with the system's CAs, or None when the system has none.

    SSL_CERT_FILE and SSL_CERT_DIR are not asked: the outbound call takes nothing from the
    environment but its own documented variables.
    """
    candidates = (*_SYSTEM_FILES, ssl.get_default_verify_paths().openssl_cafile)
    return next((Path(name) for name in candidates if Path(name).is_file()), None)


def client_context(authorities: Path, ca_bundle: Path | None) -> ssl.SSLContext:
    """Return a context that believes the CAs of both files and checks the host's name.

    Raises TrustError when a file cannot be read or holds no certificate.
    """
    # Built by hand: create_default_context() and urllib3 would obey SSLKEYLOGFILE.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A bundle may hold the intermediate CA of an inspecting proxy without its root.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    _load(context, authorities, "the system's CA file")
    if ca_bundle is not None:
        _load(context, ca_bundle, "SENTARI_CA_BUNDLE")
    return context


def issuer_of(certificate: bytes) -> str:
    """Return the issuer's name in a DER certificate as one readable line."""
    try:
        issuer = x509.load_der_x509_certificate(certificate).issuer
    except ValueError:
        return "an issuer that cannot be read"
    wanted = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
    names = [str(found[0].value) for oid in wanted if (found := issuer.get_attributes_for_oid(oid))]
    return one_line(", ".join(dict.fromkeys(names)) or issuer.rfc4514_string() or "no name")


def validity_of(certificate: bytes) -> tuple[datetime, datetime] | None:
    """Return from when to when a DER certificate is valid, or None when it cannot be read."""
    try:
        read = x509.load_der_x509_certificate(certificate)
        return read.not_valid_before_utc, read.not_valid_after_utc
    except ValueError:
        return None


def inspector_named(issuer: str) -> str | None:
    """Return the TLS-inspecting product that an issuer's name gives away, or None."""
    name = issuer.lower()
    return next((product for word, product in _INSPECTORS.items() if word in name), None)


def _load(context: ssl.SSLContext, path: Path, what: str) -> None:
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST_BUNDLE_BYTES + 1)
    except OSError as error:
        raise TrustError(f"{what} cannot be read ({error.strerror}): {path}") from error
    if len(content) > LONGEST_BUNDLE_BYTES:
        raise TrustError(f"{what} is longer than {LONGEST_BUNDLE_BYTES} bytes: {path}")
    try:
        context.load_verify_locations(cadata=content.decode("ascii", "ignore"))
    except (ssl.SSLError, ValueError) as error:
        raise TrustError(f"{what} holds no readable PEM certificate: {path}") from error
