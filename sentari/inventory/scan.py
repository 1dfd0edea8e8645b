"""Read a scan as the agents send it: structure, limits, mending. PURE.

Only a wrong structure is refused, because a refusal blocks the agent's queue for ever; text
that a database cannot hold is mended and counted. The package records are not looked into
here: most scans carry the same ones as the scan before (see records.py).
"""

from dataclasses import dataclass

from sentari.inventory.document import load_scan
from sentari.inventory.faults import Faults
from sentari.inventory.fields import Fields
from sentari.inventory.records import MAX_PACKAGES, MAX_PATH, MAX_VERSION, MAX_WORD, RawRecords
from sentari.inventory.scan_time import read_scan_time
from sentari.inventory.text import Warnings, mend

MAX_ERRORS, MAX_RUNTIMES, MAX_TAGS = 1_000, 500, 100
MAX_HOSTNAME, MAX_TAG = 255, 128

_ERROR_LIMITS = {"path": MAX_PATH, "env_type": MAX_WORD, "error": MAX_PATH, "timestamp": MAX_WORD}
_RUNTIME_LIMITS = {
    "name": MAX_VERSION,
    "version": MAX_VERSION,
    "cycle": MAX_WORD,
    "distro": MAX_VERSION,
    "install_path": MAX_PATH,
}


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan.

    `tags` is None when the agent said nothing of them; errors and runtimes are flat objects of
    texts; `error_count` counts also the errors that were not kept.
    """

    device_uid: str
    hostname: str
    os: str
    os_release: str
    arch: str
    agent_version: str
    runtime: str
    scanned_at: str
    tags: tuple[str, ...] | None
    errors: tuple[dict[str, str], ...]
    error_count: int
    runtimes: tuple[dict[str, str], ...]
    records: RawRecords
    warnings: Warnings


def read_scan(body: bytes) -> Scan:
    """Return the scan in a request's body.

    Raises MalformedScanError when it is not JSON, ScanError when its structure is wrong.
    """
    warnings, faults = Warnings(), Faults()
    fields = Fields(load_scan(body, warnings), "", faults, warnings)
    scan = Scan(
        device_uid=fields.text("device_id", MAX_WORD, required=True),
        hostname=fields.text("hostname", MAX_HOSTNAME, required=True),
        os=fields.text("os", MAX_WORD, required=True),
        os_release=_os_release(fields),
        arch=fields.text("arch", MAX_WORD, required=True),
        agent_version=fields.text("agent_version", MAX_WORD),
        runtime=fields.text("runtime", MAX_WORD),
        scanned_at=_scanned_at(fields),
        tags=_tags(fields),
        errors=fields.objects("errors", _ERROR_LIMITS, MAX_ERRORS),
        error_count=len(fields.items("errors")),
        runtimes=fields.objects("installed_runtimes", _RUNTIME_LIMITS, MAX_RUNTIMES),
        records=_records(fields),
        warnings=warnings,
    )
    faults.raise_if_any()
    return scan


def _records(fields: Fields) -> RawRecords:
    if "packages" not in fields.members:
        fields.faults.add("/packages", "is missing")
    values = fields.items("packages")
    if len(values) > MAX_PACKAGES:
        fields.faults.add("/packages", f"must not have more than {MAX_PACKAGES:,} items")
    return RawRecords(tuple(values))


def _scanned_at(fields: Fields) -> str:
    value = fields.members.get("scanned_at")
    try:
        return read_scan_time(value if isinstance(value, str) else "")
    except ValueError:
        fields.faults.add("/scanned_at", "must be a time like 2026-11-23T12:54:51.292124257Z")
        return ""


def _tags(fields: Fields) -> tuple[str, ...] | None:
    if fields.members.get("tags") is None:
        return None
    values = fields.items("tags")
    if len(values) > MAX_TAGS:
        fields.warnings.add(f"tags: {len(values):,} came, the first {MAX_TAGS} were kept")
    kept: dict[str, None] = {}
    for place, value in enumerate(values[:MAX_TAGS]):
        if type(value) is not str:
            fields.faults.add(f"/tags/{place}", "must be a text")
        else:
            kept[mend(value, MAX_TAG, "tag", fields.warnings)] = None
    return tuple(kept)


def _os_release(fields: Fields) -> str:
    value = fields.members.get("os_release")
    if not isinstance(value, dict):
        return fields.text("os_release", MAX_VERSION)
    child = Fields(value, "/os_release", fields.faults, fields.warnings)
    parts = (child.text("id", MAX_WORD), child.text("version_id", MAX_WORD))
    return " ".join(part for part in parts if part)
