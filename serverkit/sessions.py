"""Signed-in browsers: what both servers keep of them, and when a session ends."""

import logging
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, String, delete, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped, Session, mapped_column

from serverkit.browsers import LONGEST_ADDRESS, LONGEST_NAME, Browser
from serverkit.database import UtcDateTime, Writing
from serverkit.tokens import hash_token, new_token

log = logging.getLogger(__name__)

IDLE = timedelta(hours=8)
ABSOLUTE = timedelta(hours=24)
_SEEN_EVERY = timedelta(minutes=5)


class SessionMixin:
    """One signed-in browser, which alone has the token.

    Where it came from helps its owner to know it again.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    address: Mapped[str] = mapped_column(String(LONGEST_ADDRESS))
    browser: Mapped[str] = mapped_column(String(LONGEST_NAME))

    def live(self, now: datetime) -> bool:
        """Tell whether the session is neither idle for too long nor too old."""
        return now - self.last_seen_at < IDLE and now - self.created_at < ABSOLUTE


Row = TypeVar("Row", bound=SessionMixin)


class SessionStore(Generic[Row]):
    """Begin, find and end one app's sessions. Only `note_use` has a transaction of its own."""

    def __init__(self, model: type[Row]) -> None:
        """Keep them in the table of `model`."""
        self._model: Any = model

    def begin(self, session: Session, browser: Browser, *, at: datetime, **columns: object) -> str:
        """Store a new session and return its token; `columns` say whose it is."""
        token = new_token()
        row = self._model(
            token_hash=hash_token(token),
            created_at=at,
            last_seen_at=at,
            address=browser.address,
            browser=browser.name,
            **columns,
        )
        session.add(row)
        return token

    def find(self, session: Session, token: str, now: datetime) -> Row | None:
        """Return the live session that has this token."""
        query = select(self._model).where(self._model.token_hash == hash_token(token))
        row: Row | None = session.scalars(query).one_or_none()
        return row if row is not None and row.live(now) else None

    def list_live(
        self, session: Session, condition: ColumnElement[bool], now: datetime
    ) -> list[Row]:
        """Return the live sessions that the condition holds for, the newest first."""
        query = select(self._model).where(condition)
        query = query.order_by(self._model.created_at.desc(), self._model.id.desc())
        return [row for row in session.scalars(query) if row.live(now)]

    def end_one(
        self, session: Session, session_id: int, condition: ColumnElement[bool]
    ) -> Row | None:
        """End one session, if the condition holds for it, and return what it was."""
        query = select(self._model).where(self._model.id == session_id, condition)
        row: Row | None = session.scalars(query).one_or_none()
        if row is not None:
            session.delete(row)
        return row

    def end(self, session: Session, token: str) -> None:
        """End the session that has this token."""
        self.end_where(session, self._model.token_hash == hash_token(token))

    def end_where(self, session: Session, condition: ColumnElement[bool]) -> None:
        """End every session that the condition holds for."""
        session.execute(delete(self._model).where(condition))

    def note_use(self, writing: Writing, row: Row, now: datetime) -> None:
        """Note that the session is in use, every few minutes, and sweep those that are over."""
        if now - row.last_seen_at < _SEEN_EVERY:
            return
        row_id = row.id
        try:
            with writing() as session:
                fresh = session.get(self._model, row_id)
                if fresh is not None:
                    fresh.last_seen_at = now
                self.end_where(session, self._model.created_at < now - ABSOLUTE)
        except OperationalError:
            # Reading must go on while the database cannot be written.
            log.warning("the session's last use could not be noted", exc_info=True)
