"""Rate limits whose counters live in the database, so that they hold across workers."""

import hashlib
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from limits import RateLimitItem, parse
from sqlalchemy import (
    Connection,
    Engine,
    Integer,
    String,
    Table,
    bindparam,
    case,
    delete,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from serverkit.clock import Clock
from serverkit.database import UtcDateTime, turn, writable
from serverkit.problems import Problem

SWEEP_SECONDS, SWEEP_ROWS = 60, 1000
_MOST_REMEMBERED = 10_000

_parse = lru_cache(parse)


class RateLimitMixin:
    """One counter: a hashed key, its hits, and when its window ends."""

    __tablename__ = "rate_limit"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    hits: Mapped[int] = mapped_column(Integer)
    expires_at: Mapped[Any] = mapped_column(UtcDateTime, index=True)


class SqlStorage:
    """Count hits of fixed windows in a table, in the transaction of who asks."""

    def __init__(self, engine: Engine, model: type[RateLimitMixin], clock: Clock) -> None:
        """Count in the table of `model`."""
        table: Table = model.__table__  # type: ignore[attr-defined]
        self.engine, self._clock = engine, clock
        # The statements are built once: building one costs more than running it.
        self._count = _count(table, engine.dialect.name)
        self._ends = select(table.c.expires_at).where(table.c.key == bindparam("key"))
        ended = select(table.c.key).where(table.c.expires_at <= bindparam("now")).limit(SWEEP_ROWS)
        # Who counts anew in a window that has ended holds its row; two such must not wait for
        # each other.
        ended = ended.with_for_update(skip_locked=True)
        self._sweep = delete(table).where(table.c.key.in_(ended))
        self._swept_at: float | None = None

    def count(self, connection: Connection, key: str, most: int, seconds: int) -> datetime | None:
        """Count one hit; return when the window ends if this one is more than `most`.

        One too many is not counted and changes nothing, so that whoever goes on knocking costs
        the database no write.
        """
        now = self._clock.now()
        values = {"key": key, "most": most, "now": now, "ends": now + timedelta(seconds=seconds)}
        if connection.execute(self._count, values).scalar_one_or_none() is None:
            ends: datetime = connection.execute(self._ends, {"key": key}).scalar_one()
            return ends
        self._sweep_now_and_then(connection, now)
        return None

    def _sweep_now_and_then(self, connection: Connection, now: datetime) -> None:
        moment = self._clock.monotonic()
        if self._swept_at is not None and moment - self._swept_at < SWEEP_SECONDS:
            return
        if connection.execute(self._sweep, {"now": now}).rowcount < SWEEP_ROWS:
            self._swept_at = moment


def _count(table: Table, dialect: str) -> Any:
    build = postgresql.insert if dialect == "postgresql" else sqlite.insert
    now, ends = bindparam("now", type_=UtcDateTime()), bindparam("ends", type_=UtcDateTime())
    insert = build(table).values(key=bindparam("key"), hits=1, expires_at=ends)
    over = table.c.expires_at <= now
    return insert.on_conflict_do_update(
        index_elements=[table.c.key],
        set_={
            "hits": case((over, 1), else_=table.c.hits + 1),
            "expires_at": case((over, ends), else_=table.c.expires_at),
        },
        where=over | (table.c.hits < bindparam("most")),
    ).returning(table.c.hits)


class RateLimiter:
    """Refuse what comes too often, with Problem 429 and `Retry-After`.

    A limit is in the notation of the limits library, such as `5/minute`.
    """

    def __init__(self, storage: SqlStorage, clock: Clock) -> None:
        """Count in `storage`."""
        self._storage, self._clock = storage, clock
        # Windows that are used up, until they end: what the database said stays true till then.
        self._used_up: dict[str, datetime] = {}

    def hit(self, limit: str, *identifiers: str) -> None:
        """Count one hit in a transaction of its own; refuse it when it is one too many."""
        self.check(limit, *identifiers)
        engine = self._storage.engine
        with turn(engine), writable(engine.connect()) as connection, connection.begin():
            self.hit_within(connection, limit, *identifiers)

    def hit_within(self, connection: Connection, limit: str, *identifiers: str) -> None:
        """Count one hit in the caller's write transaction; refuse it when it is one too many.

        The hit counts if that transaction is committed, and its row is locked until then.
        """
        item = _parse(limit)
        key = _digest(item, identifiers)
        ends = self._storage.count(connection, key, item.amount, item.get_expiry())
        if ends is not None:
            self._remember(key, ends)
            raise self._refusal(ends)

    def check(self, limit: str, *identifiers: str) -> None:
        """Refuse what this process knows to be one too many; count nothing, ask no database."""
        ends = self._used_up.get(_digest(_parse(limit), identifiers))
        if ends is not None and self._clock.now() < ends:
            raise self._refusal(ends)

    def _remember(self, key: str, ends: datetime) -> None:
        if len(self._used_up) >= _MOST_REMEMBERED:
            self._used_up.clear()
        self._used_up[key] = ends

    def _refusal(self, ends: datetime) -> Problem:
        wait = max(1, int((ends - self._clock.now()).total_seconds()) + 1)
        return Problem(
            429,
            "rate_limited",
            "Too many requests",
            f"Try again in {wait} seconds.",
            headers={"Retry-After": str(wait)},
        )


SIGN_IN_LIMIT = "5/minute"
ACCOUNT_LIMIT = "100/hour"


def limit_sign_in(limiter: RateLimiter, step: str, *, address: str, account: str) -> None:
    """Count one attempt at a step of signing in, by its address and by the account it names."""
    limiter.hit(SIGN_IN_LIMIT, f"{step}-address", address)
    limiter.hit(SIGN_IN_LIMIT, f"{step}-account", account.strip().lower())
    limiter.hit(ACCOUNT_LIMIT, f"{step}-account", account.strip().lower())


def _digest(item: RateLimitItem, identifiers: tuple[str, ...]) -> str:
    return hashlib.sha256(item.key_for(*identifiers).encode()).hexdigest()
