import ssl
import stat
import threading
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from sentari.agents.authority import create_authority, fingerprint, private_pem
from sentari.agents.server_tls import (
    FILE_NAME,
    LazyContext,
    ensure_server_certificate,
    server_context,
    server_hosts,
)
from tests.clocks import NOON
from tests.sentari.agents.csrs import new_key

HOSTS = ("localhost", "127.0.0.1", "::1", "web-01")
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
AUTHORITY = create_authority(NOON)


@pytest.mark.parametrize(
    ("host_name", "public_url", "more"),
    [
        ("web-01", None, ["web-01"]),
        ("WEB-01", "https://Sentari.Example.com:8443/x", ["web-01", "sentari.example.com"]),
        ("localhost", "https://127.0.0.1", []),
        ("web-01", "https://[2001:db8::1]:8443", ["web-01", "2001:db8::1"]),
        (
            "web-01",
            "https://b\N{LATIN SMALL LETTER U WITH DIAERESIS}ro.example",
            ["web-01", "xn--bro-hoa.example"],
        ),
        ("", "https://" + "a" * 64 + "\xe4.example", []),
        ("a" * 254, None, []),
    ],
)
def test_the_hosts_of_the_certificate(host_name, public_url, more):
    assert server_hosts(host_name, public_url) == ("localhost", "127.0.0.1", "::1", *more)


def ensure(directory, *, hosts=HOSTS, authority=AUTHORITY, now=NOON):
    ensure_server_certificate(directory, hosts, authority.certificate, lambda: authority, now)
    content = (directory / FILE_NAME).read_bytes()
    return fingerprint(x509.load_pem_x509_certificate(content))


def test_the_certificate_is_kept_over_restarts_because_agents_pin_it(tmp_path):
    directory = tmp_path / "data" / "tls"
    first = ensure(directory)
    assert ensure(directory, now=NOON + DAY) == first
    assert ensure(directory, hosts=HOSTS[::-1]) == first
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / FILE_NAME).stat().st_mode) == 0o600


def test_a_certificate_that_is_kept_needs_no_open_ca(tmp_path):
    ensure(tmp_path)

    def sealed():
        raise AssertionError("the CA was opened")

    ensure_server_certificate(tmp_path, HOSTS, AUTHORITY.certificate, sealed, NOON)


@pytest.mark.parametrize(("passed", "kept"), [(-SECOND, True), (0 * SECOND, False)])
def test_a_certificate_is_replaced_well_before_its_end(tmp_path, passed, kept):
    first = ensure(tmp_path)
    later = NOON + timedelta(days=825 - 90) + passed
    assert (ensure(tmp_path, now=later) == first) is kept


def test_a_certificate_that_does_not_fit_is_replaced(tmp_path):
    first = ensure(tmp_path)
    second = ensure(tmp_path, hosts=(*HOSTS, "sentari.example.com"))
    third = ensure(tmp_path, authority=create_authority(NOON))
    assert len({first, second, third}) == 3
    assert ensure(tmp_path, now=NOON - DAY) not in (first, second, third)


def test_a_container_that_is_made_anew_keeps_its_certificate(tmp_path):
    first = ensure(tmp_path, hosts=("localhost", "0123456789ab"))
    assert ensure(tmp_path, hosts=("localhost", "ba9876543210")) == first
    assert ensure(tmp_path, hosts=("localhost", "web-02")) != first


@pytest.mark.parametrize("damage", [b"", b"nonsense", "another key", "no key"])
def test_a_damaged_file_is_replaced(tmp_path, damage):
    first = ensure(tmp_path)
    path = tmp_path / FILE_NAME
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    damages = {"another key": private_pem(new_key()) + pem, "no key": pem}
    path.write_bytes(damages.get(damage, damage))
    assert ensure(tmp_path) != first
    server_context(str(path), str(path), _pem(AUTHORITY))


def test_servers_that_start_at_once_in_one_directory_serve_one_certificate(tmp_path):
    found, barrier = [], threading.Barrier(4)

    def start():
        barrier.wait()
        found.append(ensure(tmp_path))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_an_encrypted_key_is_refused_without_asking_anybody(tmp_path):
    ensure(tmp_path)
    path = tmp_path / FILE_NAME
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (tmp_path / "key.pem").write_bytes(encrypted)
    with pytest.raises(ssl.SSLError):
        server_context(str(path), str(tmp_path / "key.pem"), _pem(AUTHORITY))


def test_only_tls_1_3_is_spoken_and_certificates_are_asked_for_but_not_needed(tmp_path):
    ensure(tmp_path)
    path = str(tmp_path / FILE_NAME)
    context = server_context(path, path, _pem(AUTHORITY))
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.verify_mode is ssl.CERT_OPTIONAL
    assert [ca["serialNumber"] for ca in context.get_ca_certs()] == [
        f"{AUTHORITY.certificate.serial_number:040X}"
    ]


def test_a_context_is_made_once_and_again_after_a_failure(tmp_path):
    ensure(tmp_path)
    path, lazy = str(tmp_path / FILE_NAME), LazyContext()
    with pytest.raises(ssl.SSLError, match="not known"):
        lazy.get(path, path)
    lazy.client_ca = lambda: _pem(AUTHORITY)
    assert lazy.get(path, path) is lazy.get(path, path)


def _pem(authority):
    return authority.certificate.public_bytes(serialization.Encoding.PEM).decode()
