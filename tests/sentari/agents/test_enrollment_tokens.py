from datetime import timedelta

import pytest

from sentari.agents.enrollment_tokens import (
    LONGEST_DAYS,
    MOST_USES,
    STATIC_NAME,
    EnrollmentError,
    TokenRefusedError,
    create_token,
    find_token,
    list_tokens,
    revoke_token,
    use_token,
)
from sentari.agents.models import EnrollmentToken
from sentari.audit.store import newest
from sentari.extensions import db, writing
from tests.clocks import NOON

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _on_each_database(make_app, database_url):
    with make_app(database_url).app_context():
        yield


def create(name="office", expires_in_days=None, max_uses=None):
    with writing() as session:
        return create_token(
            session, name=name, expires_in_days=expires_in_days, max_uses=max_uses,
            at=NOON, actor="user:admin@example.com",
        ).text  # fmt: skip


def use(token, now=NOON, static=None):
    with writing() as session:
        return use_token(session, token, static, now).name


def test_a_token_enrolls_and_only_its_hash_is_kept():
    token = create()
    assert token.startswith("stre_")
    assert use(token) == "office"
    (row,) = list_tokens(db.session())
    assert token not in vars(row).values()
    assert (row.uses, row.last_used_at, row.hint) == (1, NOON, token[-5:])


def test_making_and_revoking_a_token_is_audited_without_the_token():
    token = create(max_uses=3)
    event = newest(db.session(), ["ENROLLMENT_TOKEN_CREATED"])
    assert (event.target, event.details()["max_uses"]) == ("office", 3)
    assert token not in event.detail
    with writing() as session:
        revoke_token(session, find_token(session, "office"), at=NOON, actor="cli")
    assert newest(db.session(), ["ENROLLMENT_TOKEN_REVOKED"]).actor == "cli"


@pytest.mark.parametrize("token", ["", "stre_", "stre_wrong", "the static token", "é\N{SNAKE}"])
def test_an_unknown_token_is_refused(token):
    create()
    with pytest.raises(TokenRefusedError, match="not known"):
        use(token, static="the static token ")


def test_the_static_token_enrolls_without_being_counted():
    assert use("the static token", static="the static token") == STATIC_NAME
    with pytest.raises(TokenRefusedError):
        use("", static=None)
    with pytest.raises(TokenRefusedError):
        use("", static="")


@pytest.mark.parametrize(("late", "works"), [(-SECOND, True), (0 * SECOND, False), (SECOND, False)])
def test_a_token_expires_at_its_second(late, works):
    token = create(expires_in_days=2)
    moment = NOON + 2 * DAY + late
    if works:
        assert use(token, moment) == "office"
        return
    with pytest.raises(TokenRefusedError, match="expired"):
        use(token, moment)


def test_a_token_is_used_as_often_as_it_may_be_and_not_once_more():
    token = create(max_uses=2)
    use(token)
    use(token)
    with pytest.raises(TokenRefusedError, match="as often"):
        use(token)
    assert list_tokens(db.session())[0].uses == 2


def test_a_use_is_undone_with_its_transaction():
    token = create(max_uses=1)
    with writing() as session:
        use_token(session, token, None, NOON)
        session.rollback()
    assert use(token) == "office"


def test_a_revoked_token_is_refused():
    token = create()
    with writing() as session:
        revoke_token(session, find_token(session, "office"), at=NOON, actor="cli")
    with pytest.raises(TokenRefusedError, match="revoked"):
        use(token)


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_a_token_needs_a_name(name):
    with pytest.raises(EnrollmentError, match="1 to 100"):
        create(name)


@pytest.mark.parametrize("days", [0, -1, LONGEST_DAYS + 1])
def test_the_days_of_a_token_have_limits(days):
    create(expires_in_days=1)
    create(expires_in_days=LONGEST_DAYS)
    with pytest.raises(EnrollmentError, match="days"):
        create(expires_in_days=days)


@pytest.mark.parametrize("uses", [0, -1, MOST_USES + 1])
def test_the_uses_of_a_token_have_limits(uses):
    create(max_uses=1)
    create(max_uses=MOST_USES)
    with pytest.raises(EnrollmentError, match="times"):
        create(max_uses=uses)


def test_a_token_is_found_by_number_or_by_a_name_of_its_own():
    create("one")
    create("two")
    create("two")
    number = list_tokens(db.session())[0].id
    assert find_token(db.session(), str(number)).name == "two"
    assert find_token(db.session(), "one").name == "one"
    with pytest.raises(EnrollmentError, match="Several"):
        find_token(db.session(), "two")
    for unknown in ("three", "999999", "9" * 30):
        with pytest.raises(EnrollmentError, match="no such"):
            find_token(db.session(), unknown)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "active"),
        ({"expires_at": NOON + SECOND}, "active"),
        ({"expires_at": NOON}, "expired"),
        ({"max_uses": 1}, "active"),
        ({"max_uses": 1, "uses": 1}, "used_up"),
        ({"revoked_at": NOON, "expires_at": NOON}, "revoked"),
    ],
)
def test_a_tokens_state_is_derived(changes, state):
    assert EnrollmentToken(**({"uses": 0} | changes)).state(NOON) == state
