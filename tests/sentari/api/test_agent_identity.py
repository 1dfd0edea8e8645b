"""Certificates, tokens and a terminator's word over HTTP, and the renewal of certificates."""

import hashlib
import ssl
from urllib.parse import quote

import pytest
from cryptography import x509

from sentari.agents.authority import certificate_pem, create_authority
from tests.sentari.agents.csrs import UNUSABLE, csr, new_key
from tests.sentari.fleet import make_fleet
from tests.sentari.inventory.scans import package, scan

SECRET = "the terminator's secret of the tests"
CONFIG, RENEW = "/api/v1/agent/config", "/api/v1/agent/renew"


@pytest.fixture
def behind(make_app, usual_url, clock, tmp_path):
    """A licensed server behind a TLS terminator."""
    return make_fleet(make_app, usual_url, clock, tmp_path, proxy_auth_secret=SECRET)


def enroll(fleet, **members):
    answer = fleet.register(csr=csr(), **members)
    assert answer.status_code in (200, 201), answer.get_data(as_text=True)
    return answer.json


def fingerprint(pem):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def vouched(pem, *, secret=SECRET, **more):
    return {"X-Client-Cert": quote(pem), "X-Sentari-Proxy-Auth": secret, **more}


def test_enrolling_answers_a_certificate_for_the_key_and_the_ca_to_trust(fleet):
    key = new_key()
    answer = fleet.register(csr=csr(key, "spoofed"))
    assert set(answer.json) == {"device_id", "device_token", "ca_cert", "device_cert", "message"}
    certificate = x509.load_pem_x509_certificate(answer.json["device_cert"].encode())
    assert certificate.public_key() == key.public_key()
    assert "spoofed" not in certificate.subject.rfc4514_string()
    [authority] = x509.load_pem_x509_certificates(answer.json["ca_cert"].encode())
    certificate.verify_directly_issued_by(authority)


def test_without_a_csr_the_answer_has_a_token_and_no_certificate(fleet):
    for nothing in ("", "  ", None):
        answer = fleet.register(csr=nothing)
        assert answer.status_code == 201
        assert answer.json["device_cert"] == ""
        assert answer.json["device_token"].startswith("strd_")


def test_the_ca_of_the_servers_own_tls_is_handed_out_beside_the_internal_one(
    make_app, usual_url, clock, tmp_path
):
    other = certificate_pem(create_authority(clock.now()).certificate)
    fleet = make_fleet(make_app, usual_url, clock, tmp_path, tls_ca=other)
    answers = [fleet.register(csr=csr()).json]
    token = {"Authorization": f"Bearer {answers[0]['device_token']}"}
    answers.append(fleet.agents.post(RENEW, json={"csr": csr()}, headers=token).json)
    for answer in answers:
        assert answer["ca_cert"].endswith(other)
        assert len(x509.load_pem_x509_certificates(answer["ca_cert"].encode())) == 2


def test_a_csr_that_cannot_be_used_enrolls_and_renews_nothing(fleet):
    _, token = fleet.enroll()
    for kind, make in UNUSABLE.items():
        bad = make()
        fleet.clock.advance(600)  # the renewals' rate limit
        for answer in (fleet.register(csr=bad), fleet.send(token, {"csr": bad}, path=RENEW)):
            assert (answer.status_code, answer.json["code"]) == (422, "invalid"), kind
            assert answer.json["errors"][0]["pointer"] == "/csr"
    count = fleet.browser("admin").get("/api/v1/inventory/devices/count")
    assert count.json["total"] == 1


def test_a_terminators_fingerprint_identifies_the_device(behind):
    given = enroll(behind)
    digits = fingerprint(given["device_cert"])
    colons = ":".join(digits[n : n + 2] for n in range(0, 64, 2)).upper()
    document = scan(package(), device_id=given["device_id"])
    for spelled in (digits, digits.upper(), colons):
        headers = {"X-Client-Cert-Fingerprint": spelled, "X-Sentari-Proxy-Auth": SECRET}
        assert behind.send(None, document, headers=headers).status_code == 202
        del headers["X-Sentari-Proxy-Auth"]
        assert behind.send(None, document, headers=headers).status_code == 401


def test_a_terminators_certificate_identifies_the_device(behind):
    given = enroll(behind)
    document = scan(package(), device_id=given["device_id"])
    headers = vouched(given["device_cert"])
    assert behind.send(None, document, headers=headers).status_code == 202
    other = scan(device_id=enroll(behind)["device_id"])
    answer = behind.send(None, other, headers=headers)
    assert (answer.status_code, answer.json["code"]) == (403, "wrong_device")


def test_a_terminators_word_without_the_right_secret_is_worth_nothing(behind):
    given = enroll(behind)
    for secret in ("", "wrong", SECRET + " x", f"{SECRET},{SECRET}", SECRET[:-1], "\xe4"):
        headers = vouched(given["device_cert"], secret=secret)
        answer = behind.agents.get(CONFIG, headers=headers)
        assert (answer.status_code, answer.json["code"]) == (401, "unauthenticated")
        headers["Authorization"] = f"Bearer {given['device_token']}"
        assert behind.agents.get(CONFIG, headers=headers).status_code == 200


def test_without_a_secret_set_no_terminator_is_believed(fleet):
    given = enroll(fleet)
    for secret in ("", "None", SECRET):
        headers = vouched(given["device_cert"], secret=secret)
        assert fleet.agents.get(CONFIG, headers=headers).status_code == 401


def test_a_header_that_came_twice_identifies_nobody(behind):
    given, other = enroll(behind), enroll(behind)
    once = quote(given["device_cert"])
    # Two headers of one name reach the app joined, as RFC 9110 has it.
    for twice in (f"{once},{once}", f"{quote(other['device_cert'])},{once}"):
        headers = vouched(given["device_cert"]) | {"X-Client-Cert": twice}
        assert behind.agents.get(CONFIG, headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("X-Client-Cert-Fingerprint", "ab" * 20, "SHA-256"),
        ("X-Client-Cert", "nonsense", "URL-escaped PEM"),
    ],
)
def test_a_terminator_that_sends_the_wrong_thing_is_told_what_is_wrong(behind, name, value, said):
    answer = behind.agents.get(CONFIG, headers={name: value, "X-Sentari-Proxy-Auth": SECRET})
    assert answer.status_code == 401
    assert said in answer.json["detail"]
    without = behind.agents.get(CONFIG, headers={name: value})
    assert said not in without.json["detail"]


def test_a_terminator_that_saw_no_certificate_leaves_the_token_to_speak(behind):
    given = enroll(behind)
    headers = {"X-Client-Cert": "", "X-Client-Cert-Fingerprint": "", "X-Sentari-Proxy-Auth": SECRET}
    assert behind.agents.get(CONFIG, headers=headers).status_code == 401
    headers["Authorization"] = f"Bearer {given['device_token']}"
    assert behind.agents.get(CONFIG, headers=headers).status_code == 200


def test_two_identities_in_one_request_are_403(behind):
    one, other = enroll(behind), enroll(behind)
    mixed = [
        vouched(one["device_cert"], Authorization=f"Bearer {other['device_token']}"),
        vouched(
            one["device_cert"], **{"X-Client-Cert-Fingerprint": fingerprint(other["device_cert"])}
        ),
    ]
    for headers in mixed:
        answer = behind.agents.get(CONFIG, headers=headers)
        assert (answer.status_code, answer.json["code"]) == (403, "conflicting_identity")
    agreed = vouched(
        one["device_cert"],
        Authorization=f"Bearer {one['device_token']}",
        **{"X-Client-Cert-Fingerprint": fingerprint(one["device_cert"])},
    )
    assert behind.agents.get(CONFIG, headers=agreed).status_code == 200


def test_a_socket_that_only_looks_like_one_proves_nothing(fleet):
    class Forged:
        def getpeercert(self, binary_form=False):
            return ssl.PEM_cert_to_DER_cert(given["device_cert"])

    given = enroll(fleet)
    answer = fleet.agents.get(CONFIG, environ_base={"gunicorn.socket": Forged()})
    assert answer.status_code == 401


def test_a_renewal_answers_as_an_enrollment_does(fleet):
    given, key = enroll(fleet), new_key()
    answer = fleet.send(given["device_token"], {"csr": csr(key)}, path=RENEW)
    assert answer.status_code == 200
    assert set(answer.json) == {"device_id", "ca_cert", "device_cert", "message"}
    assert answer.json["device_id"] == given["device_id"]
    certificate = x509.load_pem_x509_certificate(answer.json["device_cert"].encode())
    assert certificate.public_key() == key.public_key()


def test_who_renews_is_read_from_the_identity_and_never_from_the_body(behind):
    one, other = enroll(behind), enroll(behind)
    body = {"csr": csr(), "device_id": other["device_id"], "hostname": "other"}
    answer = behind.send(None, body, path=RENEW, headers=vouched(one["device_cert"]))
    assert answer.json["device_id"] == one["device_id"]
    assert behind.send(None, body, path=RENEW).status_code == 401


def test_nobody_renews_on_a_claim_not_even_when_debugging(trusting_fleet):
    device_id, _ = trusting_fleet.enroll()
    body = {"csr": csr(), "device_id": device_id}
    assert trusting_fleet.send(None, body, path=RENEW).status_code == 401


def test_a_renewal_needs_a_csr(fleet):
    given = enroll(fleet)
    for body in ({}, {"csr": ""}, {"csr": None}, {"csr": 5}, {"csr": [csr()]}):
        answer = fleet.send(given["device_token"], body, path=RENEW)
        assert answer.status_code == 422
        assert answer.json["errors"][0]["pointer"] == "/csr"
    assert fleet.send(given["device_token"], b"{", path=RENEW).status_code == 400


@pytest.mark.parametrize("state", ["suspended", "revoked"])
def test_a_certificate_is_renewed_in_every_license_state(fleet, state):
    given = enroll(fleet)
    fleet.unlicense(state)
    answer = fleet.send(given["device_token"], {"csr": csr()}, path=RENEW)
    assert answer.status_code == 200


def test_revoked_and_removed_devices_renew_nothing(fleet):
    first = enroll(fleet, machine_id="m-1")
    enroll(fleet, machine_id="m-1")
    answer = fleet.send(first["device_token"], {"csr": csr()}, path=RENEW)
    assert (answer.status_code, answer.json["code"]) == (403, "revoked")
    gone = enroll(fleet)
    fleet.remove(gone["device_id"])
    answer = fleet.send(gone["device_token"], {"csr": csr()}, path=RENEW)
    assert (answer.status_code, answer.json["code"]) == (404, "unknown_device")


def test_a_device_renews_ten_times_an_hour_and_no_more(fleet):
    given, other = enroll(fleet), enroll(fleet)
    send = lambda token: fleet.send(token, {"csr": csr()}, path=RENEW)  # noqa: E731 - read aloud
    codes = [send(given["device_token"]).status_code for _ in range(11)]
    assert codes == [200] * 10 + [429]
    assert send(other["device_token"]).status_code == 200


def test_a_ca_that_does_not_open_is_503_and_changes_nothing(fleet, make_app, usual_url):
    given = enroll(fleet, machine_id="m-1")
    fleet.app.extensions["sentari"].authorities.__init__("another secret, long enough to be one")
    for answer in (
        fleet.register(csr=csr(), machine_id="m-1"),
        fleet.send(given["device_token"], {"csr": csr()}, path=RENEW),
    ):
        assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
        assert answer.headers["Retry-After"] == "60"
    token = {"Authorization": f"Bearer {given['device_token']}"}
    assert fleet.agents.get(CONFIG, headers=token).status_code == 200
