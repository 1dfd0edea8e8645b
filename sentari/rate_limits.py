"""The rate limits' table and their one counter per app."""

from sqlalchemy import Engine

from sentari.extensions import db
from serverkit.clock import Clock
from serverkit.rate_limits import RateLimiter, RateLimitMixin, SqlStorage


class RateLimit(RateLimitMixin, db.Model):  # type: ignore[name-defined, misc]
    """One counter."""


def create_rate_limiter(engine: Engine, clock: Clock) -> RateLimiter:
    """Return the limiter that counts in this app's database."""
    return RateLimiter(SqlStorage(engine, RateLimit, clock), clock)
