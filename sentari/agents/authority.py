"""The internal CA: what it signs and what stands in it. X.509 only; nothing is stored here."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ORGANIZATION = "Sentari"
AUTHORITY_YEARS = 20
DEVICE_DAYS = 90
# Browsers take no more of a certificate from a CA that was added by hand.
SERVER_DAYS = 825
# Agents' clocks, and the server's own at its first start, may be behind.
BACKDATED = timedelta(hours=1)
AUTHORITY_BACKDATED = timedelta(days=30)


@dataclass(frozen=True)
class Authority:
    """A CA with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    def issue_device(
        self, uid: str, public_key: ec.EllipticCurvePublicKey, now: datetime
    ) -> x509.Certificate:
        """Return a client certificate for a device, for 90 days from `now`."""
        builder = self._builder(_name(uid), public_key, now, DEVICE_DAYS)
        return self._sign(builder, ExtendedKeyUsageOID.CLIENT_AUTH)

    def issue_server(
        self, hosts: Sequence[str], public_key: ec.EllipticCurvePublicKey, now: datetime
    ) -> x509.Certificate:
        """Return a server certificate for names and addresses; the first one is the subject."""
        names = x509.SubjectAlternativeName([general_name(host) for host in hosts])
        builder = self._builder(_name(hosts[0]), public_key, now, SERVER_DAYS)
        builder = builder.add_extension(names, critical=False)
        return self._sign(builder, ExtendedKeyUsageOID.SERVER_AUTH)

    def _builder(
        self, subject: x509.Name, public_key: ec.EllipticCurvePublicKey, now: datetime, days: int
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.certificate.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATED)
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
        )

    def _sign(
        self, builder: x509.CertificateBuilder, purpose: x509.ObjectIdentifier
    ) -> x509.Certificate:
        own = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own.value)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        builder = builder.add_extension(issuer, critical=False)
        return builder.sign(self.key, hashes.SHA256())


def create_authority(now: datetime) -> Authority:
    """Return a new CA with a key and a name of its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    # Two servers' CAs must not be taken for one another by what looks them up by name.
    name = _name(f"Sentari internal CA {identifier.digest[:4].hex()}")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - AUTHORITY_BACKDATED)
        .not_valid_after(now + timedelta(days=AUTHORITY_YEARS * 365))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def general_name(host: str) -> x509.GeneralName:
    """Return a host as a subject alternative name: an IP address, or a DNS name in ASCII."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def certificate_pem(certificate: x509.Certificate) -> str:
    """Return the certificate as PEM text."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as PEM, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of the certificate in 64 small hex digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def _name(common_name: str) -> x509.Name:
    # X.509 has no room for more than 64 characters in a common name.
    names = ((NameOID.ORGANIZATION_NAME, ORGANIZATION), (NameOID.COMMON_NAME, common_name[:64]))
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in names])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
