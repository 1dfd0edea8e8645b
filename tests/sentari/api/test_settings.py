"""One's own account and tokens over the API: what the pages of Settings do."""

import pytest

from tests.conftest import PASSWORD, add_user
from tests.sentari.accounts.people import NEW, Person, events
from tests.sentari.fleet import Fleet

ACCOUNT, TOKENS, ENROLLMENT = (
    "/api/v1/account",
    "/api/v1/api-tokens",
    "/api/v1/enrollment-tokens",
)


@pytest.fixture
def admin(fleet: Fleet) -> Person:
    add_user(fleet.app, "ann@example.com", "admin")
    person = Person(fleet.app, "ann@example.com")
    assert person.sign_in().status_code == 302
    return person


@pytest.fixture
def program(fleet: Fleet, admin: Person) -> dict[str, str]:
    """The headers of a program with an admin's token that the admin made."""
    made = admin.call(TOKENS, {"name": "ci", "role": "admin", "expires_in_days": 1})
    assert made.status_code == 201, made.text
    return {"Authorization": f"Bearer {made.json['token']}"}


def test_a_program_and_a_person_learn_who_they_are(
    fleet: Fleet, admin: Person, program: dict[str, str]
) -> None:
    told = fleet.agents.get(ACCOUNT, headers=program).json
    assert told == {"kind": "token", "name": "ci", "role": "admin"}
    told = admin.get(ACCOUNT).json
    assert told == {"kind": "person", "name": "ann@example.com", "role": "admin"}
    assert fleet.agents.get(ACCOUNT).status_code == 401


def test_ones_own_sessions_are_listed_and_ended(fleet: Fleet, admin: Person) -> None:
    phone = Person(fleet.app, admin.email)
    phone.sign_in()
    listed = admin.get(f"{ACCOUNT}/sessions?page_size=1").json
    assert (listed["total"], len(listed["items"])) == (2, 1)
    other = next(
        row for row in admin.get(f"{ACCOUNT}/sessions").json["items"] if not row["current"]
    )
    fleet.unlicense()
    assert admin.delete(f"{ACCOUNT}/sessions/{other['id']}").status_code == 204
    assert phone.get(ACCOUNT).status_code == 401
    assert admin.get(ACCOUNT).status_code == 200
    assert admin.delete(f"{ACCOUNT}/sessions").status_code == 204
    assert admin.get(ACCOUNT).status_code == 401


def test_the_own_password_is_changed_by_who_knows_it(fleet: Fleet, admin: Person) -> None:
    path = f"{ACCOUNT}/password"
    wrong = admin.call(path, {"present": "not it at all", "password": NEW})
    assert (wrong.status_code, wrong.json["code"]) == (403, "wrong_password")
    short = admin.call(path, {"present": PASSWORD, "password": "short"})
    assert (short.status_code, short.json["errors"][0]["pointer"]) == (422, "/password")
    assert admin.call(path, {"present": PASSWORD, "password": NEW}).status_code == 204
    assert admin.get(ACCOUNT).status_code == 200
    assert Person(fleet.app, admin.email).sign_in(NEW).status_code == 302


def test_a_token_makes_no_other_token_and_has_no_account(
    fleet: Fleet, program: dict[str, str]
) -> None:
    for method, path in (
        ("POST", TOKENS),
        ("GET", f"{ACCOUNT}/sessions"),
        ("DELETE", f"{ACCOUNT}/sessions"),
        ("POST", f"{ACCOUNT}/password"),
    ):
        body = {"name": "again"} if method == "POST" else None
        answer = fleet.agents.open(path, method=method, json=body, headers=program)
        assert (answer.status_code, answer.json["code"]) == (403, "person_required"), path


def test_a_token_is_listed_and_revoked(fleet: Fleet, program: dict[str, str]) -> None:
    [row] = fleet.agents.get(TOKENS, headers=program).json["items"]
    assert (row["name"], row["state"], row["role"]) == ("ci", "active", "admin")
    assert "token" not in row
    path = f"{TOKENS}/{row['id']}"
    assert fleet.agents.delete(path, headers=program).status_code == 204
    assert fleet.agents.get(TOKENS, headers=program).status_code == 401
    assert len(events(fleet.app, "API_TOKEN_REVOKED")) == 1


def test_a_program_makes_and_revokes_enrollment_tokens(
    fleet: Fleet, program: dict[str, str]
) -> None:
    body = {"name": "office", "max_uses": 1}
    made = fleet.agents.post(ENROLLMENT, json=body, headers=program)
    assert (made.status_code, made.json["state"]) == (201, "active")
    assert fleet.register(enrollment_token=made.json["token"]).status_code == 201
    [row] = fleet.agents.get(ENROLLMENT, headers=program).json["items"]
    assert (row["state"], row["uses"]) == ("used_up", 1)
    path = f"{ENROLLMENT}/{made.json['id']}"
    assert fleet.agents.delete(path, headers=program).status_code == 204
    assert fleet.agents.delete(f"{ENROLLMENT}/999", headers=program).status_code == 404
    assert fleet.agents.get(ENROLLMENT, headers=program).json["items"][0]["state"] == "revoked"


def test_what_cannot_be_made_is_refused_in_words(
    fleet: Fleet, admin: Person, program: dict[str, str]
) -> None:
    for body in (
        {},
        {"name": ""},
        {"name": "x" * 101},
        {"name": "a\0b"},
        {"name": "two\nlines"},
        {"name": "\ud800"},
        {"name": 1},
        {"name": "x", "expires_in_days": 0},
        {"name": "x", "expires_in_days": 3651},
        {"name": "x", "expires_in_days": 1.5},
        {"name": "x", "expires_in_days": True},
        {"name": "x", "expires_in_days": "1"},
    ):
        answer = fleet.agents.post(ENROLLMENT, json=body, headers=program)
        assert (answer.status_code, answer.json["code"]) == (422, "invalid"), body
        assert admin.call(TOKENS, body).status_code == 422, body
    assert admin.call(TOKENS, {"name": "x", "role": "root"}).status_code == 422
    assert fleet.agents.post(ENROLLMENT, data=b"[", headers=program).status_code == 400


def test_a_viewer_manages_no_tokens(fleet: Fleet, admin: Person) -> None:
    add_user(fleet.app, "vic@example.com", "viewer")
    vic = Person(fleet.app, "vic@example.com")
    vic.sign_in()
    for path in (TOKENS, ENROLLMENT):
        assert vic.get(path).status_code == 403
        assert vic.call(path, {"name": "x"}).status_code == 403
        assert vic.delete(f"{path}/1").status_code == 403
