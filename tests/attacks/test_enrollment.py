"""A stranger guesses tokens, a rogue agent asks for certificates of others: what each is given."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from werkzeug.test import TestResponse

from sentari.agents.enrollment_tokens import create_token, find_token, revoke_token
from sentari.extensions import writing
from tests.attacks.site import DAY, STATIC_TOKEN, Site
from tests.attacks.vendor import API


def made(site: Site, *, expires_in_days: int | None = 1, max_uses: int | None = 1) -> str:
    with site.app.app_context(), writing() as session:
        return create_token(
            session,
            name="servers",
            expires_in_days=expires_in_days,
            max_uses=max_uses,
            at=site.clock.now(),
            actor="test",
        ).text


def with_token(site: Site, token: Any) -> TestResponse:
    return site.register(enrollment_token=token)


GUESSES: dict[str, tuple[Any, int]] = {
    "nothing": ("", 403),
    "a blank": (" ", 403),
    "a wrong one": ("stre_" + "A" * 43, 403),
    "the static one but its last letter": (STATIC_TOKEN[:-1], 403),
    "the static one and a letter": (STATIC_TOKEN + "x", 403),
    "the static one in capitals": (STATIC_TOKEN.upper(), 403),
    "the static one with a blank": (STATIC_TOKEN + " ", 403),
    "the static one with a null": (STATIC_TOKEN + "\0", 403),
    "a wildcard": ("%", 403),
    "SQL": ("' OR '1'='1", 403),
    "513 characters": ("x" * 513, 403),
    "a lone surrogate": ("\ud800", 403),
    "foreign letters": ("\u0440" * 20, 403),
    "a number": (1, 422),
    "true": (True, 422),
    "a list": ([STATIC_TOKEN], 422),
    "an object": ({"$ne": ""}, 422),
    "null": (None, 403),
}


@pytest.mark.parametrize("guess", GUESSES)
def test_a_guess_enrolls_nothing(site: Site, guess: str) -> None:
    token, status = GUESSES[guess]
    assert with_token(site, token).status_code == status
    assert site.summary()["total_devices"] == 1


def test_other_kinds_of_credentials_enroll_nothing(site: Site) -> None:
    for token in (site.admin, site.viewer, site.device_token, site.sold["license_key"]):
        assert with_token(site, token).status_code == 403


def test_a_hash_out_of_the_database_is_not_the_token(site: Site) -> None:
    token = made(site)
    [row] = site.rows("SELECT token_hash, hint FROM enrollment_token")
    for guess in (row["token_hash"], f"stre_{row['token_hash']}", row["hint"]):
        assert with_token(site, guess).status_code == 403
    assert with_token(site, token).status_code == 201


def test_a_token_for_one_device_enrolls_one(site: Site) -> None:
    token = made(site)
    assert [with_token(site, token).status_code for _ in range(2)] == [201, 403]


def test_a_refused_registration_uses_no_token_up(site: Site) -> None:
    token = made(site)
    assert site.register(enrollment_token=token, csr="nonsense").status_code == 422
    assert with_token(site, token).status_code == 201


@pytest.mark.parametrize(("seconds", "status"), [(-61, 201), (-60, 403), (0, 403)])
def test_a_token_ends_on_the_second(site: Site, seconds: int, status: int) -> None:
    token = made(site)
    site.clock.advance(DAY + seconds)  # registering takes a minute
    site.refresh()
    assert with_token(site, token).status_code == status


def test_a_revoked_token_enrolls_nothing(site: Site) -> None:
    token = made(site)
    with site.app.app_context(), writing() as session:
        found = find_token(session, "servers")
        revoke_token(session, found, at=site.clock.now(), actor="test")
    assert with_token(site, token).status_code == 403


def test_after_ten_guesses_a_minute_even_the_right_token_has_to_wait(site: Site) -> None:
    site.clock.advance(60)
    body = {"hostname": "h", "enrollment_token": "wrong", "machine_id": ""}
    codes = [site.agents.post(f"{API}/agent/register", json=body).status_code for _ in range(12)]
    assert codes == [403] * 10 + [429] * 2
    answer = site.agents.post(
        f"{API}/agent/register", json=body | {"enrollment_token": STATIC_TOKEN}
    )
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 61
    assert with_token(site, STATIC_TOKEN).status_code == 201, "a minute later"


def test_guesses_do_not_tell_a_wrong_token_from_none(site: Site) -> None:
    wrong, none = with_token(site, "stre_" + "A" * 43), with_token(site, "")
    drop = {"request_id", "instance"}
    told = [{k: v for k, v in a.json.items() if k not in drop} for a in (wrong, none)]
    assert told[0] == told[1]


def request_for(*extensions: x509.ExtensionType, subject: str = "web-01") -> tuple[Any, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    names = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Sentari"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "CA"),
        x509.NameAttribute(NameOID.COMMON_NAME, subject),
    ]
    builder = x509.CertificateSigningRequestBuilder(x509.Name(names))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    signed = builder.sign(key, hashes.SHA256())
    return key, signed.public_bytes(serialization.Encoding.PEM).decode()


USAGE = x509.KeyUsage(
    digital_signature=True, content_commitment=True, key_encipherment=True, data_encipherment=True,
    key_agreement=True, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
)  # fmt: skip
WISHES: dict[str, tuple[tuple[x509.ExtensionType, ...], str]] = {
    "a CA": ((x509.BasicConstraints(ca=True, path_length=None),), "web-01"),
    "a CA that signs": ((x509.BasicConstraints(ca=True, path_length=9), USAGE), "web-01"),
    "the server's name": ((x509.SubjectAlternativeName([x509.DNSName("localhost")]),), "localhost"),
    "every name": ((x509.SubjectAlternativeName([x509.DNSName("*")]),), "*"),
    "a server's use": ((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),), "web-01"),
    "any use": (
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]),),
        "web-01",
    ),
    "another device's name": ((), "00000000-0000-4000-8000-000000000001"),
    "an admin's name": ((), "admin@example.com"),
    "no name": ((), " "),
}


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize("way", ["register", "renew"])
def test_a_certificate_has_only_what_the_server_puts_in(site: Site, wish: str, way: str) -> None:
    extensions, subject = WISHES[wish]
    key, pem = request_for(*extensions, subject=subject)
    if way == "register":
        answer = site.register(csr=pem)
    else:
        headers = {"Authorization": f"Bearer {site.device_token}"}
        answer = site.agents.post(f"{API}/agent/renew", json={"csr": pem}, headers=headers)
    certificate = x509.load_pem_x509_certificate(answer.json["device_cert"].encode())
    [authority] = x509.load_pem_x509_certificates(answer.json["ca_cert"].encode())
    certificate.verify_directly_issued_by(authority)
    assert certificate.public_key() == key.public_key()
    assert answer.json["device_id"] in certificate.subject.rfc4514_string()
    assert subject == " " or subject not in certificate.subject.rfc4514_string()
    found = {type(extension.value): extension.value for extension in certificate.extensions}
    assert found[x509.BasicConstraints] == x509.BasicConstraints(ca=False, path_length=None)
    assert list(found[x509.ExtendedKeyUsage]) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert x509.SubjectAlternativeName not in found
    assert not found[x509.KeyUsage].key_cert_sign
    assert certificate.not_valid_after_utc <= site.clock.now() + timedelta(days=90)


def test_a_key_that_two_devices_show_is_still_two_devices(site: Site) -> None:
    _, pem = request_for()
    first, second = site.register(csr=pem).json, site.register(csr=pem).json
    assert first["device_id"] != second["device_id"]
    assert first["device_cert"] != second["device_cert"]
