"""Certificate requests for tests: a good one, and every kind that must not be taken."""

import base64
import subprocess
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from tests.simulators.agent import certificate_request


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def csr(key: ec.EllipticCurvePrivateKey | None = None, hostname: str = "web-01") -> str:
    """What the agent sends."""
    return certificate_request(key or new_key(), hostname)


def signed(key: Any, algorithm: hashes.HashAlgorithm | None, **extensions: bool) -> str:
    """A request for any kind of key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "admin")])
    builder = x509.CertificateSigningRequestBuilder(name)
    if extensions.get("ca"):
        flag = x509.BasicConstraints(ca=True, path_length=None)
        builder = builder.add_extension(flag, critical=True)
        names = x509.SubjectAlternativeName([x509.DNSName("sentari.example.com")])
        builder = builder.add_extension(names, critical=False)
    request = builder.sign(key, algorithm)
    return request.public_bytes(serialization.Encoding.PEM).decode()


def by_openssl(directory: Path, *arguments: str) -> str:
    """A request that the library itself would not make."""
    command = ["openssl", "req", "-new", "-nodes", "-subj", "/CN=x", *arguments]
    paths = ["-keyout", str(directory / "key"), "-out", str(directory / "csr")]
    subprocess.run([*command, *paths], check=True, capture_output=True)
    return (directory / "csr").read_text()


def pem(der: bytes) -> str:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"


def der(text: str) -> bytes:
    return x509.load_pem_x509_csr(text.encode()).public_bytes(serialization.Encoding.DER)


def point_replaced(point: bytes) -> str:
    """A request whose 65-byte point is another one, so that its signature fails at best."""
    key = new_key()
    own = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return pem(der(csr(key)).replace(own, point.ljust(65, b"\0")))


SHA256 = hashes.SHA256()
UNUSABLE = {
    "rsa": lambda: signed(rsa.generate_private_key(65537, 2048), SHA256),
    "weak rsa": lambda: signed(rsa.generate_private_key(65537, 1024), SHA256),
    "p-384": lambda: signed(ec.generate_private_key(ec.SECP384R1()), SHA256),
    "p-224": lambda: signed(ec.generate_private_key(ec.SECP224R1()), SHA256),
    "secp256k1": lambda: signed(ec.generate_private_key(ec.SECP256K1()), SHA256),
    "ed25519": lambda: signed(ed25519.Ed25519PrivateKey.generate(), None),
    "sha-224": lambda: signed(new_key(), hashes.SHA224()),
    "a point off the curve": lambda: point_replaced(b"\4" + b"\1" * 64),
    "the point at infinity": lambda: point_replaced(b"\0"),
    "the point zero": lambda: point_replaced(b"\4"),
    "garbage": lambda: "garbage",
    "no base64": lambda: pem(b"").replace("\n\n", "\n????\n"),
    "an empty block": lambda: pem(b""),
    "base64 of nothing known": lambda: pem(b"nothing known"),
    "cut off": lambda: pem(der(csr())[:-5]),
    "trailing bytes": lambda: pem(der(csr()) + b"\0"),
    "two requests": lambda: csr() * 2,
    "text before": lambda: "Subject: /CN=x\n" + csr(),
    "another label": lambda: csr().replace("CERTIFICATE REQUEST", "CERTIFICATE"),
    "der": lambda: der(csr()).decode("latin-1"),
    "not ascii": lambda: csr().replace("M", "\u041c"),
    "huge": lambda: csr() + " " * 16_384,
}
