"""What the audit log's API takes and answers, as OpenAPI describes it."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from sentari.api.common_schemas import PageQuery


class _Wanted(BaseModel):
    event_type: str = Field("", description="An action, such as `DEVICE_ENROLLED`.")
    actor: str = Field("", description="Who: `user:ann@example.com`, or the e-mail alone.")
    target: str = Field("", description="What it was done to.")
    search: str = Field("", description="A part of who, what or the detail.")
    start_date: str = Field("", description="A date, or a time (RFC 3339).")
    end_date: str = Field(
        "", description="A date (its whole day counts), or a time (not included)."
    )
    upto: int | None = Field(None, description="No event after this number.")


class AuditQuery(_Wanted, PageQuery):
    """Which audit events."""


class AuditExportQuery(_Wanted):
    """Which audit events, and as what."""

    format: Literal["csv", "jsonl"]


class AuditItem(BaseModel):
    """One audit event."""

    seq: int
    occurred_at: datetime
    actor: str
    action: str
    target: str
    detail: dict[str, Any]
    prev_hash: str
    hash: str


class AuditList(BaseModel):
    """One page of audit events, the newest first."""

    total: int
    page: int
    page_size: int
    items: list[AuditItem]


class VerdictOut(BaseModel):
    """Whether the audit log is intact."""

    intact: bool
    checked: int = Field(description="How many entries hold.")
    seq: int = Field(description="The last entry that holds.")
    head: str = Field(description="Its hash.")
    broken_seq: int | None
    problem: str | None
    anchor_seq: int | None = Field(description="The entry that the license server has confirmed.")
    anchor_intact: bool | None
