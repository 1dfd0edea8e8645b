"""Headers that only a proxy or a TLS terminator may send, sent by somebody else.

What a terminator with the right secret may say is in tests/sentari/api/test_agent_identity.py.
"""

from urllib.parse import quote

import pytest

from sentari.agents.authority import certificate_pem, create_authority
from tests.attacks.site import STATIC_TOKEN, Site
from tests.attacks.vendor import API
from tests.sentari.agents.csrs import csr
from tests.sentari.inventory.scans import scan

FAR_AWAY = {"REMOTE_ADDR": "203.0.113.9"}


def own_certificate(site: Site) -> tuple[str, str]:
    """Enroll with a certificate and return it with its fingerprint."""
    pem = site.register(csr=csr()).json["device_cert"]
    [row] = site.rows("SELECT fingerprint FROM device_certificate ORDER BY id DESC LIMIT 1")
    return pem, row["fingerprint"]


@pytest.mark.parametrize(
    "header",
    [
        "X-Client-Cert",
        "X-Client-Cert-Fingerprint",
        "X-Forwarded-Client-Cert",
        "X-SSL-Client-Cert",
        "X-SSL-Client-Verify",
        "X-SSL-Client-SHA256",
        "SSL-Client-Cert",
        "X-ARR-ClientCert",
        "X-Amzn-Mtls-Clientcert",
        "Client-Cert",
    ],
)
def test_a_certificate_in_a_header_is_nobodys(site: Site, header: str) -> None:
    pem, fingerprint = own_certificate(site)
    for value in (quote(pem), fingerprint, "SUCCESS", pem.replace("\n", " ")):
        for proof in ({}, {"X-Sentari-Proxy-Auth": ""}, {"X-Sentari-Proxy-Auth": "None"}):
            answer = site.agents.get(f"{API}/agent/config", headers={header: value, **proof})
            assert answer.status_code == 401


def test_a_certificate_of_another_ca_with_our_names_is_nobodys(site: Site) -> None:
    foreign = certificate_pem(create_authority(site.clock.now()).certificate)
    headers = {"X-Client-Cert": quote(foreign), "X-Sentari-Proxy-Auth": ""}
    assert site.agents.get(f"{API}/agent/config", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "forged",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-For": "127.0.0.1, 127.0.0.1"},
        {"X-Real-IP": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"X-Client-IP": "127.0.0.1"},
        {"True-Client-IP": "127.0.0.1"},
        {"X-Forwarded-Host": "localhost"},
        {"Host": "localhost"},
    ],
    ids=str,
)
def test_a_stranger_is_not_the_machine_itself(site: Site, forged: dict[str, str]) -> None:
    answer = site.agents.get("/metrics", headers=forged, environ_base=FAR_AWAY)
    assert answer.status_code in (401, 403)


def test_an_address_in_a_header_does_not_start_a_new_count(site: Site) -> None:
    site.clock.advance(60)
    body = {
        "hostname": "h",
        "enrollment_token": "wrong",
        "os": "",
        "arch": "",
        "agent_version": "",
        "machine_id": "",
        "csr": "",
    }
    codes = [
        site.agents.post(
            f"{API}/agent/register",
            json=body,
            headers={"X-Forwarded-For": f"198.51.100.{number}", "X-Real-IP": f"10.0.0.{number}"},
        ).status_code
        for number in range(11)
    ]
    assert codes == [403] * 10 + [429]


def test_the_addresses_of_one_ipv6_network_are_one_guesser(site: Site) -> None:
    site.clock.advance(60)
    body = {"hostname": "h", "enrollment_token": "wrong", "machine_id": ""}

    def guess(address: str) -> int:
        base = {"REMOTE_ADDR": address}
        path = f"{API}/agent/register"
        return site.agents.post(path, json=body, environ_base=base).status_code

    codes = [guess(f"2001:db8:0:1:{number:x}::{number:x}") for number in range(11)]
    assert codes == [403] * 10 + [429]
    assert guess("2001:db8:0:2::1") == 403, "another network is somebody else"


def test_a_device_id_in_the_body_is_not_an_identity(site: Site) -> None:
    document = scan(device_id=site.device_id)
    answer = site.agents.post(f"{API}/agent/scan", json=document)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer {device}x",
        "Bearer",
        "Bearer ",
        "Basic {device}",
        "Token {device}",
        "Bearer {device}, Bearer {device}",
        "Bearer {admin}",
        "Bearer {static}",
        "Bearer ' OR 1=1 --",
        "Bearer \xe4",
    ],
)
def test_another_credential_is_no_device(site: Site, authorization: str) -> None:
    value = authorization.format(device=site.device_token, admin=site.admin, static=STATIC_TOKEN)
    headers = {"Authorization": value}
    document = scan(device_id=site.device_id)
    answer = site.agents.post(f"{API}/agent/scan", json=document, headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/inventory/summary", "/license/request", "/audit/verify"])
def test_a_devices_token_is_no_persons(site: Site, path: str) -> None:
    headers = {"Authorization": f"Bearer {site.device_token}"}
    assert site.agents.get(f"{API}{path}", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/license/activate"),
        ("POST", "/license/refresh"),
        ("GET", "/license/request"),
        ("GET", "/audit/verify"),
        ("DELETE", "/inventory/devices/x"),
    ],
)
def test_a_viewers_token_does_nothing_that_is_an_admins(site: Site, method: str, path: str) -> None:
    headers = {"Authorization": f"Bearer {site.viewer}"}
    answer = site.agents.open(f"{API}{path}", method=method, headers=headers, json={})
    assert answer.status_code == 403
