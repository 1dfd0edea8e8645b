"""Back up a server on SQLite while it runs: the database, and what belongs to it."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from sqlalchemy.engine import make_url

from sentari.agents.server_tls import FILE_NAME
from sentari.config import Settings
from sentari.operations.archive import (
    DATABASE,
    SECRET_KEY,
    SERVER_TLS,
    Manifest,
    stamp_of,
    write_archive,
)
from sentari.operations.standstill import OperationError
from serverkit.secrets import derive_key

_HINT = "backup/hint"


@dataclass(frozen=True)
class Place:
    """Where a server on SQLite keeps what a backup holds."""

    database: Path
    secret_key: Path | None
    server_tls: Path

    @classmethod
    def of(cls, settings: Settings, advice: str) -> "Place":
        """Find it; OperationError with the advice when the database is PostgreSQL."""
        url = make_url(settings.database_url)
        if url.drivername != "sqlite":
            raise OperationError(f"the database is PostgreSQL: {advice}")
        path = Path(str(url.database)).absolute()
        return cls(path, settings.secret_key_file, settings.tls_directory / FILE_NAME)


def key_hint(secret_key: str) -> str:
    """Return what tells this secret key from others, and is of no use to whoever reads it."""
    return derive_key(secret_key, _HINT).hex()[:16]


@dataclass(frozen=True)
class Backup:
    """A backup of one server; `with_key` includes a secret key that the server made itself."""

    place: Place
    secret_key: str
    version: str
    now: datetime
    with_key: bool = True

    def write(self, output: IO[bytes]) -> Manifest:
        """Write the archive; the server may go on meanwhile. Raises OperationError or OSError.

        Needs the database's size again beside it, for as long as it takes.
        """
        with self._copied() as copy:
            files = {DATABASE: copy} | {n: p for n, p in self._beside().items() if p.exists()}
            manifest = Manifest(
                version=self.version,
                schema=_checked_schema(copy),
                made_at=f"{self.now:%Y-%m-%dT%H:%M:%SZ}",
                key_hint=key_hint(self.secret_key),
                files={name: stamp_of(path) for name, path in files.items()},
            )
            write_archive(output, manifest, files, self.now)
        return manifest

    def _beside(self) -> dict[str, Path]:
        own_key = self.place.secret_key if self.with_key else None
        found = {} if own_key is None else {SECRET_KEY: own_key}
        return found | {SERVER_TLS: self.place.server_tls}

    @contextmanager
    def _copied(self) -> Iterator[Path]:
        """Copy the database as it is at one moment, into one file without a log beside it."""
        parent = self.place.database.parent
        if not self.place.database.exists():
            raise OperationError(f"there is no database at {self.place.database}")
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=parent) as folder:
            path = Path(folder, DATABASE)
            with (
                closing(
                    sqlite3.connect(f"{self.place.database.as_uri()}?mode=ro", uri=True)
                ) as one,
                closing(sqlite3.connect(path)) as other,
            ):
                one.backup(other)
                other.execute("PRAGMA journal_mode=DELETE")
            yield path


def _checked_schema(path: Path) -> str:
    """Return a database's schema after a look through all of it, or raise OperationError."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        try:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            schema = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.DatabaseError as error:
            raise OperationError(f"the database is damaged: {error}") from error
    if found != "ok" or schema is None:
        raise OperationError(f"the database is damaged: {found}")
    return str(schema[0])


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that takes its name when it is complete, readable by its owner only."""
    if path.exists():
        raise OperationError(f"{path} is there already: choose another name")
    # Of a name that nobody can foresee, in a folder that others may write to as well.
    descriptor, name = tempfile.mkstemp(".part", f".{path.name}.", path.parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
