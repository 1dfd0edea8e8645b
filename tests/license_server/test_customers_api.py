"""Customers and issuing through the machine interface."""

from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from license_token.license_key import LicenseKey
from tests.license_server.cast import TERMS, Api, refusal


def pointers(answer: Any) -> list[str]:
    assert refusal(answer) == (422, "invalid")
    return [error["pointer"] for error in answer.json["errors"]]


def test_a_customer_is_added_and_shown(issuer: Api, support: Api) -> None:
    body = {"name": " Example Ltd ", "email": "it@example.com", "notes": "via Ann\nB2B"}
    answer = issuer.post("/api/v1/customers", body)
    assert answer.status_code == 201
    path = answer.headers["Location"]
    shown = support.get(path).json
    assert (shown["name"], shown["email"]) == ("Example Ltd", "it@example.com")
    assert (shown["notes"], shown["licenses"]) == ("via Ann\nB2B", [])
    assert shown["created_by"] == "staff:issuer@vendor.example"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"email": "it@example.com"}, ["/name"]),
        ({"name": "x"}, ["/email"]),
        ({"name": "", "email": "it@example.com"}, ["/name"]),
        ({"name": "x" * 201, "email": "it@example.com"}, ["/name"]),
        ({"name": "a\nb", "email": "it@example.com"}, ["/name"]),
        ({"name": "x", "email": "it"}, ["/email"]),
        ({"name": "x", "email": "a@b@c"}, ["/email"]),
        ({"name": "x", "email": "a@b\r\nBcc: c@d"}, ["/email"]),
        ({"name": "x", "email": "Ann <ann@example.com>"}, ["/email"]),
        ({"name": 5, "email": "it@example.com"}, ["/name"]),
        ({"name": "x", "email": "it@example.com", "nmae": "y"}, ["/nmae"]),
        ({"name": "x", "email": "it@example.com", "notes": "x" * 10_001}, ["/notes"]),
        ({"name": "x", "email": "it@example.com", "notes": "\x00"}, ["/notes"]),
        ({}, ["/name", "/email"]),
    ],
)
def test_a_wrong_customer_is_refused_with_a_pointer(
    issuer: Api, body: dict[str, object], expected: list[str]
) -> None:
    assert pointers(issuer.post("/api/v1/customers", body)) == expected


def test_a_name_is_accepted_at_its_longest(issuer: Api) -> None:
    issuer.new_customer("x" * 200)


def test_customers_are_listed_by_name_in_pages_and_searched(issuer: Api, support: Api) -> None:
    for name in ("beta", "Alpha", "gamma 100%"):
        issuer.new_customer(name)
    listed = support.get("/api/v1/customers?page_size=2").json
    assert [item["name"] for item in listed["items"]] == ["Alpha", "beta"]
    assert (listed["total"], listed["page"], listed["page_size"]) == (3, 1, 2)
    assert (
        support.get("/api/v1/customers?page_size=2&page=2").json["items"][0]["name"][:5] == "gamma"
    )
    found = support.get("/api/v1/customers?search=100%25").json
    assert [item["name"] for item in found["items"]] == ["gamma 100%"]
    assert support.get("/api/v1/customers?search=_").json["total"] == 0
    assert support.get("/api/v1/customers?search=al%00pha").json["total"] == 1


@pytest.mark.parametrize("query", ["page=0", "page_size=0", "page_size=501", "page=x", "page=-1"])
def test_a_page_out_of_range_is_refused(support: Api, query: str) -> None:
    assert refusal(support.get(f"/api/v1/customers?{query}")) == (400, "bad_parameter")


def test_issuing_answers_with_the_key_and_nothing_else_ever_does(
    issuer: Api, support: Api, tmp_path: Path
) -> None:
    customer_id = issuer.new_customer()
    answer = issuer.post(f"/api/v1/customers/{customer_id}/licenses", TERMS)
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    key = LicenseKey.parse(answer.json["license_key"])
    assert answer.json["status"] == "active"
    assert answer.json["approval"] == "not_required"
    for path in (answer.headers["Location"], f"/api/v1/customers/{customer_id}"):
        text = support.get(path).text
        assert key.text not in text
        assert key.characters not in text
        assert key.hint in text
    for file in tmp_path.glob("*.db*"):
        assert key.text.encode() not in file.read_bytes()
        assert key.characters.encode() not in file.read_bytes()


def test_the_key_is_mailed_as_a_file_that_only_the_owner_can_read(
    issuer: Api, tmp_path: Path
) -> None:
    issued = issuer.issue()
    [path] = (tmp_path / "mail").glob("*.eml")
    assert path.stat().st_mode & 0o777 == 0o600
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert message["To"] == "it@example.com"
    assert message["From"] == "licenses@sentari.dev"
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        assert issued["license_key"] in body.get_content()


def test_terms_that_are_left_out_are_the_careful_ones(issuer: Api) -> None:
    issued = issuer.issue()
    shown = issuer.get(f"/api/v1/licenses/{issued['id']}").json
    assert (shown["max_offline_days"], shown["max_activations"]) == (1, 1)
    assert (shown["airgap"], shown["airgap_addendum_signed_at"]) == (False, None)


@pytest.mark.parametrize("name", ["tier", "expires_at", "max_devices", "max_packages"])
def test_a_term_without_a_careful_default_must_be_given(issuer: Api, name: str) -> None:
    body = {key: value for key, value in TERMS.items() if key != name}
    path = f"/api/v1/customers/{issuer.new_customer()}/licenses"
    assert pointers(issuer.post(path, body)) == [f"/{name}"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"max_devices": -1}, ["/max_devices"]),
        ({"max_devices": True}, ["/max_devices"]),
        ({"max_devices": 1.5}, ["/max_devices"]),
        ({"max_devices": "5"}, ["/max_devices"]),
        ({"max_devices": 2**53 + 1}, ["/max_devices"]),
        ({"grace_period_days": 366}, ["/grace_period_days"]),
        ({"read_only_period_days": 3651}, ["/read_only_period_days"]),
        ({"grace_period_days": None}, ["/grace_period_days"]),
        ({"expires_at": "2027-02-30"}, ["/expires_at"]),
        ({"expires_at": "23.11.2027"}, ["/expires_at"]),
        ({"expires_at": 1_800_000_000}, ["/expires_at"]),
        ({"expires_at": None}, ["/expires_at"]),
        ({"tier": ""}, ["/tier"]),
        ({"max_offline_days": 2}, ["/airgap", "/airgap_addendum_signed_at"]),
        ({"max_offline_days": 2, "airgap": True}, ["/airgap_addendum_signed_at"]),
        (
            {
                "max_offline_days": 2,
                "airgap": False,
                "airgap_addendum_signed_at": "2026-11-01",
            },
            ["/airgap"],
        ),
        ({"airgap_addendum_signed_at": "2026-11-24"}, ["/airgap_addendum_signed_at"]),
        ({"max_activations": 0}, ["/max_activations"]),
        ({"status": "active"}, ["/status"]),
        ({"reason": ""}, ["/reason"]),
    ],
)
def test_wrong_terms_are_refused_with_pointers(
    issuer: Api, changes: dict[str, object], expected: list[str]
) -> None:
    path = f"/api/v1/customers/{issuer.new_customer()}/licenses"
    assert sorted(pointers(issuer.post(path, {**TERMS, **changes}))) == sorted(expected)


def test_the_addendums_date_alone_makes_it_the_airgap_tier(issuer: Api) -> None:
    issued = issuer.issue(max_offline_days=90, airgap_addendum_signed_at="2026-11-23")
    assert issuer.get(f"/api/v1/licenses/{issued['id']}").json["airgap"] is True


def test_a_license_for_nobody_is_refused(issuer: Api) -> None:
    assert refusal(issuer.post("/api/v1/customers/nobody/licenses", TERMS)) == (404, "not_found")
    assert refusal(issuer.get("/api/v1/customers/nobody")) == (404, "not_found")


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "a", "name": "b", "email": "it@example.com"}',
        b'{"name": "a", "email": "it@example.com", "notes": NaN}',
        b'{"name": "a"',
        b'["a"]',
        b"null",
        b"",
        b"\xff",
        b"[" * 50_000,
    ],
)
def test_a_body_is_one_strict_json_object(issuer: Api, body: bytes) -> None:
    answer = issuer.client.post(
        "/api/v1/customers", data=body, headers=issuer.headers, content_type="application/json"
    )
    assert refusal(answer) == (400, "malformed")


def test_a_body_of_64_kib_is_read_and_a_longer_one_is_not(issuer: Api) -> None:
    longest = b'{"name": "' + b"x" * 65_524 + b'"}'
    for body, status in ((longest, 422), (longest + b" ", 413)):
        answer = issuer.client.post(
            "/api/v1/customers", data=body, headers=issuer.headers, content_type="application/json"
        )
        assert refusal(answer)[0] == status


def test_another_content_type_is_refused(issuer: Api) -> None:
    answer = issuer.client.post(
        "/api/v1/customers", data="name=x", headers=issuer.headers, content_type="text/plain"
    )
    assert refusal(answer) == (415, "unsupported_media_type")
