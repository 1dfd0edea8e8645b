"""What lists are narrowed down to and sorted by, as it stands in an address."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sentari.inventory.purls import read_purl
from sentari.inventory.queries import (
    EVERYTHING,
    LONGEST_QUERY,
    Bound,
    Query,
    QueryError,
    parse_bounds,
    parse_query,
    whole_name,
)
from sentari.inventory.records import MAX_NAME
from sentari.inventory.text import storable

LONGEST_SEARCH = LONGEST_QUERY

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
    """Which packages, in which order. An empty text narrows nothing down.

    `query` is what `search` means, or what `name` and `versions` of the address do.
    """

    search: str = ""
    ecosystem: str = ""
    order: Order = Order("name")
    query: Query = EVERYTHING

    @classmethod
    def parse(cls, arguments: Mapping[str, str]) -> "PackageFilter":
        """Read an address's query; FilterError names what it does not know."""
        ecosystem = storable(arguments.get("ecosystem", ""))
        order = _order(arguments, PACKAGE_SORTS, "name")
        search = _search(arguments)
        return cls(search, ecosystem, order, _package_query(search, arguments))

    @classmethod
    def parse_parts(cls, arguments: Mapping[str, str]) -> "PackageFilter":
        """Read the same where the search is for a part of a name and nothing else."""
        asked = cls.parse({**arguments, "search": ""})
        search = _search(arguments)
        return replace(asked, search=search, query=Query(part=search))

    @classmethod
    def unread(cls, arguments: Mapping[str, str]) -> "PackageFilter":
        """Return what was asked for without reading it, to show it once more."""
        search, ecosystem = (storable(arguments.get(key, "")) for key in ("search", "ecosystem"))
        return cls(search[:LONGEST_SEARCH], ecosystem)


def _search(arguments: Mapping[str, str]) -> str:
    search = storable(arguments.get("search", "")).strip()
    if len(search) > LONGEST_SEARCH:
        raise FilterError(f"search is a text of at most {LONGEST_SEARCH} characters.")
    return search


def package_query(text: str) -> Query:
    """Return what a search for packages means; FilterError says what is wrong with it."""
    try:
        return parse_query(text, read_purl)
    except QueryError as error:
        raise FilterError(str(error)) from error


def asked_bounds(text: str) -> tuple[Bound, ...]:
    """Return the comparisons of a text, none of an empty one; FilterError says what is wrong."""
    if len(text) > LONGEST_SEARCH:
        raise FilterError(f"versions is a text of at most {LONGEST_SEARCH} characters.")
    try:
        return parse_bounds(text) if text.strip() else ()
    except QueryError as error:
        raise FilterError(f"versions: {error}") from error


def _package_query(search: str, arguments: Mapping[str, str]) -> Query:
    name, versions = (storable(arguments.get(key, "")).strip() for key in ("name", "versions"))
    if not name and not versions:
        return package_query(search)
    if search:
        raise FilterError("Give search, or name and versions, but not both.")
    if not name:
        raise FilterError("versions needs name: the package whose versions are compared.")
    if len(name) > MAX_NAME:
        raise FilterError(f"name is a text of at most {MAX_NAME} characters.")
    try:
        return whole_name(name, asked_bounds(versions))
    except QueryError as error:
        raise FilterError(f"name: {error}") from error


def _order(arguments: Mapping[str, str], columns: tuple[str, ...], default: str) -> Order:
    text = arguments.get("sort", "") or default
    order = Order(text.removeprefix("-"), text.startswith("-"))
    if order.column not in columns:
        raise FilterError(f"sort is one of {', '.join(columns)}, with - in front to reverse it.")
    return order
