"""What a certificate says about its issuer."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sentari.licensing.trust import (
    inspector_named,
    issuer_of,
    system_authorities,
    validity_of,
)


def certificate_of(authority: trustme.CA) -> bytes:
    pem = authority.issue_cert("localhost").cert_chain_pems[0].bytes()
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def test_an_issuer_is_one_readable_line() -> None:
    authority = trustme.CA(organization_name="Example\nWorks", organization_unit_name="Any")
    assert issuer_of(certificate_of(authority)) == "Example Works"


def test_a_validity_is_read_as_utc() -> None:
    validity = validity_of(certificate_of(trustme.CA()))
    assert validity is not None
    assert validity[0] < datetime.now(UTC) < validity[1]


@pytest.mark.parametrize("damaged", [b"", b"\x30\x03\x02\x01\x01", b"x" * 2_000])
def test_a_damaged_certificate_is_said_to_be_unreadable(damaged: bytes) -> None:
    assert issuer_of(damaged) == "an issuer that cannot be read"
    assert validity_of(damaged) is None


@pytest.mark.parametrize(
    ("issuer", "product"),
    [
        ("Zscaler Intermediate Root CA (zscalertwo.net)", "Zscaler"),
        ("ca.example.goskope.com, Example", "Netskope"),
        ("FortiGate CA, Fortinet", "Fortinet FortiGate"),
        ("Example Works Squid CA", "Squid"),
        ("mitmproxy", "mitmproxy"),
        ("R11, Let's Encrypt", None),
        ("", None),
    ],
)
def test_inspecting_products_are_known_by_their_issuers_names(
    issuer: str, product: str | None
) -> None:
    assert inspector_named(issuer) == product


def test_the_systems_cas_are_not_taken_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usual = system_authorities()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
    (tmp_path / "other.pem").touch()
    assert system_authorities() == usual
