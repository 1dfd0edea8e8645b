"""What agents send and get, as OpenAPI describes it; the readers of scans decide what is taken."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class RegistrationIn(BaseModel):
    """What a device enrolls with."""

    hostname: str
    enrollment_token: str
    os: str = ""
    arch: str = ""
    agent_version: str = ""
    machine_id: str = Field("", description="The same again is the same device; empty never is.")
    csr: str = Field("", description="PKCS #10 for a P-256 key, PEM; empty: no certificate.")


class RegistrationOut(BaseModel):
    """The identity that a device was given."""

    device_id: str
    device_token: str = Field(description="Shown this once.")
    ca_cert: str = Field(description="What the device trusts from now on, PEM.")
    device_cert: str = Field(description="The client certificate, PEM; empty without a CSR.")
    message: str


class RenewalIn(BaseModel):
    """What a device asks for a new certificate with."""

    csr: str = Field(description="PKCS #10 for a P-256 key, PEM.")


class RenewalOut(BaseModel):
    """The device's new certificate."""

    device_id: str
    ca_cert: str = Field(description="What the device trusts from now on, PEM.")
    device_cert: str = Field(description="The client certificate, PEM.")
    message: str


class ScannedPackage(BaseModel):
    """A package that was found at one place; `env_type` or `ecosystem` must be there."""

    model_config = ConfigDict(extra="allow")

    name: str
    version: str
    env_type: str | None = None
    ecosystem: str | None = None
    environment: str | None = None
    install_path: str | None = None
    interpreter_version: str | None = None
    installer_user: str | None = None
    install_date: str | None = None
    source_package: str | None = None
    license_raw: str | None = None
    license_spdx: str | None = None
    license_tier: str | None = None


class ScanIn(BaseModel):
    """Everything that an agent found on its device."""

    model_config = ConfigDict(extra="allow")

    device_id: str
    hostname: str
    os: str
    arch: str
    scanned_at: datetime = Field(description="When the scan began; up to nine fractional digits.")
    packages: list[ScannedPackage] | None
    errors: list[dict[str, str]] | None = None
    agent_version: str = ""
    runtime: str = ""
    tags: list[str] | None = Field(None, description="Left out: they stay. Empty: none.")
    installed_runtimes: list[dict[str, str]] | None = None


class Ingested(BaseModel):
    """What became of a scan."""

    status: str = Field(
        json_schema_extra={"enum": ["applied", "unchanged", "superseded", "duplicate"]}
    )
    packages: int = Field(description="Distinct packages in the scan.")
    added: int
    changed: int
    removed: int
    warnings: int = Field(description="Texts that had to be mended.")


class ScanOut(BaseModel):
    """The receipt of a scan."""

    scan_id: str
    packages_received: int
    message: str
    ingested: Ingested


class LoggedEvent(BaseModel):
    """One entry of an agent's own log, with the texts just as they were hashed."""

    model_config = ConfigDict(extra="allow")

    entry_id: int = Field(ge=1)
    event_type: str = Field(max_length=100)
    detail: str = ""
    content_hash: str = Field(pattern="^([0-9a-fA-F]{64})?$")
    prev_hash: str = Field("", pattern="^([0-9a-fA-F]{64})?$")
    created_at: str = Field(max_length=64)
    hash_version: int = Field(1, ge=1, le=2)


class AuditBatchIn(BaseModel):
    """Entries of an agent's log that were not taken yet."""

    model_config = ConfigDict(extra="allow")

    device_id: str
    entries: list[LoggedEvent] | None


class AuditBatchOut(BaseModel):
    """What became of a batch."""

    received: int
    stored: int = Field(description="Entries that had not come before.")
    verified_ok: bool
    anomalies: list[str] = Field(description="What is wrong, in sentences.")


class ConfigOut(BaseModel):
    """How often and where an agent scans."""

    scan_interval: int = Field(description="Seconds.")
    scan_root: str
    max_depth: int
    config_version: str
