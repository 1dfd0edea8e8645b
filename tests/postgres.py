"""One PostgreSQL server for the whole test run, shared by all its processes."""

import fcntl
import os
import secrets
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL
from sqlalchemy.engine import make_url

from tests.places import ROOT

_keepers: list[subprocess.Popen[str]] = []


class Postgres:
    """The server, and one connection to make and drop databases with."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._url = make_url(_shared_server(factory))
        self._connection = psycopg.connect(_plain(self._url), autocommit=True)

    def create(self, template: str | None = None) -> str:
        """Make a database, empty or as the one at the URL `template` is; return its URL."""
        name = f"test_{secrets.token_hex(6)}"
        source = make_url(template).database if template else "template1"
        # To copy the files takes the server half the work of logging what is in them.
        statement = f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY file_copy"
        self._connection.execute(statement.encode())
        url = self._url.set(drivername="postgresql+psycopg", database=name)
        return url.render_as_string(False)

    def drop(self, url: str) -> None:
        """Drop a database, whoever is connected still."""
        statement = f"DROP DATABASE {make_url(url).database} WITH (FORCE)"
        self._connection.execute(statement.encode())

    @property
    def folder(self) -> str:
        """Where the server's socket is, for programs that are told by PGHOST."""
        return str(self._url.query["host"])

    def forget(self, name: str) -> None:
        """Drop the database and the role of this name, if they are there."""
        self._connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        self._connection.execute(f"DROP ROLE IF EXISTS {name}".encode())

    def close(self) -> None:
        self._connection.close()


def connect(url: str) -> psycopg.Connection:
    """Connect to a database without SQLAlchemy, each statement on its own."""
    return psycopg.connect(_plain(make_url(url)), autocommit=True)


def _plain(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(False)


def _shared_server(factory: pytest.TempPathFactory) -> str:
    """Return the URL of the run's server, started by whoever comes first.

    Its keeper is a process of its own, which no signal to the run and no early end of a
    worker reaches; it stops the server when the run is over, however that ends.
    """
    root, run = factory.getbasetemp(), os.getpid()
    if root.name == f"popen-{os.environ.get('PYTEST_XDIST_WORKER')}":
        root, run = root.parent, os.getppid()
    address = root / "postgres.url"
    with Path(root, "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not address.exists():
            address.write_text(start_keeper(run, root / "postgres.log"))
        return address.read_text()


def start_keeper(run: int, log: Path) -> str:
    """Start a server that is there until the process `run` is gone; return its URL."""
    with log.open("w") as errors:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.postgres_keeper", str(run)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    _keepers.append(keeper)
    assert keeper.stdout is not None
    url = keeper.stdout.readline().strip()
    if not url:
        raise RuntimeError(f"PostgreSQL does not start: {log.read_text()}")
    return url
