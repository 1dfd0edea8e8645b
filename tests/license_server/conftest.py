"""The license server on both databases, its fixed cast, and a server that checks in."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from nacl.signing import SigningKey as PrivateKey

from license_server import create_app
from license_server.config import Settings
from license_server.extensions import current, db, writing
from license_server.signing import ceremony
from license_server.staff.models import Staff
from license_server.staff.tokens import create_token
from license_server.startup import prepare
from license_token.keys import RootSet
from tests.clocks import FakeClock
from tests.compiled import CompiledTemplates
from tests.conftest import PASSWORD_HASH, SECRET
from tests.license_server.cast import Api, CustomerServer
from tests.license_server.pages import Person, person_with
from tests.postgres import Postgres


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty migrated SQLite database, copied by each test that needs one."""
    path = tmp_path_factory.mktemp("license-server") / "template.db"
    prepare(create_app(Settings(f"sqlite:///{path}", path.parent, SECRET)))
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of an empty migrated PostgreSQL database, a template for each test's own."""
    url = postgres.create()
    prepare(create_app(Settings(url, tmp_path_factory.mktemp("pg-data"), SECRET)))
    return url


LicenseServerFactory = Callable[..., Flask]
_COMPILED = CompiledTemplates()


@pytest.fixture
def make_server(tmp_path: Path, clock: FakeClock) -> Iterator[LicenseServerFactory]:
    """Build license servers on a database URL; disposed of afterwards."""
    apps: list[Flask] = []

    def make(url: str, **settings: object) -> Flask:
        app = create_app(Settings(url, tmp_path, SECRET, **settings), clock=clock)
        app.jinja_env.bytecode_cache = _COMPILED
        apps.append(app)
        return app

    yield make
    for app in apps:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def root() -> PrivateKey:
    """The vendor's root key."""
    return PrivateKey.generate()


def set_up_keys(app: Flask, root: PrivateKey) -> None:
    with app.app_context(), writing() as session:
        server = current()
        at = server.clock.now()
        ceremony.register_root(session, root, at=at, actor="test")
        ceremony.make_signing_key(session, root, server.keyring, at=at, actor="test")


@pytest.fixture
def server(make_server: LicenseServerFactory, sqlite_url: str, root: PrivateKey) -> Flask:
    """The license server on SQLite, with keys."""
    app = make_server(sqlite_url)
    set_up_keys(app, root)
    return app


@pytest.fixture
def each_server(make_server: LicenseServerFactory, database_url: str, root: PrivateKey) -> Flask:
    """The license server with keys, on each database in turn."""
    app = make_server(database_url)
    set_up_keys(app, root)
    return app


@pytest.fixture
def roots(root: PrivateKey) -> RootSet:
    """What the customers' servers pin."""
    return RootSet.of(bytes(root.verify_key))


def staff_token(app: Flask, email: str, role: str) -> str:
    """Add a member of staff and return a token."""
    with app.app_context():
        at = current().clock.now()
        with writing() as session:
            person = Staff(email=email, password_hash=PASSWORD_HASH, role=role, created_at=at)
            session.add(person)
            session.flush()
            return create_token(
                session, person, name="tests", expires_in_days=None, at=at, actor="test"
            )


def api_of(app: Flask, role: str) -> Api:
    """The machine interface in the hands of a member of staff with the role."""
    return Api(app.test_client(), staff_token(app, f"{role}@vendor.example", role))


@pytest.fixture
def support(server: Flask) -> Api:
    return api_of(server, "support")


@pytest.fixture
def issuer(server: Flask) -> Api:
    return api_of(server, "issuer")


@pytest.fixture
def approver(server: Flask) -> Api:
    return api_of(server, "approver")


@pytest.fixture
def stranger(server: Flask) -> Api:
    return Api(server.test_client(), None)


@pytest.fixture
def license_(issuer: Api) -> dict[str, Any]:
    """A license with plain terms, as the issuing answer shows it."""
    return issuer.issue()


@pytest.fixture
def sentari(
    issuer: Api, license_: dict[str, Any], clock: FakeClock, roots: RootSet
) -> CustomerServer:
    """A customer's server that has just got its key."""
    return CustomerServer(issuer.client, license_["license_key"], clock, roots)


@pytest.fixture
def support_person(server: Flask) -> Person:
    """A signed-in member of staff who reads."""
    return person_with(server, "support")


@pytest.fixture
def issuer_person(server: Flask) -> Person:
    """A signed-in member of staff who writes."""
    return person_with(server, "issuer")


@pytest.fixture
def approver_person(server: Flask) -> Person:
    """A signed-in member of staff who may do everything."""
    return person_with(server, "approver")
