"""The migrations make the models' schema, and each works on a database that is in use."""

import json
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

import sentari
from sentari.extensions import db, writing
from sentari.inventory.counts import device_counts, packages_by_ecosystem
from sentari.inventory.devices import find_device
from tests.conftest import AppFactory
from tests.sentari.inventory.devices import enroll, send
from tests.sentari.inventory.scans import package, scan


def test_the_migrations_make_what_the_models_say(make_app: AppFactory, database_url: str) -> None:
    with make_app(database_url).app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, db.metadata) == []


@pytest.mark.parametrize("table", ["audit_event", "agent_log_entry"])
def test_what_is_written_for_good_has_its_triggers(
    make_app: AppFactory, database_url: str, table: str
) -> None:
    on_sqlite = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :t"
    on_postgres = "SELECT tgname FROM pg_trigger WHERE tgrelid = CAST(:t AS regclass)"
    with make_app(database_url).app_context(), db.engine.connect() as connection:
        postgres = connection.dialect.name == "postgresql"
        query = text(on_postgres if postgres else on_sqlite)
        found = set(connection.scalars(query, {"t": table}))
    suffixes = ("no_change", "no_truncate") if postgres else ("no_delete", "no_update")
    assert {f"{table}_{suffix}" for suffix in suffixes} <= found


def test_a_trigger_would_notice(make_app: AppFactory, postgres_url: str) -> None:
    with (
        make_app(postgres_url).app_context(),
        pytest.raises(DBAPIError, match="append-only"),
        writing() as session,
    ):
        session.execute(text("TRUNCATE agent_log_entry"))


def test_a_database_in_use_goes_back_to_the_first_schema_and_up_again_with_its_rows(
    make_app: AppFactory, database_url: str
) -> None:
    migrations = Config()
    migrations.set_main_option("script_location", str(Path(sentari.__file__).parent / "migrations"))
    with make_app(database_url).app_context():
        uid = enroll(hostname="kept").device_uid
        send(uid, scan(package("a"), package("b"), package(env_type="npm"), hostname="kept"))
        db.session.remove()
        migrations.attributes["engine"] = db.engine
        command.downgrade(migrations, "0001")
        with db.engine.connect() as connection:
            assert not inspect(connection).has_table("agent_log_entry")
        command.upgrade(migrations, "head")
        device = find_device(db.session(), uid)
        assert device is not None
        assert device.hostname == "kept"
        assert json.loads(device.ecosystems) == {"npm": 1, "pypi": 2}
        assert packages_by_ecosystem(db.session()) == {"npm": 1, "pypi": 2}
        assert set(device_counts(db.session(), [1, 2, 3]).values()) == {1}
        context = MigrationContext.configure(db.session.connection())
        assert compare_metadata(context, db.metadata) == []
        db.session.remove()
