"""Which columns the list of devices shows, as it stands in the address."""

from collections.abc import Iterable
from dataclasses import dataclass

from sentari.inventory.filters import FilterError


@dataclass(frozen=True)
class Column:
    """One column: its name in the address, its heading, and what it is sorted by, if anything."""

    key: str
    label: str
    sort: str = ""
    align: str = ""
    usual: bool = True


COLUMNS = (
    Column("status", "Status"),
    Column("system", "System", sort="os"),
    Column("packages", "Packages", sort="packages", align="end"),
    Column("last_scan", "Last scan", sort="last_scan_at"),
    Column("agent", "Agent", sort="agent_version"),
    Column("last_seen", "Last seen", sort="last_seen_at", usual=False),
    Column("enrolled", "Enrolled", sort="enrolled_at", usual=False),
    Column("tags", "Tags", usual=False),
    Column("id", "Device id", usual=False),
)


def chosen_columns(values: Iterable[str]) -> list[Column]:
    """Return the columns that an address asks for, the usual ones if it asks for none.

    The values may be names, or several of them with commas.
    """
    asked = {name.strip() for value in values for name in value.split(",")} - {""}
    known = {column.key for column in COLUMNS}
    if not asked <= known:
        raise FilterError(f"columns are some of {', '.join(column.key for column in COLUMNS)}.")
    return [column for column in COLUMNS if (column.key in asked if asked else column.usual)]
