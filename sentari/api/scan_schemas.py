"""What the API answers of scans, as the documents that OpenAPI describes."""

from datetime import datetime

from pydantic import BaseModel, Field

from sentari.api.common_schemas import PageQuery
from sentari.inventory.scan_changes import Change


class ChangeQuery(PageQuery):
    """Which changes."""

    kind: str = Field("", json_schema_extra={"enum": ["", *Change]})


class ScanItem(BaseModel):
    """A scan in a list; what was upgraded counts as added and as removed."""

    id: str
    scanned_at: datetime = Field(description="When the scan began, by the device's clock.")
    received_at: datetime
    status: str = Field(json_schema_extra={"enum": ["applied", "unchanged", "superseded"]})
    agent_version: str
    packages_received: int = Field(description="Records in the scan.")
    packages: int = Field(description="Distinct packages in the scan.")
    added: int
    removed: int
    changed: int = Field(description="Packages that stayed and lie at other places.")
    error_count: int
    warning_count: int


class ScanList(BaseModel):
    """One page of a device's scans."""

    total: int
    page: int
    page_size: int
    items: list[ScanItem]


class ChangeItem(BaseModel):
    """What happened to a package."""

    change: Change
    ecosystem: str
    name: str
    before: str | None = Field(description="The version that went; null of what was added.")
    after: str | None = Field(description="The version that came; null of what was removed.")


class ChangeList(BaseModel):
    """One page of changes."""

    total: int
    page: int
    page_size: int
    items: list[ChangeItem]


class ScanReportOut(ScanItem):
    """A scan and what it changed."""

    first: bool = Field(description="The device's first: there was nothing to compare it with.")
    counts: dict[Change, int]
    changes: ChangeList
