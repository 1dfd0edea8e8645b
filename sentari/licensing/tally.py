"""Count check-ins in the database, so that no restart forgets one and all replicas agree."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sentari.licensing.causes import Cause
from sentari.licensing.models import CheckInTally

SUCCESS, FAILURE = "success", "failure"
NO_CAUSE = "none"
# A whole call may take fifteen seconds; waiting for the database comes on top.
BOUNDS_SECONDS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
ABOVE_ALL = "+Inf"


@dataclass(frozen=True)
class Tally:
    """All check-ins so far; `within` counts each once, by the upper bound of its duration."""

    outcomes: Mapping[tuple[str, str], int]
    within: Mapping[str, int]
    seconds: float

    @classmethod
    def of(cls, rows: Iterable[CheckInTally]) -> "Tally":
        """Add rows up; an outcome that never happened counts 0."""
        outcomes = dict.fromkeys(_OUTCOMES, 0)
        within = dict.fromkeys([*map(str, BOUNDS_SECONDS), ABOVE_ALL], 0)
        seconds = 0.0
        for row in rows:
            outcome, bound = (row.result, row.cause), bound_of(float(row.bound))
            outcomes[outcome] = outcomes.get(outcome, 0) + row.count
            within[bound] += row.count
            seconds += row.seconds
        return cls(outcomes, within, seconds)


_OUTCOMES = [(SUCCESS, NO_CAUSE), *((FAILURE, cause.value) for cause in Cause)]


def bound_of(seconds: float) -> str:
    """Return the smallest upper bound that a duration does not exceed."""
    return next((str(bound) for bound in BOUNDS_SECONDS if seconds <= bound), ABOVE_ALL)


def count_check_in(session: Session, cause: Cause | None, seconds: float) -> None:
    """Count one check-in that succeeded, or failed for a cause, in the caller's transaction."""
    key = {
        "result": SUCCESS if cause is None else FAILURE,
        "cause": NO_CAUSE if cause is None else cause.value,
        "bound": bound_of(seconds),
    }
    dialect = session.connection().dialect.name
    build = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = build(CheckInTally).values(**key, count=1, seconds=seconds)
    grown = {
        "count": CheckInTally.count + 1,
        "seconds": CheckInTally.seconds + seconds,
    }
    session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=grown))


def read_tally(session: Session) -> Tally:
    """Return how all check-ins so far went."""
    return Tally.of(session.scalars(select(CheckInTally)))
