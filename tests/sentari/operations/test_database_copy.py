"""flask db copy: everything arrives, is compared, and goes on; or nothing was done."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import create_engine, inspect, text

from sentari.extensions import db, writing
from sentari.inventory.models import Package
from sentari.licensing import exchange
from sentari.licensing.scheduler import LOOK_SECONDS
from sentari.operations.database_copy import COPIED, Copying, copy_database
from sentari.operations.standstill import OperationError, Standstill
from sentari.startup import schema
from tests.conftest import AppFactory
from tests.postgres import Postgres
from tests.sentari.fleet import Fleet
from tests.sentari.inventory.scans import package, scan
from tests.sentari.licensing.world import World
from tests.sentari.operations.house import House, do_not_wait, empty_tables


@pytest.fixture
def new_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/new.db"


@pytest.fixture
def other_url(each_full_house: House, postgres: Postgres, tmp_path: Path) -> Any:
    """An empty database of the other kind."""
    with each_full_house.app.app_context():
        kind = db.engine.dialect.name
    if kind == "postgresql":
        yield f"sqlite:///{tmp_path}/copy.db"
    else:
        made = postgres.create()
        yield made
        postgres.drop(made)


def copy(house: House, url: str, **options: Any) -> Result:
    runner = house.app.test_cli_runner()
    return runner.invoke(args=["db", "copy", "--to", url], **options)


def moved(house: House, url: str, make_app: AppFactory) -> Fleet:
    """The server with its agents, started on the copy."""
    old = house.world.licensing
    settings = house.app.extensions["sentari"].settings
    app = make_app(
        url,
        transport=house.world.transport,
        license_public_key_path=settings.license_public_key_path,
        enrollment_token=settings.enrollment_token,
    )
    assert app.extensions["sentari"].licensing is not old
    return Fleet(World(app, house.world.vendor, house.world.transport, house.world.clock))


def test_a_server_in_use_goes_on_from_the_other_database(
    each_full_house: House, other_url: str, make_app: AppFactory
) -> None:
    house = each_full_house
    assert empty_tables(house.app) == set()
    done = copy(house, other_url)
    assert (done.exit_code, done.stderr.count("comparing")) == (0, 1), done.output
    told = dict(line.split("\t")[:2] for line in done.stdout.splitlines() if "\t" in line)
    assert told.keys() == set(db.metadata.tables) - {"license_lease"}
    house.fleet = moved(house, other_url, make_app)
    world = house.fleet.world
    assert world.state == "active"
    assert world.audit_intact()
    assert world.actions(COPIED) == [COPIED]
    assert int(told["audit_event"]) + 1 == len(world.events())
    assert house.send(scan(package("pip"), package("new"), scanned_at="2026-11-27T14:00:00Z"))
    members = {"enrollment_token": house.enrollment_token, "machine_id": "m-1"}
    assert house.fleet.register(**members).json["device_id"] == house.device_id
    house.fleet.add(scan(package("another")), hostname="a new one")
    headers = {"Authorization": f"Bearer {house.api_token}"}
    listed = house.fleet.agents.get("/api/v1/inventory/devices", headers=headers).json
    assert listed["total"] == 3
    world.do(exchange.check_in)  # with the key that waited, by the instance key of before
    assert world.status().limits.devices == 7


def test_the_copy_is_refused_while_a_server_is_at_work_and_done_when_it_has_stopped(
    house: House, new_url: str
) -> None:
    worker = house.start_worker()
    refused = copy(house, new_url)
    assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert "a server is at work on the database" in refused.stderr
    worker.stop()
    assert copy(house, new_url).exit_code == 0


def test_a_second_server_that_takes_over_just_now_is_noticed(house: House, new_url: str) -> None:
    do_not_wait(house.app, lambda seconds: house.kill_worker() if seconds > LOOK_SECONDS else None)
    assert "a server is at work on the database" in copy(house, new_url).stderr


def test_a_server_that_was_killed_counts_as_gone_after_its_lease(
    house: House, new_url: str
) -> None:
    house.kill_worker()
    assert "counts as gone at 12:01:50 UTC" in copy(house, new_url).stderr
    house.fleet.clock.advance(110)
    assert copy(house, "-", input=f"{new_url}\n").exit_code == 0


def test_a_target_with_a_single_row_is_refused_and_kept(house: House, new_url: str) -> None:
    assert copy(house, new_url).exit_code == 0
    again = copy(house, new_url)
    assert (again.exit_code, again.stderr.count("\n")) == (1, 1)
    assert "the target is not empty" in again.stderr


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["CREATE TABLE invoice (id INTEGER)"], "tables of something else (invoice)"),
        (
            ["CREATE TABLE alembic_version (version_num TEXT)",
             "INSERT INTO alembic_version VALUES ('0002')"],
            "the target has schema 0002",
        ),
        (
            ["CREATE TABLE alembic_version (version_num TEXT)",
             "INSERT INTO alembic_version VALUES ('9999')"],
            "newer than this version's",
        ),
    ],
)  # fmt: skip
def test_a_target_of_something_else_is_refused_and_left_as_it_is(
    house: House, tmp_path: Path, statements: list[str], said: str
) -> None:
    url = f"sqlite:///{tmp_path}/other.db"
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    refused = copy(house, url)
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert said in refused.stderr
    assert len(inspect(engine).get_table_names()) == 1
    engine.dispose()


def test_a_url_that_is_none_is_refused(house: House) -> None:
    for url in ("nonsense", "mysql://x/y", "sqlite://", ""):
        refused = copy(house, url)
        assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
        assert "postgresql+psycopg://" in refused.stderr


def test_a_source_of_another_schema_is_refused(house: House, new_url: str) -> None:
    house.world.edit("UPDATE alembic_version SET version_num = '0001'")
    assert "flask --app app db upgrade" in copy(house, new_url).stderr


@pytest.mark.sqlite
def test_a_row_that_does_not_fit_leaves_the_target_empty(house: House, postgres: Postgres) -> None:
    url = postgres.create()
    house.fleet.enroll()
    house.world.edit("UPDATE device SET hostname = :long", long="x" * 256)
    refused = copy(house, url)
    assert refused.exit_code == 1
    assert "a row of the table device does not fit" in refused.stderr.splitlines()[-1]
    engine = create_engine(url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM audit_event")) == 0
    engine.dispose()
    house.world.edit("UPDATE device SET hostname = 'mended'")
    assert copy(house, url).exit_code == 0
    postgres.drop(url)


@pytest.mark.parametrize("moment", ["device ...", "comparing ..."])
def test_a_change_of_the_source_meanwhile_is_noticed_and_nothing_is_kept(
    house: House, new_url: str, moment: str
) -> None:
    def told(line: str) -> None:
        if line == moment:
            with writing() as session:
                session.add(
                    Package(digest=b"x" * 16, ecosystem="x", name="x", version="", name_folded="x")
                )

    engine = create_engine(new_url)
    with house.app.app_context():
        still = Standstill(house.fleet.clock.now(), house.pauses.append)
        job = Copying(db.metadata, schema(), still, told)
        with pytest.raises(OperationError, match="table package is not what the source has"):
            copy_database(db.engine, new_url, job)
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM device")) == 0
        db.session.remove()
    engine.dispose()
