"""Put a backup into its place: checked as a whole before anything is touched, then renamed."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from sqlalchemy import URL, Engine, create_engine, delete
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from sentari.accounts.models import UserSession
from sentari.audit.store import record
from sentari.licensing import clock
from sentari.licensing.clock import Floor
from sentari.licensing.clock_store import read_floor, write_floor
from sentari.licensing.identity import IdentityError, find_identity
from sentari.licensing.models import Lease
from sentari.licensing.vault import Vault
from sentari.operations.archive import (
    DATABASE,
    SECRET_KEY,
    SERVER_TLS,
    Manifest,
    read_archive,
)
from sentari.operations.backup import Place, key_hint
from sentari.operations.sealed import belongs
from sentari.operations.standstill import OperationError, Standstill
from serverkit.database import engine_options, prepare_engine, writable
from serverkit.schema import Schema, one_at_a_time
from serverkit.secrets import replace_durably

RESTORED = "BACKUP_RESTORED"


@dataclass(frozen=True)
class Restored:
    """What was restored, and where everything lies that was in its place before."""

    manifest: Manifest
    kept: list[Path]


@dataclass(frozen=True)
class _Before:
    """Who the server was that is replaced, and the floor of time that it had reached."""

    instance_id: str
    floor: Floor


@dataclass(frozen=True)
class Restore:
    """A restoration into one place; `force` allows to put a database aside that is there."""

    place: Place
    secret_key: str = field(repr=False)
    schema: Schema
    standstill: Standstill
    force: bool = False

    def run(self, file: IO[bytes]) -> Restored:
        """Restore the backup that is read from `file`.

        Nothing is changed before all of it was checked. Raises OperationError, SchemaError, or
        OSError.
        """
        home = self.place.database.parent
        home.mkdir(parents=True, exist_ok=True)
        with (
            _engine(self.place.database) as present,
            one_at_a_time(present),
            tempfile.TemporaryDirectory(prefix=".restore-", dir=home) as folder,
            read_archive(file) as archive,
        ):
            before = self._look_at(present)
            self._check_key(archive.manifest)
            files = archive.extract(Path(folder))
            key = _key_in(files) or self.secret_key
            self._renew(files[DATABASE], archive.manifest, key, before)
            return Restored(archive.manifest, self._put(files))

    def _look_at(self, present: Engine) -> _Before | None:
        """Refuse a place that is taken; return who is there when it may be put aside."""
        if not self.place.database.exists():
            return None
        if not self.force:
            raise OperationError(
                f"{self.place.database} is there already: --force puts it aside and restores"
            )
        try:
            self.standstill.refuse_running(present)
            with present.connect() as connection, Session(bind=connection) as session:
                instance_id = _instance_id(session)
                floor = read_floor(session, Vault(self.secret_key)).floor
        except SQLAlchemyError:
            return None  # It is damaged: that is why somebody restores.
        finally:
            present.dispose()
        return _Before(instance_id, floor) if instance_id and floor else None

    def _check_key(self, manifest: Manifest) -> None:
        fits = manifest.key_hint == key_hint(self.secret_key)
        if SECRET_KEY not in manifest.files and not fits:
            raise OperationError(
                "the backup does not have its secret key: set SENTARI_SECRET_KEY to the one that "
                f"it was made under (hint {manifest.key_hint})"
            )
        if self.place.secret_key is None and not fits:
            raise OperationError(
                "SENTARI_SECRET_KEY is set to another key than the backup's: set it to that one, "
                "or to none, and the backup brings its own"
            )

    def _renew(self, path: Path, manifest: Manifest, key: str, before: _Before | None) -> None:
        """Bring the backed-up database to this version, and tell its log that it came back."""
        with _engine(path) as engine:
            try:
                with engine.connect() as connection:
                    stored = self.schema.stored(connection)
                    found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
                if stored != manifest.schema:
                    raise OperationError("the database in the backup is not the manifest's")
                if found != "ok":
                    raise OperationError(f"the database in the backup is damaged: {found}")
                self.schema.upgrade(engine)
                with writable(engine.connect()) as connection, connection.begin():
                    self._settle(Session(bind=connection), manifest, key, before)
            except SQLAlchemyError as error:
                raise OperationError(
                    f"the database in the backup cannot be used: {str(error).splitlines()[0]}"
                ) from error

    def _settle(
        self, session: Session, manifest: Manifest, key: str, before: _Before | None
    ) -> None:
        if not belongs(session, key):
            raise OperationError("the backup's secret key does not open its own database")
        # They were held and used at the moment of the backup, and are over.
        session.execute(delete(Lease))
        session.execute(delete(UserSession))
        if before is not None and before.instance_id == _instance_id(session):
            vault = Vault(key)
            own = read_floor(session, vault).floor
            if own is not None:
                # Only a fresh reply may lower it, and a restoration is none.
                write_floor(session, vault, clock.merged(own, before.floor))
        detail = {"made_at": manifest.made_at, "version": manifest.version}
        record(
            session,
            at=self.standstill.now,
            actor="cli",
            action=RESTORED,
            target="database",
            detail=detail,
        )
        session.flush()

    def _put(self, files: dict[str, Path]) -> list[Path]:
        """Put the files into their places, the database last; return what was put aside."""
        database = self.place.database
        places = {SECRET_KEY: self.place.secret_key, SERVER_TLS: self.place.server_tls}
        kept: list[Path] = []
        for name, target in [*places.items(), (DATABASE, database)]:
            source = files.get(name)
            if source is None or target is None:
                continue
            if name != DATABASE and _same(source, target):
                continue
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            kept += self._put_aside(target)
            replace_durably(source, target)
        return kept

    def _put_aside(self, target: Path) -> Iterator[Path]:
        """Rename what is there; what SQLite keeps beside a database goes with it."""
        aside = f"{target.name}.before-{self.standstill.now:%Y%m%dT%H%M%SZ}"
        for suffix in ("-wal", "-shm", ""):
            present = target.with_name(target.name + suffix)
            if present.exists():
                kept = target.with_name(aside + suffix)
                present.rename(kept)
                if not suffix:
                    yield kept


def _key_in(files: dict[str, Path]) -> str | None:
    if SECRET_KEY not in files:
        return None
    try:
        return files[SECRET_KEY].read_text("utf-8").strip()
    except UnicodeDecodeError as error:
        raise OperationError("the secret key in the backup is none") from error


def _instance_id(session: Session) -> str | None:
    try:
        found = find_identity(session)
    except IdentityError:
        return None  # Edited: the license is tampered with then, which is not for here to say.
    return found.instance_id if found else None


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() == other.read_bytes()


@contextmanager
def _engine(path: Path) -> Iterator[Engine]:
    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, **engine_options("sqlite://"))
    prepare_engine(engine)
    try:
        yield engine
    finally:
        engine.dispose()
