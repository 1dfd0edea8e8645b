"""Start-up: migrations are the models, newer schemas are refused, the first member of staff."""

from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import inspect, select, text

from license_server.extensions import db
from license_server.staff.models import Staff
from license_server.startup import prepare, schema
from serverkit.database import writable
from serverkit.passwords import verify_password
from serverkit.schema import SchemaError


def test_the_migrations_make_what_the_models_say(each_server: Flask) -> None:
    with each_server.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, db.metadata) == []


def test_the_migrations_make_every_check_that_the_models_have(each_server: Flask) -> None:
    with each_server.app_context():
        found = inspect(db.engine)
        for table in db.metadata.sorted_tables:
            expected = {
                str(constraint.name)
                for constraint in table.constraints
                if constraint.__visit_name__ == "check_constraint"
            }
            names = {str(check["name"]) for check in found.get_check_constraints(table.name)}
            assert names >= expected, table.name


def test_a_newer_schema_is_refused(each_server: Flask) -> None:
    with each_server.app_context(), writable(db.engine.connect()) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.commit()
    with pytest.raises(SchemaError, match="newer"):
        prepare(each_server)
    assert each_server.test_client().get("/readyz").status_code == 503


def test_starting_again_changes_nothing(each_server: Flask) -> None:
    prepare(each_server)
    with each_server.app_context(), db.engine.connect() as connection:
        assert schema().is_current(connection)


def test_the_first_member_of_staff_comes_from_the_settings_once(
    make_server: Callable[..., Flask], sqlite_url: str
) -> None:
    for password in ("a password of the tests", "another password"):
        app = make_server(
            sqlite_url, bootstrap_staff_email="Ann@x.example", bootstrap_staff_password=password
        )
        prepare(app)
    with app.app_context():
        [person] = db.session.scalars(select(Staff)).all()
        assert (person.email, person.role) == ("ann@x.example", "approver")
        assert verify_password(person.password_hash, "a password of the tests")


def test_creating_the_app_touches_no_database(
    make_server: Callable[..., Flask], tmp_path: Path
) -> None:
    make_server(f"sqlite:///{tmp_path / 'none.db'}")
    assert not (tmp_path / "none.db").exists()
