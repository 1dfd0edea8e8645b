"""Who may call what: every endpoint against a literal copy of the table, and the two doors."""

import re

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from license_server.access import access, declared_access
from tests.license_server.cast import Api, refusal
from tests.license_server.conftest import api_of, staff_token
from tests.license_server.pages import Person, person_with

NOBODY = "0f8fad5b-d9cb-469f-a165-70867728950e"

PROGRAMS = {
    ("GET", "/.well-known/sentari-license-keys.json"): None,
    ("GET", "/api/v1/openapi.json"): None,
    ("GET", "/health"): None,
    ("GET", "/healthz"): None,
    ("GET", "/metrics"): None,
    ("GET", "/readyz"): None,
    ("POST", "/api/v1/check-in"): None,
    ("GET", "/api/v1/customers"): "support",
    ("GET", "/api/v1/customers/<record:customer_id>"): "support",
    ("GET", "/api/v1/licenses/<record:license_id>"): "support",
    ("GET", "/api/v1/activations/<record:activation_id>"): "support",
    ("POST", "/api/v1/activations/<record:activation_id>/resolve-flags"): "issuer",
    ("POST", "/api/v1/customers"): "issuer",
    ("POST", "/api/v1/customers/<record:customer_id>/licenses"): "issuer",
    ("PATCH", "/api/v1/licenses/<record:license_id>"): "issuer",
    ("POST", "/api/v1/licenses/<record:license_id>/suspend"): "issuer",
    ("POST", "/api/v1/licenses/<record:license_id>/reinstate"): "issuer",
    ("POST", "/api/v1/licenses/<record:license_id>/revoke"): "issuer",
    ("POST", "/api/v1/licenses/<record:license_id>/rekey"): "issuer",
    ("DELETE", "/api/v1/activations/<record:activation_id>"): "issuer",
    ("POST", "/api/v1/licenses/<record:license_id>/approve"): "approver",
    ("POST", "/api/v1/licenses/<record:license_id>/presigned"): "approver",
}
PEOPLE = {
    ("GET", "/static/<path:filename>"): None,
    ("GET", "/activate"): None,
    ("POST", "/activate"): None,
    ("GET", "/login"): None,
    ("POST", "/login"): None,
    ("GET", "/login/code"): None,
    ("POST", "/login/code"): None,
    ("POST", "/logout"): "support",
    ("GET", "/"): "support",
    ("GET", "/account"): "support",
    ("GET", "/account/password"): "support",
    ("POST", "/account/password"): "support",
    ("POST", "/account/totp"): "support",
    ("POST", "/account/sessions/<int:session_id>/end"): "support",
    ("POST", "/account/sign-out-everywhere"): "support",
    ("GET", "/activations"): "support",
    ("GET", "/activations/<record:activation_id>"): "support",
    ("POST", "/activations/<record:activation_id>/resolve-flags"): "issuer",
    ("GET", "/approvals"): "support",
    ("GET", "/findings"): "support",
    ("GET", "/keys"): "support",
    ("GET", "/audit"): "support",
    ("GET", "/audit/verify"): "support",
    ("GET", "/outbox"): "support",
    ("GET", "/outbox/<record:mail_id>"): "support",
    ("POST", "/outbox/<record:mail_id>/retry"): "support",
    ("POST", "/outbox/<record:mail_id>/send-again"): "support",
    ("POST", "/outbox/<record:mail_id>/cancel"): "issuer",
    ("GET", "/customers"): "support",
    ("GET", "/customers/<record:customer_id>"): "support",
    ("GET", "/customers/new"): "issuer",
    ("POST", "/customers/new"): "issuer",
    ("GET", "/customers/<record:customer_id>/edit"): "issuer",
    ("POST", "/customers/<record:customer_id>/edit"): "issuer",
    ("GET", "/customers/<record:customer_id>/licenses/new"): "issuer",
    ("POST", "/customers/<record:customer_id>/licenses/new"): "issuer",
    ("GET", "/licenses"): "support",
    ("GET", "/licenses/<record:license_id>"): "support",
    ("GET", "/licenses/<record:license_id>/review"): "support",
    ("GET", "/licenses/<record:license_id>/terms"): "issuer",
    ("POST", "/licenses/<record:license_id>/terms"): "issuer",
    ("GET", "/licenses/<record:license_id>/issue"): "issuer",
    ("POST", "/licenses/<record:license_id>/issue"): "issuer",
    ("GET", "/licenses/<record:license_id>/discard"): "issuer",
    ("POST", "/licenses/<record:license_id>/discard"): "issuer",
    ("GET", "/licenses/<record:license_id>/suspend"): "issuer",
    ("POST", "/licenses/<record:license_id>/suspend"): "issuer",
    ("GET", "/licenses/<record:license_id>/reinstate"): "issuer",
    ("POST", "/licenses/<record:license_id>/reinstate"): "issuer",
    ("GET", "/licenses/<record:license_id>/revoke"): "issuer",
    ("POST", "/licenses/<record:license_id>/revoke"): "issuer",
    ("GET", "/licenses/<record:license_id>/rekey"): "issuer",
    ("POST", "/licenses/<record:license_id>/rekey"): "issuer",
    ("GET", "/licenses/<record:license_id>/activations/<record:activation_id>/release"): "issuer",
    ("POST", "/licenses/<record:license_id>/activations/<record:activation_id>/release"): "issuer",
    ("GET", "/licenses/<record:license_id>/approve"): "approver",
    ("POST", "/licenses/<record:license_id>/approve"): "approver",
    ("GET", "/licenses/<record:license_id>/presign"): "approver",
    ("POST", "/licenses/<record:license_id>/presign"): "approver",
    ("POST", "/licenses/<record:license_id>/reply-file"): "approver",
    ("GET", "/staff"): "approver",
    ("POST", "/staff"): "approver",
    ("GET", "/staff/<int:staff_id>"): "approver",
    ("POST", "/staff/<int:staff_id>/disable"): "approver",
    ("POST", "/staff/<int:staff_id>/enable"): "approver",
    ("POST", "/staff/<int:staff_id>/reset-password"): "approver",
    ("POST", "/staff/<int:staff_id>/reset-totp"): "approver",
    ("POST", "/staff/<int:staff_id>/revoke-token"): "approver",
    ("POST", "/staff/<int:staff_id>/role"): "approver",
}
# Public pages that other sites may send a form to.
FORGEABLE = {("POST", "/activate")}
ORDER = (None, "support", "issuer", "approver")


def path_of(rule: str) -> str:
    return re.sub("<.*?>", lambda found: "999" if "int:" in found[0] else NOBODY, rule)


def lower_than(role: str | None) -> list[str]:
    return [each for each in ORDER[: ORDER.index(role)] if each]


def test_every_endpoint_needs_the_role_in_this_table(server: Flask) -> None:
    with server.app_context():
        found = {
            (method, rule.rule): declared_access(rule.endpoint)
            for rule in server.url_map.iter_rules()
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        }
    assert {key: asked.role for key, asked in found.items()} == PROGRAMS | PEOPLE
    assert {key for key, asked in found.items() if asked.forgeable} == FORGEABLE


def test_an_endpoint_that_declares_nothing_is_for_approvers(server: Flask) -> None:
    server.add_url_rule("/forgotten", "forgotten", lambda: "")
    with server.app_context():
        assert declared_access("forgotten").role == "approver"
    assert server.test_client().get("/forgotten").status_code == 302


def test_what_needs_a_role_cannot_be_declared_forgeable() -> None:
    with pytest.raises(ValueError, match="must not be forgeable"):
        access(role="issuer", forgeable=True)


def test_programs_are_refused_with_no_token_and_with_too_low_a_role(server: Flask) -> None:
    apis = {role: api_of(server, role) for role in ("support", "issuer")}
    for (method, rule), role in PROGRAMS.items():
        if role is None:
            continue
        answer = server.test_client().open(path_of(rule), method=method)
        assert refusal(answer) == (401, "unauthorized"), rule
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        for lower in lower_than(role):
            headers = apis[lower].headers
            answer = server.test_client().open(path_of(rule), method=method, headers=headers)
            assert refusal(answer) == (403, "role_required"), rule


def test_people_are_sent_to_sign_in_and_refused_when_their_role_is_too_low(
    server: Flask,
) -> None:
    people = {role: person_with(server, role) for role in ("support", "issuer")}
    for (method, rule), role in PEOPLE.items():
        if role is None:
            continue
        answer = server.test_client().open(path_of(rule), method=method)
        assert is_the_sign_in(answer), rule
        for lower in lower_than(role):
            answer = people[lower].client.open(path_of(rule), method=method)
            assert answer.status_code == 403, rule
            assert "text/html" in answer.content_type
            assert f"this needs the role {role}" in answer.text.lower()


def test_no_page_takes_a_change_without_its_forms_token(approver_person: Person) -> None:
    for method, rule in PEOPLE.keys() - FORGEABLE:
        if method != "GET":
            answer = approver_person.client.open(path_of(rule), method=method)
            assert answer.status_code == 400, rule
            assert "The form has expired" in answer.text
    assert approver_person.get("/").status_code == 200


def test_a_session_opens_no_door_for_programs(approver_person: Person) -> None:
    for (method, rule), role in PROGRAMS.items():
        if role is not None:
            answer = approver_person.client.open(path_of(rule), method=method)
            assert refusal(answer) == (401, "unauthorized"), rule


def test_a_token_opens_no_page(server: Flask) -> None:
    api = api_of(server, "approver")
    for (method, rule), role in PEOPLE.items():
        if role is not None:
            answer = server.test_client().open(path_of(rule), method=method, headers=api.headers)
            assert is_the_sign_in(answer), rule


def is_the_sign_in(answer: TestResponse) -> bool:
    return answer.status_code == 302 and answer.headers["Location"].startswith("/login")


@pytest.mark.parametrize("token", ["", "sls_", "sls_" + "x" * 43, "x" * 5000, "SLS_x", "é"])
def test_a_wrong_token_is_nobodys(server: Flask, token: str) -> None:
    api = Api(server.test_client(), None)
    api.headers = {"Authorization": f"Bearer {token}"}
    assert refusal(api.get("/api/v1/customers")) == (401, "unauthorized")


def test_a_token_in_another_scheme_is_nobodys(server: Flask) -> None:
    token = staff_token(server, "ann@vendor.example", "support")
    api = Api(server.test_client(), None)
    api.headers = {"Authorization": f"Basic {token}"}
    assert refusal(api.get("/api/v1/customers")) == (401, "unauthorized")
