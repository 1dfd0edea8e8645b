"""What the inventory's API answers, as the documents that OpenAPI describes."""

from datetime import datetime

from pydantic import BaseModel, Field, JsonValue

from sentari.api.common_schemas import PageQuery
from sentari.inventory.exports import FORMATS
from sentari.inventory.filters import (
    DEVICE_SEEN,
    DEVICE_SORTS,
    DEVICE_STATES,
    LONGEST_SEARCH,
    PACKAGE_SORTS,
)


def _sorts(columns: tuple[str, ...]) -> dict[str, JsonValue]:
    return {"enum": [*columns, *(f"-{column}" for column in columns)]}


_SEARCH = (
    "A part of the name (`ssl`), versions (`openssl < 3.0.15`), coordinates (`pypi/pip@24.0`) or a "
    "package URL (`pkg:pypi/pip@24.0`)."
)
_VERSIONS = (
    "With `name`: comparisons with <, <=, ==, !=, >=, > in the order of the ecosystem, such as "
    "`>= 1, < 2`. What cannot be compared is listed under `not_comparable`."
)


_SEEN = "Last seen within 2 hours, within 24 hours, or longer ago."
_HAS = "Has a package that is searched for as `search` of the packages is."


class DeviceSelection(BaseModel):
    """Which devices."""

    search: str = Field("", max_length=LONGEST_SEARCH, description="Part of a name, or an id.")
    status: str = Field("", json_schema_extra={"enum": ["", *DEVICE_STATES]})
    seen: str = Field("", description=_SEEN, json_schema_extra={"enum": ["", *DEVICE_SEEN]})
    os: str = Field("", max_length=LONGEST_SEARCH, description="The operating system, whole.")
    tag: str = Field("", max_length=LONGEST_SEARCH, description="A tag, whole.")
    ecosystem: str = Field("", max_length=LONGEST_SEARCH, description="Has packages of it.")
    package: str = Field("", max_length=LONGEST_SEARCH, description=_HAS)


class DeviceQuery(DeviceSelection, PageQuery):
    """Which devices, in which order."""

    sort: str = Field("hostname", json_schema_extra=_sorts(DEVICE_SORTS))


class PackageQuery(PageQuery):
    """Which packages, in which order."""

    search: str = Field("", max_length=LONGEST_SEARCH, description=_SEARCH)
    name: str = Field("", description="Instead of `search`: a whole name; * is anything.")
    versions: str = Field("", max_length=LONGEST_SEARCH, description=_VERSIONS)
    ecosystem: str = ""
    device_id: str = Field("", description="Only what this device has.")
    sort: str = Field("name", json_schema_extra=_sorts(PACKAGE_SORTS))


class LocationQuery(PageQuery):
    """Which package."""

    name: str = Field(description="The whole name, as it was reported.")
    versions: str = Field("", max_length=LONGEST_SEARCH, description=_VERSIONS)
    ecosystem: str = Field("", description="Left out: of every ecosystem.")


class ExportQuery(BaseModel):
    """What to write out, and how."""

    format: str = Field("json", json_schema_extra={"enum": list(FORMATS)})
    device_id: str = Field("", description="Only this device.")


class SummaryOut(BaseModel):
    """The inventory in numbers; `total_packages` is what `max_packages` counts."""

    total_devices: int
    total_packages: int
    unique_packages: int
    latest_scan: datetime | None


class DeviceItem(BaseModel):
    """A device in a list."""

    id: str
    hostname: str
    os: str
    arch: str
    agent_version: str
    packages: int
    enrolled_at: datetime
    last_seen_at: datetime
    last_scan_at: datetime | None
    status: str


class DeviceOut(DeviceItem):
    """A device with what its newest scan said besides packages."""

    os_release: str
    runtime: str
    tags: list[str]
    runtimes: list[dict[str, str]]
    error_count: int
    errors: list[dict[str, str]]
    warning_count: int
    warnings: list[str]
    possible_clone_of: str | None


class DeviceList(BaseModel):
    """One page of devices."""

    total: int
    page: int
    page_size: int
    items: list[DeviceItem]


class DeviceCountOut(BaseModel):
    """Numbers of devices; `by_ecosystem` counts those that match."""

    total: int
    matching: int
    by_ecosystem: dict[str, int]


class PackageItem(BaseModel):
    """A distinct package and on how many devices it is."""

    ecosystem: str
    name: str
    version: str
    device_count: int


class IncomparableItem(PackageItem):
    """A package of which it cannot be told whether its version is one that was asked for."""

    why: str


class PackageList(BaseModel):
    """One page of packages, and all that could not be compared."""

    total: int
    page: int
    page_size: int
    items: list[PackageItem]
    not_comparable: list[IncomparableItem]


class HolderItem(BaseModel):
    """A package on a device with every place where it lies there."""

    device_id: str
    hostname: str
    ecosystem: str
    name: str
    version: str
    locations: list[dict[str, str]]


class HolderList(BaseModel):
    """One page of devices that have a package, and the versions that could not be compared."""

    total: int
    page: int
    page_size: int
    items: list[HolderItem]
    not_comparable: list[IncomparableItem]
