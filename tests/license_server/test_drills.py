"""The drills: a year of rotations, a lost root, a stolen one, a restored backup."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from nacl.signing import SigningKey as PrivateKey
from sqlalchemy import select

import sentari
import sentari.config
import sentari.extensions
from license_server.audit import AuditEvent
from license_server.errors import ConflictError
from license_server.extensions import current, db, writing
from license_server.signing import ceremony
from license_token.keys import RootSet
from sentari.licensing import service
from sentari.licensing.answer import Answer, CheckInError, reply_in
from sentari.licensing.causes import Cause
from sentari.licensing.exchange import check_in
from sentari.startup import schema
from tests.clocks import FakeClock
from tests.conftest import SECRET
from tests.license_server.cast import AIRGAP, Api

DAY = 86_400


@dataclass
class Line:
    """A transport that reaches the license server within this process."""

    client: FlaskClient

    def check_in(self, document: str) -> str:
        answer = self.client.post("/api/v1/check-in", data=document, content_type="application/jwt")
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return reply_in(Answer(answer.status_code, headers, answer.data))


class Customer:
    """A customer's server: the real one, with its own database, and the roots of its image."""

    def __init__(self, line: Line, clock: FakeClock, directory: Path) -> None:
        directory.mkdir()
        self._line, self._clock, self._directory = line, clock, directory
        self._app: Flask | None = None

    def run(self, roots: RootSet) -> "Customer":
        """Start an image that pins these roots on the database that is there."""
        self.stop()
        path = self._directory / "roots.json"
        path.write_text(roots.to_json())
        settings = sentari.config.Settings(
            f"sqlite:///{self._directory}/sentari.db",
            self._directory,
            SECRET,
            license_public_key_path=path,
        )
        self._app = sentari.create_app(settings, clock=self._clock, transport=self._line)
        with self._app.app_context():
            schema().upgrade(sentari.extensions.db.engine)
            service.prepare(self._licensing)
        return self

    def stop(self) -> None:
        if self._app is not None:
            with self._app.app_context():
                sentari.extensions.db.session.remove()
                sentari.extensions.db.engine.dispose()

    @property
    def _licensing(self) -> Any:
        assert self._app is not None
        return self._app.extensions["sentari"].licensing

    def _do(self, action: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        assert self._app is not None
        with self._app.app_context():
            try:
                return action(*args, **kwargs)
            finally:
                sentari.extensions.db.session.remove()

    def install(self, license_key: str) -> None:
        self._do(service.install, self._licensing, license_key, actor="admin", via="page")

    def check_in(self) -> None:
        self._do(check_in, self._licensing, actor="admin")

    def refused_because(self) -> Cause:
        with pytest.raises(CheckInError) as refusal:
            self.check_in()
        return refusal.value.cause

    @property
    def state(self) -> str:
        self._clock.ticks += 2  # a snapshot is at most a second old
        return str(self._do(self._licensing.snapshot.status).state.value)


CustomerFactory = Callable[[], Customer]


@pytest.fixture
def new_customer(server: Flask, clock: FakeClock, tmp_path: Path) -> Iterator[CustomerFactory]:
    made: list[Customer] = []

    def make() -> Customer:
        directory = tmp_path / f"customer-{len(made)}"
        made.append(Customer(Line(server.test_client()), clock, directory))
        return made[-1]

    yield make
    for customer in made:
        customer.stop()


def rotate(server: Flask, root: PrivateKey, clock: FakeClock) -> str:
    with server.app_context(), writing() as session:
        keyring, at = current().keyring, current().clock.now()
        kid = ceremony.make_signing_key(session, root, keyring, at=at, actor="test").kid
    clock.advance(5)  # until the workers notice
    return kid


def published(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = api.get("/.well-known/sentari-license-keys.json").json
    return found


def year_license(issuer: Api, approver: Api) -> str:
    """A license that runs without a check-in for a year."""
    issued = issuer.issue(**{**AIRGAP, "max_offline_days": 365, "expires_at": "2028-06-01"})
    assert approver.post(f"/api/v1/licenses/{issued['id']}/approve").status_code == 200
    return str(issued["license_key"])


def test_a_year_of_rotations_leaves_every_installed_license_valid(
    server: Flask,
    issuer: Api,
    approver: Api,
    roots: RootSet,
    root: PrivateKey,
    clock: FakeClock,
    new_customer: CustomerFactory,
) -> None:
    began, kids = clock.now(), [published(issuer)["certificates"][0]["kid"]]
    customers: list[Customer] = []
    # In time, in the last days, and in the very last seconds of a certificate.
    for days in (70.0, 98.0, 99.9998):
        customer = new_customer().run(roots)
        customer.install(year_license(issuer, approver))
        customers.append(customer)
        clock.advance(days * DAY)
        assert issuer.get("/readyz").status_code == 200
        kids.append(rotate(server, root, clock))
        certificates = published(issuer)["certificates"]
        # Both while they overlap, and what signs first.
        assert [row["kid"] for row in certificates] == [kids[-1], kids[-2]]
        assert [customer.state for customer in customers] == ["active"] * len(customers)
    clock.advance(40 * DAY)
    assert clock.now() - began > timedelta(days=300)
    assert [customer.state for customer in customers] == ["active"] * 3
    for customer in customers:
        customer.check_in()
    newcomer = new_customer().run(roots)
    newcomer.install(year_license(issuer, approver))
    assert [each.state for each in (*customers, newcomer)] == ["active"] * 4
    assert len(set(kids)) == 4


def test_a_late_rotation_stops_check_ins_and_not_the_customers(
    server: Flask,
    issuer: Api,
    approver: Api,
    roots: RootSet,
    root: PrivateKey,
    clock: FakeClock,
    new_customer: CustomerFactory,
) -> None:
    customer = new_customer().run(roots)
    customer.install(year_license(issuer, approver))
    clock.advance(100 * DAY)
    assert issuer.get("/readyz").status_code == 503
    assert customer.refused_because() is Cause.HTTP_STATUS
    assert customer.state == "active"
    rotate(server, root, clock)
    assert issuer.get("/readyz").status_code == 200
    customer.check_in()
    assert customer.state == "active"


@pytest.fixture
def spare(server: Flask, clock: FakeClock) -> PrivateKey:
    """The spare root, in its other place."""
    spare = PrivateKey.generate()
    clock.advance(1)
    with server.app_context(), writing() as session:
        ceremony.register_root(session, spare, at=clock.now(), actor="test")
    return spare


def only(root: PrivateKey) -> RootSet:
    return RootSet.of(bytes(root.verify_key))


def test_when_the_first_root_is_lost_the_spare_takes_over(
    server: Flask,
    issuer: Api,
    approver: Api,
    root: PrivateKey,
    spare: PrivateKey,
    clock: FakeClock,
    new_customer: CustomerFactory,
) -> None:
    both = RootSet.of(bytes(root.verify_key), bytes(spare.verify_key))
    of_both, of_the_old, of_the_spare = (
        new_customer().run(pinned) for pinned in (both, only(root), only(spare))
    )
    for customer in (of_both, of_the_old):
        customer.install(year_license(issuer, approver))
    with pytest.raises(CheckInError) as refusal:
        of_the_spare.install(year_license(issuer, approver))
    assert refusal.value.cause is Cause.UNTRUSTED_KEY
    rotate(server, spare, clock)
    of_both.check_in()
    of_the_spare.check_in()
    assert of_the_old.refused_because() is Cause.UNTRUSTED_KEY
    # What was installed under the old root stays; what does not verify changes nothing.
    assert [of_both.state, of_the_old.state, of_the_spare.state] == ["active"] * 3
    # With an image that pins the spare too, the very same request is answered and accepted.
    of_the_old.run(both).check_in()
    assert of_the_old.state == "active"
    assert all(not a["flags"] for a in all_activations(issuer))


def all_activations(api: Api) -> list[dict[str, Any]]:
    customers = api.get("/api/v1/customers?page_size=500").json["items"]
    licenses = [
        license_
        for customer in customers
        for license_ in api.get(f"/api/v1/customers/{customer['id']}").json["licenses"]
    ]
    return [activation for license_ in licenses for activation in api.activations(license_)]


def test_a_stolen_root_is_retired_once_replies_are_signed_under_another(
    server: Flask,
    issuer: Api,
    approver: Api,
    root: PrivateKey,
    spare: PrivateKey,
    clock: FakeClock,
    new_customer: CustomerFactory,
) -> None:
    customer = new_customer().run(RootSet.of(bytes(root.verify_key), bytes(spare.verify_key)))
    customer.install(year_license(issuer, approver))
    [stolen] = only(root).kids
    with pytest.raises(ConflictError, match="rotate with another root"):
        retire(server, stolen)
    rotate(server, spare, clock)
    retire(server, stolen)
    keys = published(issuer)
    assert [key["kid"] for key in keys["roots"]["keys"]] == list(only(spare).kids)
    assert {row["root_kid"] for row in keys["certificates"]} == set(only(spare).kids)
    with pytest.raises(ConflictError, match="was retired"):
        rotate(server, root, clock)
    with pytest.raises(ConflictError, match="is retired already"):
        retire(server, stolen)
    with pytest.raises(ConflictError, match="rotate with another root"):
        retire(server, only(spare).kids[0])
    # The next image pins the spare alone: what the thief certifies is worth nothing there, and
    # the license that was installed under the stolen root is replaced by the next check-in.
    customer.check_in()
    customer.run(only(spare))
    assert customer.state == "active"
    customer.check_in()


def retire(server: Flask, kid: str) -> None:
    with server.app_context(), writing() as session:
        at = current().clock.now()
        ceremony.retire_root(session, kid, reason="stolen", at=at, actor="test")
        assert db.session.is_active


def test_restored_backups_strand_no_customer(
    server: Flask,
    issuer: Api,
    roots: RootSet,
    clock: FakeClock,
    new_customer: CustomerFactory,
    tmp_path: Path,
) -> None:
    known, newcomer = new_customer().run(roots), new_customer().run(roots)
    known.install(issuer.issue()["license_key"])
    late_key = issuer.issue()["license_key"]
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(database_of(server))) as connection:
        connection.execute("VACUUM INTO ?", (str(backup),))
    newcomer.install(late_key)
    # The same backup twice: its second return knows nothing of the first one.
    for _ in range(2):
        for _ in range(5):
            clock.advance(3600)
            known.check_in()
            newcomer.check_in()
        restore(server, backup)
        for customer in (known, newcomer):
            assert customer.refused_because() is Cause.STALE
        told = note_restoration(server, "--reason", "its disk died")
        assert "2 servers go on" in told.stdout
        for customer in (known, newcomer):
            customer.check_in()
            assert customer.state == "active"
    assert actions(server)[-1] == "DATABASE_RESTORED"


def test_a_server_whose_activation_is_lost_goes_on_after_a_restoration(
    server: Flask,
    issuer: Api,
    roots: RootSet,
    new_customer: CustomerFactory,
    tmp_path: Path,
) -> None:
    customer, key = new_customer().run(roots), issuer.issue()["license_key"]
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(database_of(server))) as connection:
        connection.execute("VACUUM INTO ?", (str(backup),))
    customer.install(key)
    customer.check_in()
    restore(server, backup)
    assert "0 servers go on" in note_restoration(server, "--reason", "its disk died").stdout
    customer.check_in()
    assert customer.state == "active"


def test_a_restoration_needs_a_reason_and_touches_nothing_without(
    each_server: Flask,
) -> None:
    for arguments in ((), ("--reason", " "), ("--reason", "x" * 501)):
        assert note_restoration(each_server, *arguments).exit_code != 0
    assert "DATABASE_RESTORED" not in actions(each_server)
    assert note_restoration(each_server, "--reason", "x" * 500).exit_code == 0
    assert actions(each_server)[-1] == "DATABASE_RESTORED"


def note_restoration(server: Flask, *arguments: str) -> Result:
    return server.test_cli_runner().invoke(args=["db", "after-restore", *arguments])


def database_of(server: Flask) -> str:
    with server.app_context():
        return str(db.engine.url.database)


def restore(server: Flask, backup: Path) -> None:
    """Put the database back as it was."""
    path = Path(database_of(server))
    with server.app_context():
        db.session.remove()
        db.engine.dispose()
    for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        name.unlink(missing_ok=True)
    shutil.copy(backup, path)


def actions(server: Flask) -> list[str]:
    with server.app_context():
        found = select(AuditEvent.action).order_by(AuditEvent.seq)
        return list(db.session.scalars(found))
