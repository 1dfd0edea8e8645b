"""Which events an address asks for: its parameters, what is wrong with them, and the filter."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from serverkit.audit.search import EventFilter
from serverkit.problems import Problem

_COLUMNS = ("action", "actor", "target")
_DATES = ("start_date", "end_date")
PARAMETERS = ("search", *_COLUMNS, *_DATES)
_LONGEST = 1000
_LARGEST_SEQ = 2**31 - 1
_DATE_FORM = "a date (2026-11-23) or a time (2026-11-23T10:00:00Z)"


@dataclass(frozen=True)
class Asked:
    """What the address says, parameter by parameter; `errors` name those that cannot be read."""

    given: Mapping[str, str]
    errors: Mapping[str, str]
    wanted: EventFilter

    @property
    def filtered(self) -> bool:
        """Tell whether anything but the whole log is asked for."""
        return any(self.given.values())

    def refuse(self) -> None:
        """Raise the 400 for a program, or for a file."""
        for name, fault in self.errors.items():
            raise Problem(400, "bad_parameter", "Bad parameter", f"{name}: {fault}")


def read_asked(arguments: Mapping[str, str], *, people: str) -> Asked:
    """Read the parameters; `people` is what actors who are people begin with, as in `user:`."""
    # PostgreSQL takes no NUL in a text, and no event has one.
    given = {
        name: arguments.get(name, "").replace("\0", "").strip()[:_LONGEST] for name in PARAMETERS
    }
    errors: dict[str, str] = {}
    moments: dict[str, datetime | None] = {}
    for name in _DATES:
        try:
            moments[name] = _moment(given[name], whole_day=name == "end_date")
        except ValueError as error:
            errors[name] = str(error)
    exactly: dict[str, tuple[str, ...]] = {name: (given[name],) for name in _COLUMNS if given[name]}
    if given["actor"]:
        exactly["actor"] = (given["actor"], people + given["actor"])
    wanted = EventFilter(
        exactly,
        given["search"],
        moments.get("start_date"),
        moments.get("end_date"),
        _sequence_number(arguments.get("upto", "")),
    )
    return Asked(given, errors, wanted)


def _moment(text: str, *, whole_day: bool) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if len(text) == len("2026-11-23") and whole_day:
            moment += timedelta(days=1)
        # What lies beyond the calendar in UTC cannot be compared with.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"This is not {_DATE_FORM}.") from error


def _sequence_number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= _LARGEST_SEQ):
        raise Problem(400, "bad_parameter", "Bad parameter", "upto is the number of an event.")
    return int(text)
