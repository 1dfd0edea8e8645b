"""Rate limits whose counters live in the database, so that they hold across workers."""

import hashlib
from datetime import timedelta
from typing import Any

from limits import RateLimitItem, parse
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import Engine, Integer, String, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import case

from serverkit.clock import Clock
from serverkit.database import UtcDateTime, writable
from serverkit.problems import Problem


class RateLimitMixin:
    """One counter: a hashed key, its hits, and when its window ends."""

    __tablename__ = "rate_limit"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    hits: Mapped[int] = mapped_column(Integer)
    expires_at: Mapped[Any] = mapped_column(UtcDateTime, index=True)


class SqlStorage(Storage):
    """Count hits of fixed windows in a table, in transactions of its own."""

    STORAGE_SCHEME = None

    def __init__(self, engine: Engine, model: type[RateLimitMixin], clock: Clock) -> None:
        """Count in the table of `model`."""
        super().__init__()
        self._engine, self._model, self._clock = engine, model, clock
        self._table = model.__table__  # type: ignore[attr-defined]

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """Return what the storage may raise."""
        return SQLAlchemyError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add hits to the key's window, opening a new one when it has ended."""
        now = self._clock.now()
        table, fresh = self._table, self._table.c.expires_at <= now
        build = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        ends = now + timedelta(seconds=expiry)
        insert = build(table).values(key=_digest(key), hits=amount, expires_at=ends)
        upsert = insert.on_conflict_do_update(
            index_elements=[table.c.key],
            set_={
                "hits": case((fresh, amount), else_=table.c.hits + amount),
                "expires_at": case((fresh, ends), else_=table.c.expires_at),
            },
        ).returning(table.c.hits)
        with writable(self._engine.connect()) as connection, connection.begin():
            hits: int = connection.execute(upsert).scalar_one()
            if hits == amount:
                # A new window is rare enough to sweep the ended ones in passing.
                connection.execute(delete(table).where(table.c.expires_at <= now))
        return hits

    def get(self, key: str) -> int:
        """Return the hits of the key's open window."""
        table = self._table
        query = select(func.coalesce(func.max(table.c.hits), 0)).where(
            table.c.key == _digest(key), table.c.expires_at > self._clock.now()
        )
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def get_expiry(self, key: str) -> float:
        """Return when the key's window ends, in seconds since 1970."""
        query = select(self._table.c.expires_at).where(self._table.c.key == _digest(key))
        with self._engine.connect() as connection:
            ends = connection.execute(query).scalar_one_or_none()
        return float((ends or self._clock.now()).timestamp())

    def check(self) -> bool:
        """Tell whether the table can be read."""
        self.get("check")
        return True

    def reset(self) -> int | None:
        """Forget all counters."""
        with writable(self._engine.connect()) as connection, connection.begin():
            return connection.execute(delete(self._table)).rowcount

    def clear(self, key: str) -> None:
        """Forget one counter."""
        with writable(self._engine.connect()) as connection, connection.begin():
            connection.execute(delete(self._table).where(self._table.c.key == _digest(key)))


class RateLimiter:
    """Refuse what comes too often. Not to be called inside a write transaction."""

    def __init__(self, storage: SqlStorage, clock: Clock) -> None:
        """Count in `storage`."""
        self._strategy, self._storage, self._clock = FixedWindowRateLimiter(storage), storage, clock

    def hit(self, limit: str, *identifiers: str) -> None:
        """Count one hit; raise Problem 429 with `Retry-After` when it is one too many.

        `limit` is in the notation of the limits library, such as `5/minute`.
        """
        item = parse(limit)
        if not self._strategy.hit(item, *identifiers):
            raise self._refusal(item, identifiers)

    def _refusal(self, item: RateLimitItem, identifiers: tuple[str, ...]) -> Problem:
        ends = self._storage.get_expiry(item.key_for(*identifiers))
        wait = max(1, int(ends - self._clock.now().timestamp()) + 1)
        return Problem(
            429,
            "rate_limited",
            "Too many requests",
            f"Try again in {wait} seconds.",
            headers={"Retry-After": str(wait)},
        )


SIGN_IN_LIMIT = "5/minute"


def limit_sign_in(limiter: RateLimiter, step: str, *, address: str, account: str) -> None:
    """Count one attempt at a step of signing in, by its address and by the account it names."""
    limiter.hit(SIGN_IN_LIMIT, f"{step}-address", address)
    limiter.hit(SIGN_IN_LIMIT, f"{step}-account", account.strip().lower())


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
