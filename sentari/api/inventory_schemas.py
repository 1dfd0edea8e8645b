"""What the inventory's API answers, as the documents that OpenAPI describes."""

from datetime import datetime

from pydantic import BaseModel


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


class PackageList(BaseModel):
    """One page of packages."""

    total: int
    page: int
    page_size: int
    items: list[PackageItem]


class HolderItem(BaseModel):
    """A package on a device with every place where it lies there."""

    device_id: str
    hostname: str
    ecosystem: str
    name: str
    version: str
    locations: list[dict[str, str]]


class HolderList(BaseModel):
    """One page of devices that have a package."""

    total: int
    page: int
    page_size: int
    items: list[HolderItem]
