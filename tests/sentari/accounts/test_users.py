"""Settings → Users, the same acts over the API and on the command line, and who may not."""

import threading
from functools import partial

import pytest
from flask import Flask

from sentari.accounts import administration, service
from sentari.accounts.api_tokens import create_api_token
from sentari.accounts.models import UserSession
from sentari.accounts.service import AccountError, Verified
from sentari.extensions import current, db, writing
from serverkit.browsers import Browser
from tests.conftest import PASSWORD, AppFactory, add_user
from tests.sentari.accounts.people import NEW, Person, events, shown_password, user
from tests.sentari.fleet import Fleet

USERS = "/settings/users"
LAPTOP = Browser("192.0.2.7", "Firefox/140 Linux")


@pytest.fixture
def admin(fleet: Fleet) -> Person:
    """The only admin."""
    return signed_in(fleet, "ann@example.com", "admin")


@pytest.fixture
def viewer(fleet: Fleet, admin: Person) -> Person:
    return signed_in(fleet, "vic@example.com", "viewer")


def signed_in(fleet: Fleet, email: str, role: str) -> Person:
    add_user(fleet.app, email, role)
    person = Person(fleet.app, email)
    assert person.sign_in().status_code == 302
    return person


def invited(admin: Person, email: str = "bob@example.com", **form: str) -> str:
    answer = admin.post(USERS, email=email, **{"role": "viewer", **form})
    assert answer.status_code == 200, answer.text
    return shown_password(answer.text)


def acts(user_id: int) -> list[str]:
    return [f"{user_id}/{act}" for act in ("disable", "enable", "role", "reset-password")]


def test_an_invited_user_must_choose_a_password_before_anything_else(
    fleet: Fleet, admin: Person
) -> None:
    password = invited(admin, "Bob@Example.com")
    assert password not in admin.get(USERS).text
    assert "Invited" in admin.get(USERS).text
    bob = Person(fleet.app, "bob@example.com")
    assert bob.sign_in(password).headers["Location"] == "/"
    answer = bob.get("/devices?search=a")
    assert answer.headers["Location"] == "/login/password?next=/devices?search%3Da"
    refused = bob.get("/api/v1/inventory/summary")
    assert (refused.status_code, refused.json["code"]) == (403, "password_change_required")
    page = "/login/password"
    same = bob.post(page, page=page, present=password, password=password)
    assert "This is the present password" in same.text
    done = bob.post(f"{page}?next=/devices", page=page, present=password, password=NEW)
    assert done.headers["Location"] == "/devices"
    assert bob.get("/devices").status_code == 200
    assert user(fleet.app, bob.email).state == "active"
    assert bob.get(page).headers["Location"] == "/"
    # What was shown once is good for nothing any more.
    assert Person(fleet.app, bob.email).sign_in(password).status_code == 422
    made, changed = (
        events(fleet.app, "USER_CREATED")[0],
        events(fleet.app, "USER_PASSWORD_CHANGED")[0],
    )
    assert (made.actor, made.target) == ("user:ann@example.com", bob.email)
    assert made.details() == {"role": "viewer", "one_time_password": True}
    assert changed.actor == "user:bob@example.com"


def test_a_one_time_password_is_good_for_three_days_to_the_second(
    fleet: Fleet, admin: Person
) -> None:
    password = invited(admin)
    bob = Person(fleet.app, "bob@example.com")
    fleet.clock.advance(72 * 3600 - 1)
    assert bob.sign_in(password).status_code == 302
    assert bob.get("/login/password").status_code == 200
    fleet.clock.advance(1)
    late = Person(fleet.app, "bob@example.com").sign_in(password)
    assert (late.status_code, "has expired" in late.text) == (422, True)
    # It ends for who is at the choice, too.
    assert bob.get("/login/password").headers["Location"].startswith("/login?")


def test_a_reset_ends_every_session_and_the_password_before(
    fleet: Fleet, admin: Person, viewer: Person
) -> None:
    user_id = user(fleet.app, viewer.email).id
    first = shown_password(admin.post(f"{USERS}/{user_id}/reset-password").text)
    assert viewer.get("/devices").status_code == 302
    second = shown_password(admin.post(f"{USERS}/{user_id}/reset-password").text)
    for password, status in ((PASSWORD, 422), (first, 422), (second, 302)):
        assert Person(fleet.app, viewer.email).sign_in(password).status_code == status
    own = user(fleet.app, admin.email).id
    assert "on your account's page" in admin.post(
        f"{USERS}/{own}/reset-password", your_password=PASSWORD
    ).text.replace("&#39;", "'")
    assert admin.get(USERS).status_code == 200


def test_a_disabled_user_is_out_at_once_and_gets_no_session_back(
    fleet: Fleet, admin: Person, viewer: Person
) -> None:
    user_id = user(fleet.app, viewer.email).id
    assert admin.post(f"{USERS}/{user_id}/disable").status_code == 302
    assert viewer.get("/devices").status_code == 302
    assert viewer.sign_in().status_code == 422
    assert "Disabled" in admin.get(f"{USERS}/{user_id}").text
    assert admin.post(f"{USERS}/{user_id}/enable").status_code == 302
    assert viewer.get("/devices").status_code == 302
    assert viewer.sign_in().status_code == 302
    assert len(events(fleet.app, "USER_DISABLED", "USER_ENABLED")) == 2


def test_to_make_an_admin_takes_ones_own_password(
    fleet: Fleet, admin: Person, viewer: Person
) -> None:
    user_id = user(fleet.app, viewer.email).id
    ways = [
        (USERS, {"email": "eve@example.com", "role": "admin"}),
        (f"{USERS}/{user_id}/role", {"role": "admin"}),
    ]
    for path, form in ways:
        without = admin.post(path, **form)
        assert without.status_code == 422
        assert "enter your own password" in without.text
        wrong = admin.post(path, **form, your_password="not it at all")
        assert "This is not your password." in wrong.text
    assert user(fleet.app, viewer.email).role == "viewer"
    assert len(events(fleet.app, "USER_PASSWORD_REFUSED")) == 2
    assert admin.post(ways[1][0], role="admin", your_password=PASSWORD).status_code == 302
    changed = events(fleet.app, "USER_ROLE_CHANGED")[0]
    assert changed.details() == {"role": "admin", "role_before": "viewer"}
    assert viewer.get(USERS).status_code == 200


def test_an_admins_account_is_opened_only_by_who_gives_their_own_password(
    fleet: Fleet, admin: Person
) -> None:
    eve = signed_in(fleet, "eve@example.com", "admin")
    user_id = user(fleet.app, eve.email).id
    path = f"{USERS}/{user_id}/reset-password"
    assert admin.post(path).status_code == 422
    assert eve.get(USERS).status_code == 200
    assert admin.post(f"{USERS}/{user_id}/disable").status_code == 302
    path = f"{USERS}/{user_id}/enable"
    assert admin.post(path).status_code == 422
    assert admin.post(path, your_password=PASSWORD).status_code == 302
    assert user(fleet.app, eve.email).state == "active"


def test_a_stolen_session_does_not_guess_the_password(
    fleet: Fleet, admin: Person, viewer: Person
) -> None:
    path = f"{USERS}/{user(fleet.app, viewer.email).id}/role"
    guesses = [admin.post(path, role="admin", your_password=f"guess {n}") for n in range(6)]
    assert [answer.status_code for answer in guesses] == [422] * 5 + [429]


@pytest.mark.parametrize("act", ["disable", "role"])
def test_the_last_active_admin_stays(fleet: Fleet, admin: Person, act: str) -> None:
    user_id = user(fleet.app, admin.email).id
    # Who was only invited may never come.
    invited(admin, role="admin", your_password=PASSWORD)
    answer = admin.post(f"{USERS}/{user_id}/{act}", role="viewer")
    assert answer.status_code == 422
    assert "last active admin" in answer.text
    runner = fleet.app.test_cli_runner()
    options = ["--role", "viewer"] if act == "role" else []
    command = {"role": "set-role"}.get(act, act)
    refused = runner.invoke(args=["user", command, admin.email, *options])
    assert (refused.exit_code, "last active admin" in refused.output) == (1, True)
    assert admin.get(USERS).status_code == 200
    signed_in(fleet, "eve@example.com", "admin")
    answer = admin.post(f"{USERS}/{user_id}/{act}", role="viewer")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert admin.get(USERS).status_code in (302, 403)


@pytest.mark.parametrize("act", ["disable", "demote"])
def test_of_two_admins_who_take_each_others_rights_at_once_one_stays(
    make_app: AppFactory, database_url: str, act: str
) -> None:
    app = make_app(database_url)
    emails = ("first@example.com", "second@example.com")
    for email in emails:
        add_user(app, email, "admin")
    ids = [user(app, email).id for email in emails]
    demote = partial(administration.set_role, role="viewer")
    change = administration.disable_user if act == "disable" else demote
    start, refusals = threading.Barrier(2), []

    def take(acting: int, target: int) -> None:
        with app.app_context():
            start.wait()
            try:
                with writing() as session:
                    administration.check_still_admin(session, acting)
                    other = service.get_user(session, target)
                    change(session, other, at=current().clock.now(), actor="test")
            except AccountError as error:
                refusals.append(error.code)

    threads = [threading.Thread(target=take, args=pair) for pair in (ids, ids[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refusals == ["forbidden"]
    assert len(events(app, "USER_DISABLED", "USER_ROLE_CHANGED")) == 1
    left = [user(app, email) for email in emails]
    assert [each.role == "admin" and each.state == "active" for each in left].count(True) == 1


def test_two_admins_who_step_down_at_once_do_not_both(
    make_app: AppFactory, database_url: str
) -> None:
    app = make_app(database_url)
    emails = ("first@example.com", "second@example.com")
    for email in emails:
        add_user(app, email, "admin")
    start, refusals = threading.Barrier(2), []

    def step_down(email: str) -> None:
        with app.app_context():
            start.wait()
            try:
                with writing() as session:
                    own = service.find_user(session, email)
                    at = current().clock.now()
                    administration.set_role(session, own, role="viewer", at=at, actor="test")
            except AccountError as error:
                refusals.append(error.code)

    threads = [threading.Thread(target=step_down, args=(email,)) for email in emails]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refusals == ["last_admin"]


@pytest.mark.parametrize("meanwhile", ["disable", "reset"])
def test_who_was_shut_out_while_the_password_was_compared_does_not_come_in(
    make_app: AppFactory, database_url: str, meanwhile: str
) -> None:
    app = make_app(database_url)
    add_user(app, "vic@example.com", "viewer")
    with app.app_context():
        at = current().clock.now()
        found = service.verify_login(db.session(), "vic@example.com", PASSWORD)
        assert found is not None
        verified = Verified.of(found)
        with writing() as session:
            vic = service.find_user(session, "vic@example.com")
            if meanwhile == "disable":
                administration.disable_user(session, vic, at=at, actor="test")
            else:
                administration.reset_password(session, vic, NEW, at=at, actor="test")
        with pytest.raises(AccountError, match="Sign in again"), writing() as session:
            service.begin_session(session, verified, LAPTOP, at=at)
        with pytest.raises(AccountError, match="Sign in again"), writing() as session:
            service.change_own_password(session, verified, NEW, LAPTOP, at=at)
        assert db.session.query(UserSession).count() == 0


def test_a_viewer_changes_nobody_whatever_the_way(
    fleet: Fleet, admin: Person, viewer: Person
) -> None:
    for name in (admin.email, viewer.email):
        for act in acts(user(fleet.app, name).id):
            form = {"role": "admin", "your_password": PASSWORD}
            assert viewer.post(f"{USERS}/{act}", **form).status_code == 403
            assert viewer.call(f"/api/v1/users/{act}", form).status_code == 403
    assert viewer.post(USERS, email="x@example.com", role="admin").status_code == 403
    assert viewer.call("/api/v1/users", {"email": "x@example.com"}).status_code == 403
    for path in (USERS, f"{USERS}/1", "/api/v1/users", "/api/v1/users/1"):
        assert viewer.get(path).status_code == 403
    assert user(fleet.app, viewer.email).role == "viewer"


def test_users_are_found_by_a_part_of_their_address(fleet: Fleet, admin: Person) -> None:
    for number in range(3):
        add_user(fleet.app, f"user_{number}@example.com", "viewer")
    page = admin.get(f"{USERS}?search=USER_1&page_size=1").text
    assert "user_1@example.com" in page
    assert "user_0@" not in page
    assert "No user matches" in admin.get(f"{USERS}?search=%25%00").text
    assert admin.get(f"{USERS}?page=0").status_code == 400
    assert admin.get(f"{USERS}/999").status_code == 404
    assert admin.post(f"{USERS}/999/disable").status_code == 404


REFUSED = [
    ("ann@example.com", "viewer", "already"),
    ("no address", "viewer", "e-mail address"),
    ("b" * 250 + "@x.example", "viewer", "longer than 254"),
    ("bob@example.com", "root", "Not a valid choice"),
    ("", "viewer", "Enter an e-mail address."),
]


def test_an_invitation_that_cannot_be_made_says_why_and_keeps_what_was_typed(
    admin: Person,
) -> None:
    for email, role, named in REFUSED:
        answer = admin.post(USERS, email=email, role=role)
        assert (answer.status_code, named in answer.text) == (422, True), named
        assert f'value="{email}"' in answer.text
        assert "The one-time password for" not in answer.text


def test_without_a_license_users_are_read_only(fleet: Fleet, admin: Person, viewer: Person) -> None:
    path = f"{USERS}/{user(fleet.app, viewer.email).id}"
    fleet.unlicense()
    assert admin.get(path).status_code == 200
    assert admin.post(f"{path}/disable").status_code == 402
    done = fleet.app.test_cli_runner().invoke(args=["user", "disable", viewer.email])
    assert done.exit_code == 0
    assert viewer.get("/devices").status_code == 302


def test_an_invited_admin_can_choose_a_password_while_the_license_has_lapsed(
    fleet: Fleet, admin: Person
) -> None:
    password = invited(admin, role="admin", your_password=PASSWORD)
    fleet.unlicense("revoked")
    bob = Person(fleet.app, "bob@example.com")
    bob.sign_in(password)
    # Until then they are told no more than a stranger.
    assert "customer_name" not in bob.get("/api/v1/license").json
    assert bob.get("/settings/license").status_code == 302
    assert "customer_name" in admin.get("/api/v1/license").json
    page = "/login/password"
    assert bob.post(page, page=page, present=password, password=NEW).status_code == 302
    assert bob.get("/settings/license").status_code == 200


# Over the API.


def test_the_api_invites_changes_and_lists(fleet: Fleet, admin: Person) -> None:
    made = admin.call("/api/v1/users", {"email": "Bob@example.com"})
    assert (made.status_code, made.json["state"], made.json["role"]) == (201, "invited", "viewer")
    path = f"/api/v1/users/{made.json['id']}"
    bob = Person(fleet.app, "bob@example.com")
    assert bob.sign_in(made.json["one_time_password"]).status_code == 302
    refused = admin.call(f"{path}/role", {"role": "admin"})
    assert (refused.status_code, refused.json["code"]) == (403, "password_required")
    proof = {"role": "admin", "your_password": PASSWORD}
    assert admin.call(f"{path}/role", proof).json["role"] == "admin"
    assert admin.call(f"{path}/role", {"role": "viewer"}).json["role"] == "viewer"
    assert admin.call(f"{path}/disable").json["state"] == "disabled"
    assert admin.call(f"{path}/enable").json["state"] == "invited"
    again = admin.call(f"{path}/reset-password").json
    assert again["one_time_password"] != made.json["one_time_password"]
    listed = admin.get("/api/v1/users?search=bob").json
    assert (listed["total"], listed["items"][0]["email"]) == (1, "bob@example.com")
    assert "password" not in str(admin.get(path).json).replace("one_time", "")
    assert (admin.get("/api/v1/users/999").status_code, listed["page"]) == (404, 1)


def test_a_token_manages_viewers_and_makes_no_admin(fleet: Fleet, admin: Person) -> None:
    with fleet.app.app_context(), writing() as session:
        token = create_api_token(
            session, name="ci", role="admin", expires_in_days=1, at=fleet.clock.now(), actor="cli"
        )
    program, headers = fleet.agents, {"Authorization": f"Bearer {token}"}
    body = {"email": "bob@example.com"}
    made = program.post("/api/v1/users", json=body, headers=headers)
    assert made.status_code == 201
    proof = {"role": "admin", "your_password": PASSWORD}
    own = user(fleet.app, admin.email).id
    for path, body in (
        ("/api/v1/users", {**proof, "email": "eve@example.com"}),
        (f"/api/v1/users/{made.json['id']}/role", proof),
        (f"/api/v1/users/{own}/reset-password", proof),
    ):
        refused = program.post(path, json=body, headers=headers)
        assert (refused.status_code, refused.json["code"]) == (403, "person_required"), path
    # The pages take a token too, and give no more for it.
    path = f"{USERS}/{own}/reset-password"
    assert program.post(path, data=proof, headers=headers).status_code == 403
    last = program.post(f"/api/v1/users/{own}/disable", headers=headers)
    assert (last.status_code, last.json["code"]) == (409, "last_admin")
    assert program.get("/account", headers=headers).status_code == 403


BODIES = [
    ([], 400, None),
    ({"email": 1}, 422, "/email"),
    ({"email": "\ud800@example.com"}, 422, "/email"),
    ({"email": "a\x00b@example.com"}, 422, "/email"),
    ({}, 422, "/email"),
    ({"email": "bob@example.com", "role": "root"}, 422, "/role"),
    ({"email": "bob@example.com", "role": None}, 422, "/role"),
    ({"email": "x" * 1025}, 422, "/email"),
]


def test_a_body_that_cannot_be_taken_names_what_is_wrong(admin: Person) -> None:
    for body, status, pointer in BODIES:
        answer = admin.call("/api/v1/users", body)
        assert answer.status_code == status, answer.text
        if pointer:
            assert answer.json["errors"][0]["pointer"] == pointer


# On the command line.


def test_the_command_line_does_the_same(app: Flask) -> None:
    runner = app.test_cli_runner()

    def run(*arguments: str, **options: str) -> str:
        done = runner.invoke(args=["user", *arguments], **options)
        assert done.exit_code == 0, done.output
        return str(done.output)

    run("create", "--email", "ann@example.com", "--role", "admin", "--password-stdin", input=NEW)
    made = run("create", "--email", "bob@example.com", "--one-time")
    assert "Within 72 hours" in made
    assert user(app, "bob@example.com").state == "invited"
    assert "bob@example.com\tviewer\tinvited" in run("list")
    run("reset-password", "bob@example.com", "--password-stdin", input=NEW)
    assert user(app, "bob@example.com").state == "active"
    run("set-role", "bob@example.com", "--role", "admin")
    run("disable", "ann@example.com")
    run("disable", "ann@example.com")
    assert '"state": "disabled"' in run("list", "--json")
    run("enable", "ann@example.com")
    both = ["user", "reset-password", "ann@example.com", "--one-time", "--password-stdin"]
    assert runner.invoke(args=both, input=NEW).exit_code == 1
    assert user(app, "ann@example.com").one_time_until is None
