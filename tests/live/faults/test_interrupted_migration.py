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

NEVER = 0
long = [pytest.mark.slow, pytest.mark.timeout(3600)]
Migrate = Callable[[str, int], str]


@pytest.fixture(params=["sentari", "license_server"])
def migrate(request: pytest.FixtureRequest) -> Iterator[Migrate]:
    """Migrate the database at a URL, killed at the statement of a number; return how it went."""
    command = [sys.executable, "-m", "tests.live.faults.migrator", request.param]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as migrator:

        def run(url: str, killed_at: int) -> str:
            assert migrator.stdin is not None
            assert migrator.stdout is not None
            print(url, killed_at, file=migrator.stdin, flush=True)
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


def moments(whole: str, kills: int) -> list[int]:
    """Return so many statements of a migration that took so many, all over it."""
    statements, chance = int(whole.removeprefix("done ")), random.Random(kills)
    return [1 + int(statements * (n + chance.random()) / kills) for n in range(kills)]


@pytest.mark.parametrize("kills", [4, pytest.param(200, marks=long)])
def test_on_sqlite_the_next_start_completes_it(
    migrate: Migrate, tmp_path: Path, kills: int
) -> None:
    whole = tmp_path / "whole.db"
    for number in moments(migrate(f"sqlite:///{whole}", NEVER), kills):
        path = tmp_path / f"{number}.db"
        assert migrate(f"sqlite:///{path}", number) == "killed\n"
        assert migrate(f"sqlite:///{path}", NEVER).startswith("done ")
        assert described(path) == described(whole)
        path.unlink()


@pytest.mark.parametrize("kills", [2, pytest.param(40, marks=long)])
def test_on_postgresql_the_next_start_completes_it(
    migrate: Migrate, postgres: Postgres, kills: int
) -> None:
    def columns(url: str) -> list[tuple[str, ...]]:
        with connect(url) as connection:
            version = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            return (
                version
                + connection.execute(
                    "SELECT table_name, column_name, data_type FROM information_schema.columns"
                    " WHERE table_schema = 'public' ORDER BY 1, 2"
                ).fetchall()
            )

    whole = postgres.create()
    for number in moments(migrate(whole, NEVER), kills):
        url = postgres.create()
        assert migrate(url, number) == "killed\n"
        assert migrate(url, NEVER).startswith("done ")
        assert columns(url) == columns(whole)
        postgres.drop(url)
    postgres.drop(whole)
