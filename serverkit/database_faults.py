"""What to tell clients, and the operator, when the database is what fails."""

import errno
import sqlite3
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
    TimeoutError,  # noqa: A004 - SQLAlchemy's own, for a pool that is used up
)

RETRY_AFTER_SECONDS = 5
# A file that could not be written, read or opened may be so only through this connection: it was
# opened while the file was read-only, or the file was put back since.
_OF_THE_CONNECTION = frozenset(
    {
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOTADB,
    }
)


@dataclass(frozen=True)
class Fault:
    """One way in which a database fails: a code for programs, a sentence for people.

    `outcome` says whether what was asked for was done.
    """

    code: str
    detail: str
    outcome: str = "Nothing was changed."


BUSY = Fault("unavailable", "The database does not answer or is busy.")
# When the connection breaks while the database commits, nobody learns whether it has.
LOST = Fault(
    "unavailable",
    "The connection to the database was lost.",
    "Whether anything was changed is not known.",
)
FULL = Fault("disk_full", "The disk that holds the database is full.")
READ_ONLY = Fault("database_read_only", "The database cannot be written: it is read-only.")
DAMAGED = Fault("database_damaged", "The database is damaged: its backup has to be restored.")

_BY_SQLITE_CODE = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
}
_BY_ERRNO = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EROFS: READ_ONLY,
    errno.EACCES: READ_ONLY,
    errno.EPERM: READ_ONLY,
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_BY_POSTGRESQL_STATE = {
    "53100": FULL,
    "XX001": DAMAGED,
    "XX002": DAMAGED,
}


def fault_of(error: SQLAlchemyError) -> Fault | None:
    """Return how the database failed, or None when the error is a bug in what was asked of it."""
    known = None
    if isinstance(error, DBAPIError):
        known = _known(error.orig)
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if known or lost:
        return known or LOST
    return BUSY if isinstance(error, OperationalError | InterfaceError | TimeoutError) else None


def first_line(error: SQLAlchemyError) -> str:
    """Return what the database said, without the statement: for the log, while it is away."""
    return str(error).splitlines()[0]


def told(error: Exception) -> dict[str, Any]:
    """Return what a log line says of an error besides its words: a bug has a traceback."""
    if isinstance(error, SQLAlchemyError) and fault_of(error) is not None:
        return {"extra": {"reason": first_line(error)}}
    return {"exc_info": error}


def is_of_the_connection(error: BaseException | None) -> bool:
    """Tell whether a new connection to the same SQLite file might do better."""
    return isinstance(error, sqlite3.Error) and _primary_code(error) in _OF_THE_CONNECTION


def _known(error: BaseException | None) -> Fault | None:
    if isinstance(error, sqlite3.Error):
        return _BY_SQLITE_CODE.get(_primary_code(error))
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno or 0)
    return _BY_POSTGRESQL_STATE.get(str(getattr(error, "sqlstate", None)))


def _primary_code(error: sqlite3.Error) -> int:
    # The upper bytes say more of the same: https://www.sqlite.org/rescode.html
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
