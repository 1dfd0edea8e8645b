"""Shared fixtures: the two databases, the app, and the fixed cast."""

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient

from sentari import create_app
from sentari.accounts.models import User
from sentari.audit.store import record
from sentari.config import Settings
from sentari.extensions import db, writing
from sentari.licensing.check_in import Transport
from sentari.startup import schema
from tests.clocks import FakeClock
from tests.compiled import CompiledTemplates
from tests.places import scratch
from tests.postgres import Postgres
from tests.scheduling import Together

SECRET = "a secret of the tests, long enough to be accepted"
PASSWORD = "a password of the tests"
# A hash says itself how slow it is: this one is compared with at once.
PASSWORD_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)

os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", scratch())


def pytest_collection_finish() -> None:
    """Take all the modules and tests out of the garbage collector's rounds: they stay."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together | None:
    """Take the place of `--dist loadgroup`."""
    return Together(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty migrated SQLite database, copied by each test that needs one."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    _migrate(f"sqlite:///{path}", path.parent)
    return path


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """The run's PostgreSQL server."""
    postgres = Postgres(tmp_path_factory)
    yield postgres
    postgres.close()


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of an empty migrated PostgreSQL database, a template for each test's own."""
    url = postgres.create()
    _migrate(url, tmp_path_factory.mktemp("pg-data"))
    return url


def _migrate(url: str, data_dir: Path) -> None:
    app = create_app(Settings(url, data_dir, SECRET))
    with app.app_context():
        schema().upgrade(db.engine)
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    path = tmp_path / "sentari.db"
    shutil.copy(migrated_sqlite, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres: Postgres, migrated_postgres: str) -> Iterator[str]:
    url = postgres.create(migrated_postgres)
    yield url
    postgres.drop(url)


_FIXTURES = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}
# `make test-postgresql` sets it: then what usually runs on SQLite runs on PostgreSQL.
USUAL_DATABASE = os.environ.get("TEST_DATABASE", "sqlite")


@pytest.fixture
def usual_url(request: pytest.FixtureRequest) -> str:
    """A migrated database for tests to which it is all the same which one they run on."""
    kind = "sqlite" if request.node.get_closest_marker("sqlite") else USUAL_DATABASE
    url: str = request.getfixturevalue(_FIXTURES[kind])
    return url


@pytest.fixture(params=_FIXTURES if USUAL_DATABASE == "sqlite" else [USUAL_DATABASE])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of each kind in turn: for stores, caps and whatever locks."""
    url: str = request.getfixturevalue(_FIXTURES[request.param])
    return url


AppFactory = Callable[..., Flask]
_COMPILED = CompiledTemplates()


@contextmanager
def factory(data_dir: Path, clock: FakeClock) -> Iterator[AppFactory]:
    """Build apps on a database URL with settings of one's own; dispose of them afterwards."""
    apps: list[Flask] = []

    def make(
        url: str,
        *,
        transport: Transport | None = None,
        secret_key: str = SECRET,
        **settings: object,
    ) -> Flask:
        chosen = Settings(url, data_dir, secret_key, **settings)
        app = create_app(chosen, clock=clock, transport=transport)
        app.testing = False
        app.jinja_env.bytecode_cache = _COMPILED
        apps.append(app)
        return app

    yield make
    for app in apps:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def make_app(tmp_path: Path, clock: FakeClock) -> Iterator[AppFactory]:
    """Build apps for one test."""
    with factory(tmp_path, clock) as make:
        yield make


@pytest.fixture
def app(make_app: AppFactory, usual_url: str) -> Flask:
    """The server."""
    return make_app(usual_url)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A stranger's browser."""
    return app.test_client()


def add_user(app: Flask, email: str, role: str) -> None:
    with app.app_context():
        at = app.extensions["sentari"].clock.now()
        with writing() as session:
            detail = {"role": role}
            record(session, at=at, actor="test", action="USER_CREATED", target=email, detail=detail)
            user = User(email=email, password_hash=PASSWORD_HASH, role=role, created_at=at)
            session.add(user)


def csrf_token(client: FlaskClient, path: str = "/login") -> str:
    """Read the form token out of a page, as a browser would."""
    page = client.get(path).get_data(as_text=True)
    marker = 'name="csrf_token"'
    tag = page[page.rindex("<", 0, page.index(marker)) : page.index(">", page.index(marker))]
    return tag.split('value="')[1].split('"')[0]


def sign_in(client: FlaskClient, email: str) -> None:
    form = {"email": email, "password": PASSWORD, "csrf_token": csrf_token(client)}
    answer = client.post("/login", data=form)
    assert answer.status_code == 302, answer.get_data(as_text=True)


@pytest.fixture
def admin_client(app: Flask) -> FlaskClient:
    """A signed-in admin's browser."""
    add_user(app, "admin@example.com", "admin")
    client = app.test_client()
    sign_in(client, "admin@example.com")
    return client


@pytest.fixture
def viewer_client(app: Flask) -> FlaskClient:
    """A signed-in viewer's browser."""
    add_user(app, "root@example.com", "admin")
    add_user(app, "viewer@example.com", "viewer")
    client = app.test_client()
    sign_in(client, "viewer@example.com")
    return client


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own variables out of the tests."""
    for name in list(os.environ):
        if name.startswith(("SENTARI_", "LICENSE_SERVER_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
