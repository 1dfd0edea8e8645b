"""A migration that is killed in the middle: the next start completes it."""

import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.places import ROOT
from tests.postgres import Postgres, connect

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

LONGEST_SECONDS = 60.0
long = [pytest.mark.slow, pytest.mark.timeout(3600)]
Migrate = Callable[[str, float], str]


@pytest.fixture(params=["sentari", "license_server"])
def migrate(request: pytest.FixtureRequest) -> Iterator[Migrate]:
    """Migrate the database at a URL, killed after some seconds; return `done` or `killed`."""
    command = [sys.executable, "-m", "tests.live.faults.migrator", request.param]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as migrator:

        def run(url: str, seconds: float) -> str:
            assert migrator.stdin is not None
            assert migrator.stdout is not None
            print(url, seconds, file=migrator.stdin, flush=True)
            return migrator.stdout.readline()

        yield run


def described(path: Path) -> list[object]:
    """Return what a database is made of; a rebuilt table has its constraints in any order."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        version = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        tables = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    parts = [
        (kind, name, sorted((sql or "").replace(",", "").split())) for kind, name, sql in tables
    ]
    return [*version, *sorted(parts)]


@pytest.mark.parametrize("kills", [4, pytest.param(200, marks=long)])
def test_on_sqlite_the_next_start_completes_it(
    migrate: Migrate, tmp_path: Path, kills: int
) -> None:
    whole = tmp_path / "whole.db"
    took = migrate(f"sqlite:///{whole}", LONGEST_SECONDS)
    seconds = float(took.removeprefix("done "))
    chance, killed = random.Random(kills), 0
    for number in range(kills):
        path = tmp_path / f"{number}.db"
        part = seconds * (number + chance.random()) / kills
        killed += migrate(f"sqlite:///{path}", part) == "killed\n"
        assert migrate(f"sqlite:///{path}", LONGEST_SECONDS).startswith("done ")
        assert described(path) == described(whole)
        path.unlink()
    assert killed > kills // 3


@pytest.mark.parametrize("kills", [2, pytest.param(40, marks=long)])
def test_on_postgresql_the_next_start_completes_it(
    migrate: Migrate, postgres: Postgres, kills: int
) -> None:
    chance, seconds = random.Random(kills), 0.0
    for number in range(-1, kills):
        url = postgres.create()
        if number >= 0:
            migrate(url, seconds * (number + chance.random()) / kills)
        took = migrate(url, LONGEST_SECONDS)
        if number < 0:
            seconds = float(took.removeprefix("done "))
        with connect(url) as connection:
            found = connection.execute(
                "SELECT table_name, column_name, data_type FROM information_schema.columns"
                " WHERE table_schema = 'public' ORDER BY 1, 2"
            ).fetchall()
            version = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        if number < 0:
            whole = (version, found)
        assert (version, found) == whole
        postgres.drop(url)
