"""Customers hear once of an expiry that comes near and once of each silence, from whoever looks."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from license_server.acting import queue_notices
from license_server.extensions import current, db, writing
from license_server.notices.models import ExpiryNotice, SilenceNotice
from license_server.outbox.models import NOTICES, OutboxMail
from license_token.keys import RootSet
from serverkit.database import writable
from tests.clocks import NOON, FakeClock
from tests.license_server.cast import AIRGAP, Api, CustomerServer
from tests.license_server.conftest import api_of

DAY = 86_400
REASON = {"reason": "the tests"}


@pytest.fixture
def office(each_server: Flask) -> Api:
    """An approver, on each database in turn."""
    return api_of(each_server, "approver")


def look(server: Flask) -> int:
    with server.app_context():
        return queue_notices()


def mails(server: Flask) -> list[tuple[str, str]]:
    """Kind and state of all notices, the oldest first."""
    with server.app_context():
        query = select(OutboxMail).where(OutboxMail.kind.in_(NOTICES))
        rows = db.session.scalars(query.order_by(OutboxMail.created_at, OutboxMail.id))
        return [(row.kind, row.state) for row in rows]


def told(server: Flask) -> list[tuple[date, int]]:
    with server.app_context():
        rows = db.session.scalars(select(ExpiryNotice).order_by(ExpiryNotice.id))
        return [(row.expires_at, row.days) for row in rows]


def expiring(office: Api, in_days: int, **terms: object) -> dict[str, Any]:
    return office.issue(expires_at=(NOON.date() + timedelta(days=in_days)).isoformat(), **terms)


def put_off_all(server: Flask) -> None:
    """Let no mail go out by itself: the tests look at what waits."""
    (server.extensions["license_server"].settings.data_dir / "mail").write_text("in the way")


# Expiry


def test_a_license_is_announced_at_each_threshold_once(
    each_server: Flask, office: Api, clock: FakeClock
) -> None:
    expiring(office, 61)
    announced = Counter[int]()
    for day in range(63):
        if look(each_server):
            announced[61 - day] += 1
        assert look(each_server) == 0
        clock.advance(DAY)
    # It is noon: the threshold of sixty days was passed at midnight.
    assert announced == {60: 1, 30: 1, 14: 1, 7: 1, 1: 1}


def test_the_boundary_of_a_threshold_is_midnight(
    server: Flask, approver: Api, clock: FakeClock
) -> None:
    expiring(approver, 61)
    clock.advance(12 * 3600 - 1)
    assert look(server) == 0
    clock.advance(1)
    assert look(server) == 1


def test_of_several_passed_thresholds_only_the_most_urgent_is_told(
    server: Flask, approver: Api, clock: FakeClock
) -> None:
    license_ = expiring(approver, 5)
    assert look(server) == 1
    assert told(server) == [(date(2026, 11, 28), 7)]
    clock.advance(DAY)
    assert look(server) == 0
    # A clock that goes wrong brings none of the passed ones.
    clock.turn_wall(-30 * DAY)
    assert look(server) == 0
    assert license_["status"] == "active"


def test_an_expired_license_is_not_announced(
    server: Flask, approver: Api, clock: FakeClock
) -> None:
    expiring(approver, 1)
    clock.advance(12 * 3600)
    assert look(server) == 0


@pytest.mark.parametrize("verb", ["suspend", "revoke"])
def test_a_license_that_is_not_active_is_not_announced(
    server: Flask, approver: Api, verb: str
) -> None:
    license_ = expiring(approver, 20)
    approver.post(f"/api/v1/licenses/{license_['id']}/{verb}", REASON)
    assert look(server) == 0
    if verb == "suspend":
        approver.post(f"/api/v1/licenses/{license_['id']}/reinstate", REASON)
        assert look(server) == 1


def test_a_license_that_waits_for_approval_is_not_announced(server: Flask, approver: Api) -> None:
    other = api_of(server, "issuer")
    license_ = expiring(other, 20, max_devices=None)
    assert look(server) == 0
    approver.post(f"/api/v1/licenses/{license_['id']}/approve")
    assert look(server) == 1


def test_terms_that_wait_for_approval_do_not_hide_the_expiry_of_the_granted_ones(
    each_server: Flask, office: Api
) -> None:
    license_ = expiring(office, 20)
    change = {"expires_at": "2029-01-01", **REASON}
    assert office.patch(f"/api/v1/licenses/{license_['id']}", change).json["approval"] == "pending"
    assert look(each_server) == 1
    assert told(each_server) == [(date(2026, 12, 13), 30)]


def test_a_renewal_cancels_what_waits_and_is_announced_in_its_turn(
    each_server: Flask, office: Api, clock: FakeClock
) -> None:
    put_off_all(each_server)
    license_ = expiring(office, 20)
    assert look(each_server) == 1
    path = f"/api/v1/licenses/{license_['id']}"
    office.patch(path, {"max_devices": 7, **REASON})
    assert mails(each_server) == [("expiry_notice", "queued")]
    office.patch(path, {"expires_at": "2027-12-01", **REASON})
    assert mails(each_server) == [("expiry_notice", "cancelled")]
    assert look(each_server) == 0
    clock.advance((date(2027, 12, 1) - NOON.date()).days * DAY - 10 * DAY)
    assert look(each_server) == 1
    assert told(each_server)[-1] == (date(2027, 12, 1), 14)
    # Back to the first date: it was announced already.
    clock.turn_wall((NOON - clock.now()).total_seconds())
    office.patch(path, {"expires_at": "2026-12-13", **REASON})
    assert look(each_server) == 0


def test_approved_terms_cancel_what_waits_for_the_date_before(server: Flask, approver: Api) -> None:
    put_off_all(server)
    issuer = api_of(server, "issuer")
    license_ = expiring(issuer, 20)
    look(server)
    path = f"/api/v1/licenses/{license_['id']}"
    issuer.patch(path, {"expires_at": "2029-01-01", **REASON})
    assert mails(server) == [("expiry_notice", "queued")]
    approver.post(f"{path}/approve")
    assert mails(server) == [("expiry_notice", "cancelled")]


@pytest.mark.parametrize("verb", ["suspend", "revoke"])
def test_a_license_that_is_stopped_takes_its_waiting_notices_along(
    server: Flask, approver: Api, verb: str
) -> None:
    put_off_all(server)
    license_ = expiring(approver, 20)
    look(server)
    approver.post(f"/api/v1/licenses/{license_['id']}/{verb}", REASON)
    assert mails(server) == [("expiry_notice", "cancelled")]


def test_a_new_key_leaves_notices_alone(server: Flask, approver: Api) -> None:
    put_off_all(server)
    license_ = expiring(approver, 20)
    look(server)
    approver.post(f"/api/v1/licenses/{license_['id']}/rekey", REASON)
    assert mails(server) == [("expiry_notice", "queued")]


def test_a_more_urgent_notice_replaces_one_that_still_waits(
    server: Flask, approver: Api, clock: FakeClock
) -> None:
    put_off_all(server)
    expiring(approver, 20)
    look(server)
    clock.advance(10 * DAY)
    look(server)
    assert [state for _, state in mails(server)] == ["cancelled", "queued"]


def test_a_notice_goes_to_the_customer_and_says_what_is_granted(
    server: Flask, approver: Api
) -> None:
    license_ = expiring(approver, 20)
    look(server)
    with server.app_context():
        mail = db.session.scalars(
            select(OutboxMail).where(OutboxMail.kind == "expiry_notice")
        ).one()
        assert mail.license_id == license_["id"]
        assert mail.recipient == "it@example.com"
        assert mail.subject == "Your Sentari license expires on 2026-12-13: 20 days left"


def test_two_servers_that_look_at_once_announce_once(
    each_server: Flask, office: Api, make_server: Callable[..., Flask]
) -> None:
    for in_days in (5, 20, 45):
        expiring(office, in_days)
    url = each_server.config["SQLALCHEMY_DATABASE_URI"]
    servers = [each_server, make_server(url), make_server(url)]
    with ThreadPoolExecutor(6) as pool:
        queued = sum(pool.map(look, servers * 2))
    assert queued == 3
    assert len(mails(each_server)) == 3
    assert sorted(told(each_server)) == [
        (date(2026, 11, 28), 7),
        (date(2026, 12, 13), 30),
        (date(2027, 1, 7), 60),
    ]


def test_the_database_itself_refuses_a_second_notice(each_server: Flask, office: Api) -> None:
    license_ = expiring(office, 20)
    look(each_server)
    with each_server.app_context(), pytest.raises(IntegrityError), writing() as session:
        session.add(
            ExpiryNotice(
                license_id=license_["id"], expires_at=date(2026, 12, 13), days=30, created_at=NOON
            )
        )


def test_a_license_that_contradicts_itself_holds_up_no_other(
    server: Flask, issuer: Api, caplog: pytest.LogCaptureFixture
) -> None:
    expiring(issuer, 20, max_devices=None)
    expiring(issuer, 20)
    with server.app_context(), writable(db.engine.connect()) as connection, connection.begin():
        connection.execute(text("DROP TRIGGER terms_version_no_update"))
        connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        connection.execute(text("UPDATE terms_version SET approval_required = false"))
        connection.execute(text("PRAGMA ignore_check_constraints = OFF"))
    assert look(server) == 1
    assert "staff must look at the license" in caplog.text


# Silence


@pytest.fixture
def each_sentari(
    each_server: Flask, office: Api, clock: FakeClock, roots: RootSet
) -> CustomerServer:
    """A server that has checked in, on a license that ends in a year."""
    license_ = office.issue()
    server = CustomerServer(office.client, license_["license_key"], clock, roots)
    server.check_in()
    return server


def test_a_silence_is_announced_once_at_half_of_the_offline_days(
    each_server: Flask, each_sentari: CustomerServer, clock: FakeClock
) -> None:
    clock.advance(DAY // 2 - 1)
    assert look(each_server) == 0
    clock.advance(1)
    assert look(each_server) == 1
    for _ in range(3):
        assert look(each_server) == 0
        clock.advance(DAY)
    assert mails(each_server) == [("silence_notice", "queued")]


def test_the_next_silence_is_announced_anew(
    each_server: Flask, each_sentari: CustomerServer, clock: FakeClock
) -> None:
    clock.advance(DAY)
    assert look(each_server) == 1
    each_sentari.check_in()
    clock.advance(DAY // 2 - 1)
    assert look(each_server) == 0
    clock.advance(1)
    assert look(each_server) == 1


def test_the_days_that_the_server_was_told_count_and_not_those_granted_since(
    each_server: Flask, office: Api, each_sentari: CustomerServer, clock: FakeClock
) -> None:
    with each_server.app_context():
        [license_id] = db.session.scalars(select(OutboxMail.license_id)).all()
    office.patch(f"/api/v1/licenses/{license_id}", {**AIRGAP, **REASON})
    clock.advance(DAY)
    assert look(each_server) == 1
    each_sentari.check_in()
    clock.advance(45 * DAY - 1)
    assert look(each_server) == 0
    clock.advance(1)
    assert look(each_server) == 1


def test_a_released_server_may_be_silent(
    server: Flask, issuer: Api, license_: dict[str, Any], sentari: CustomerServer, clock: FakeClock
) -> None:
    sentari.check_in()
    [activation] = issuer.activations(license_)
    issuer.delete(f"/api/v1/activations/{activation['id']}?reason=gone")
    clock.advance(DAY)
    assert look(server) == 0


@pytest.mark.parametrize("verb", ["suspend", "revoke"])
def test_the_servers_of_a_license_that_is_not_active_may_be_silent(
    issuer: Api,
    server: Flask,
    license_: dict[str, Any],
    sentari: CustomerServer,
    clock: FakeClock,
    verb: str,
) -> None:
    sentari.check_in()
    issuer.post(f"/api/v1/licenses/{license_['id']}/{verb}", REASON)
    clock.advance(DAY)
    assert look(server) == 0


def test_the_servers_of_an_expired_license_may_be_silent(
    server: Flask, approver: Api, clock: FakeClock, roots: RootSet
) -> None:
    license_ = expiring(approver, 1)
    CustomerServer(approver.client, license_["license_key"], clock, roots).check_in()
    look(server)
    clock.advance(DAY)
    assert look(server) == 0


def test_two_servers_that_look_at_once_announce_a_silence_once(
    each_server: Flask,
    each_sentari: CustomerServer,
    clock: FakeClock,
    make_server: Callable[..., Flask],
) -> None:
    clock.advance(DAY)
    other = make_server(each_server.config["SQLALCHEMY_DATABASE_URI"])
    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(look, [each_server, other] * 3)) == 1


def test_the_database_itself_refuses_a_second_notice_of_a_silence(
    each_server: Flask, each_sentari: CustomerServer, clock: FakeClock
) -> None:
    clock.advance(DAY)
    look(each_server)
    with each_server.app_context():
        found = db.session.scalars(select(SilenceNotice)).one()
        assert found.last_check_in_at == datetime(2026, 11, 23, 12, tzinfo=UTC)
        again = SilenceNotice(
            activation_id=found.activation_id,
            last_check_in_at=found.last_check_in_at,
            created_at=current().clock.now(),
        )
        with pytest.raises(IntegrityError), writing() as session:
            session.add(again)
