"""The database's schema version: what the code expects, what is there, and the upgrade."""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

log = logging.getLogger(__name__)

_LOCK_NUMBER = 7_301_955_168  # any constant that nothing else in the database locks


class SchemaError(RuntimeError):
    """The schema is newer than the code, which therefore must not touch it."""


class Schema:
    """One app's migrations, applied by one process at a time."""

    def __init__(self, directory: Path) -> None:
        """Use the Alembic migrations in `directory`."""
        self._config = Config()
        self._config.set_main_option("script_location", str(directory))
        self._script = ScriptDirectory.from_config(self._config)

    @property
    def expected(self) -> str:
        """Return the newest revision that the code knows."""
        return self._script.get_current_head() or ""

    def is_current(self, connection: Connection) -> bool:
        """Tell whether the database has just the schema that the code expects."""
        return _stored(connection) == self.expected

    def stored(self, connection: Connection) -> str | None:
        """Return the database's revision, None without one; SchemaError when it is newer."""
        stored = _stored(connection)
        known = {revision.revision for revision in self._script.walk_revisions()}
        if stored is not None and stored not in known:
            raise SchemaError(
                f"the database has schema {stored}, which is newer than this version's "
                f"{self.expected}: install the version that wrote it, or a newer one"
            )
        return stored

    def upgrade(self, engine: Engine) -> None:
        """Bring the database to the expected schema; SchemaError when it is newer."""
        with one_at_a_time(engine), engine.connect() as connection:
            stored = self.stored(connection)
            connection.rollback()
            if stored != self.expected:
                log.info("migrating the database", extra={"from": stored, "to": self.expected})
                self._config.attributes["engine"] = engine
                command.upgrade(self._config, "head")


def _stored(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


@contextmanager
def one_at_a_time(engine: Engine) -> Iterator[None]:
    """Wait for whoever starts, migrates or maintains this database, and keep others waiting.

    Not for a caller that holds it already.
    """
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"SELECT pg_advisory_lock({_LOCK_NUMBER})"))
            try:
                yield
            finally:
                connection.execute(text(f"SELECT pg_advisory_unlock({_LOCK_NUMBER})"))
        return
    path = Path(f"{engine.url.database}.migrate.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
