"""What the internal CA signs, looked at with the library and verified by openssl."""

import ipaddress
import subprocess
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from sentari.agents.authority import certificate_pem, create_authority, fingerprint
from tests.clocks import NOON
from tests.sentari.agents.csrs import new_key

UID = "4ddc5a9b-1b9f-48c1-ab65-7ab879653a87"
HOSTS = ("localhost", "127.0.0.1", "::1", "sentari.example.com")


@pytest.fixture(scope="module")
def authority():
    return create_authority(NOON)


def value(certificate, kind):
    return certificate.extensions.get_extension_for_class(kind).value


def subject(certificate):
    return {name.rfc4514_attribute_name: name.value for name in certificate.subject}


def test_the_ca_signs_certificates_and_nothing_below_them(authority):
    found = authority.certificate
    assert value(found, x509.BasicConstraints) == x509.BasicConstraints(ca=True, path_length=0)
    usage = value(found, x509.KeyUsage)
    assert (usage.key_cert_sign, usage.crl_sign, usage.digital_signature) == (True, True, False)
    assert all(
        found.extensions.get_extension_for_class(kind).critical
        for kind in (x509.BasicConstraints, x509.KeyUsage)
    )
    assert isinstance(found.public_key().curve, ec.SECP256R1)


def test_the_ca_was_good_before_it_was_made_and_is_for_many_years(authority):
    assert authority.certificate.not_valid_before_utc == NOON - timedelta(days=30)
    assert authority.certificate.not_valid_after_utc == NOON + timedelta(days=20 * 365)


def test_two_cas_have_different_names_and_keys(authority):
    other = create_authority(NOON)
    assert other.certificate.subject != authority.certificate.subject
    assert other.key.public_key() != authority.key.public_key()


def test_a_devices_certificate_is_for_its_key_and_for_signing_in_only(authority):
    key = new_key()
    found = authority.issue_device(UID, key.public_key(), NOON)
    assert found.public_key() == key.public_key()
    assert subject(found) == {"O": "Sentari", "CN": UID}
    assert found.not_valid_before_utc == NOON - timedelta(hours=1)
    assert found.not_valid_after_utc == NOON + timedelta(days=90)
    assert value(found, x509.BasicConstraints).ca is False
    assert list(value(found, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    with pytest.raises(x509.ExtensionNotFound):
        value(found, x509.SubjectAlternativeName)
    found.verify_directly_issued_by(authority.certificate)


def test_no_serial_number_comes_twice_and_none_can_be_guessed(authority):
    key = new_key().public_key()
    serials = [authority.issue_device(UID, key, NOON).serial_number for _ in range(50)]
    assert len(set(serials)) == 50
    assert min(serial.bit_length() for serial in serials) > 120
    assert max(serial.bit_length() for serial in serials) <= 159


def test_a_servers_certificate_names_its_hosts_and_addresses(authority):
    found = authority.issue_server(HOSTS, new_key().public_key(), NOON)
    names = value(found, x509.SubjectAlternativeName)
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "sentari.example.com"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("127.0.0.1"),
        ipaddress.ip_address("::1"),
    ]
    assert list(value(found, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert found.not_valid_after_utc == NOON + timedelta(days=825)


def test_a_long_host_name_is_cut_in_the_subject_only(authority):
    host = "a" * 60 + ".example.com"
    found = authority.issue_server([host], new_key().public_key(), NOON)
    assert subject(found)["CN"] == host[:64]
    assert value(found, x509.SubjectAlternativeName).get_values_for_type(x509.DNSName) == [host]


@pytest.mark.parametrize(
    ("purpose", "good"), [("sslclient", True), ("sslserver", False), ("any", True)]
)
def test_openssl_takes_a_devices_certificate_strictly_and_as_a_clients(
    authority, tmp_path, purpose, good
):
    certificate = authority.issue_device(UID, new_key().public_key(), NOON)
    (tmp_path / "ca.pem").write_text(certificate_pem(authority.certificate))
    (tmp_path / "device.pem").write_text(certificate_pem(certificate))
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-attime", str(int(NOON.timestamp())), "-purpose",
         purpose, "-CAfile", str(tmp_path / "ca.pem"), str(tmp_path / "device.pem")],
        capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) is good, done.stderr


def test_a_fingerprint_is_what_openssl_prints(authority, tmp_path):
    (tmp_path / "ca.pem").write_text(certificate_pem(authority.certificate))
    printed = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", str(tmp_path / "ca.pem")],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert printed.partition("=")[2].strip().replace(":", "").lower() == fingerprint(
        authority.certificate
    )
