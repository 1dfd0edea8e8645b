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
# Within two hours, within a day, longer ago.
DEVICE_SEEN = ("online", "late", "missing")
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
    """Which devices, in which order. An empty text narrows nothing down.

    `query` is what `package` means: devices that have such a package.
    """

    search: str = ""
    status: str = ""
    order: Order = Order("hostname")
    seen: str = ""
    os: str = ""
    tag: str = ""
    ecosystem: str = ""
    package: str = ""
    query: Query = EVERYTHING

    @classmethod
    def parse(cls, arguments: Mapping[str, str]) -> "DeviceFilter":
        """Read an address's query; FilterError names what it does not know."""
        package = _text(arguments, "package")
        return cls(
            search=_text(arguments, "search"),
            status=_one_of(arguments, "status", DEVICE_STATES),
            order=_order(arguments, DEVICE_SORTS, "hostname"),
            seen=_one_of(arguments, "seen", DEVICE_SEEN),
            os=_text(arguments, "os"),
            tag=_text(arguments, "tag"),
            ecosystem=_text(arguments, "ecosystem"),
            package=package,
            query=package_query(package),
        )

    @classmethod
    def unread(cls, arguments: Mapping[str, str]) -> "DeviceFilter":
        """Return what was asked for without reading it, to show it once more."""

        def shown(name: str) -> str:
            return storable(arguments.get(name, ""))[:LONGEST_SEARCH]

        return cls(
            search=shown("search"),
            status=shown("status"),
            seen=shown("seen"),
            os=shown("os"),
            tag=shown("tag"),
            ecosystem=shown("ecosystem"),
            package=shown("package"),
        )

    @property
    def narrowed(self) -> bool:
        """Tell whether anything narrows the devices down."""
        return replace(self, order=Order("hostname")) != DeviceFilter()


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
        search = _text(arguments, "search")
        return cls(search, ecosystem, order, _package_query(search, arguments))

    @classmethod
    def parse_parts(cls, arguments: Mapping[str, str]) -> "PackageFilter":
        """Read the same where the search is for a part of a name and nothing else."""
        asked = cls.parse({**arguments, "search": ""})
        search = _text(arguments, "search")
        return replace(asked, search=search, query=Query(part=search))

    @classmethod
    def unread(cls, arguments: Mapping[str, str]) -> "PackageFilter":
        """Return what was asked for without reading it, to show it once more."""
        search, ecosystem = (storable(arguments.get(key, "")) for key in ("search", "ecosystem"))
        return cls(search[:LONGEST_SEARCH], ecosystem)


def _text(arguments: Mapping[str, str], name: str) -> str:
    text = storable(arguments.get(name, "")).strip()
    if len(text) > LONGEST_SEARCH:
        raise FilterError(f"{name} is a text of at most {LONGEST_SEARCH} characters.")
    return text


def _one_of(arguments: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    value = arguments.get(name, "")
    if value and value not in known:
        raise FilterError(f"{name} is one of {', '.join(known)}.")
    return value


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
