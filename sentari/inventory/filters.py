"""What lists are narrowed down to and sorted by, as it stands in an address. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass

from sentari.inventory.text import fold, storable

LONGEST_SEARCH = 256

DEVICE_SORTS = (
    "hostname",
    "os",
    "arch",
    "agent_version",
    "packages",
    "enrolled_at",
    "last_seen_at",
    "last_scan_at",
)
PACKAGE_SORTS = ("name", "ecosystem", "version", "device_count")
DEVICE_STATES = ("active", "silent", "waiting", "errors", "warnings", "clone")


class FilterError(ValueError):
    """A filter is not one that the list knows; the text says what it takes."""


@dataclass(frozen=True, slots=True)
class Order:
    """A column and whether it falls."""

    column: str
    falling: bool = False

    def __str__(self) -> str:
        """Return the order as it stands in an address."""
        return "-" + self.column if self.falling else self.column


@dataclass(frozen=True, slots=True)
class DeviceFilter:
    """Which devices, in which order. An empty text narrows nothing down."""

    search: str = ""
    status: str = ""
    order: Order = Order("hostname")

    @classmethod
    def parse(cls, arguments: Mapping[str, str]) -> "DeviceFilter":
        """Read an address's query; FilterError names what it does not know."""
        status = arguments.get("status", "")
        if status and status not in DEVICE_STATES:
            raise FilterError(f"status is one of {', '.join(DEVICE_STATES)}.")
        return cls(_search(arguments), status, _order(arguments, DEVICE_SORTS, "hostname"))


@dataclass(frozen=True, slots=True)
class PackageFilter:
    """Which packages, in which order. An empty text narrows nothing down."""

    search: str = ""
    ecosystem: str = ""
    order: Order = Order("name")

    @classmethod
    def parse(cls, arguments: Mapping[str, str]) -> "PackageFilter":
        """Read an address's query; FilterError names what it does not know."""
        ecosystem = storable(arguments.get("ecosystem", ""))
        return cls(_search(arguments), ecosystem, _order(arguments, PACKAGE_SORTS, "name"))

    @property
    def folded(self) -> str:
        """Return the search in the form in which names are searched."""
        return fold(self.search)


def _search(arguments: Mapping[str, str]) -> str:
    search = storable(arguments.get("search", "")).strip()
    if len(search) > LONGEST_SEARCH:
        raise FilterError(f"search is a text of at most {LONGEST_SEARCH} characters.")
    return search


def _order(arguments: Mapping[str, str], columns: tuple[str, ...], default: str) -> Order:
    text = arguments.get("sort", "") or default
    order = Order(text.removeprefix("-"), text.startswith("-"))
    if order.column not in columns:
        raise FilterError(f"sort is one of {', '.join(columns)}, with - in front to reverse it.")
    return order
