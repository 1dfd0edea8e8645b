"""What the license's API takes and answers, as OpenAPI describes it."""

from datetime import date, datetime

from pydantic import BaseModel, Field

from sentari.licensing.doctor_steps import StepName, StepStatus
from sentari.licensing.state import Gate, State


class LicenseKeyIn(BaseModel):
    """What an admin installs."""

    license_key: str = Field(description="A license key, or a whole signed reply.")


class NextChange(BaseModel):
    """A change of state that comes by itself unless a fresh reply is applied before."""

    at: datetime
    to: State
    why: str


class LicenseUsage(BaseModel):
    """What the limits count."""

    devices: int
    packages: int


class Warned(BaseModel):
    """One warning."""

    code: str
    severity: str
    threshold: int | None
    text: str


class PublicLicenseOut(BaseModel):
    """The license's state and its dates; the dates are null without a license."""

    state: State
    gate: Gate
    reason: str = Field(description="One sentence that a person can act on.")
    tier: str | None
    expires_at: date | None
    days_until_expiry: int | None = Field(description="Rounded down; negative afterwards.")
    grace_days_left: int | None
    read_only_days_left: int | None
    max_offline_days: int | None
    offline_days_used: int | None
    offline_days_left: int | None
    offline_deadline: datetime | None
    last_check_in_at: datetime | None
    last_check_in_error: str | None = Field(description="The named cause, or null.")
    next_change: NextChange | None


class LicenseOut(PublicLicenseOut):
    """The same with what only admins may know."""

    since: datetime | None
    customer_name: str | None
    customer_email: str | None
    license_id: str | None
    key_hint: str | None
    max_devices: int | None = Field(description="Null is unlimited, or no license.")
    max_packages: int | None = Field(description="Null is unlimited, or no license.")
    usage: LicenseUsage
    instance_id: str | None
    activation_pending: bool
    pending_key_hint: str | None
    last_check_in_succeeded_at: datetime | None
    last_check_in_detail: str | None
    development_trust_root: bool
    airgap: bool
    warnings: list[Warned]


class ConnectionTestStep(BaseModel):
    """One step of the way."""

    name: StepName
    title: str
    status: StepStatus
    detail: str
    advice: str | None
    duration_seconds: float | None


class ConnectionTestOut(BaseModel):
    """The way to the license server, step by step; those after a broken one are skipped."""

    started_at: datetime
    healthy: bool
    summary: str
    steps: list[ConnectionTestStep]
    diagnostics: str = Field(description="The walk as text for support: no key, no password.")
