"""Scans for tests: the agent's real ones and small ones made to measure."""

import json
from pathlib import Path
from typing import Any

from sentari.inventory.records import RawRecords

REAL = Path(__file__).parents[2] / "data" / "scans"

# Name of each real scan, and how many packages `max_packages` counts in it.
TRACKED = {
    "empty": 0,
    "one-error": 0,
    "mixed-ecosystems-42": 41,
    "server-459": 365,
    "workstation-2266": 2109,
}


def real_scan(name: str) -> dict[str, Any]:
    """Return one of the scans that the agent really sent."""
    document: dict[str, Any] = json.loads((REAL / f"{name}.json").read_bytes())
    return document


def package(name: str = "pip", version: str = "24.0", **more: Any) -> dict[str, Any]:
    """Return a record with the members that the agent always sends."""
    return {
        "name": name,
        "version": version,
        "env_type": "pip",
        "environment": "/usr",
        "license_raw": "MIT",
        "license_spdx": "MIT",
        "license_tier": "permissive",
    } | more


def scan(*packages: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a whole scan with these package records."""
    return {
        "device_id": "4ddc5a9b-1b9f-48c1-ab65-7ab879653a87",
        "hostname": "web-01",
        "os": "linux",
        "arch": "amd64",
        "scanned_at": "2026-11-23T12:54:51.292124257Z",
        "packages": list(packages),
        "errors": [],
        "agent_version": "1.0.0",
        "runtime": "bare_metal",
    } | more


def body(document: Any) -> bytes:
    """Return the document as the agent sends it."""
    return json.dumps(document).encode()


def raw_records(*values: Any) -> RawRecords:
    """Return the values as the records of a scan that were not looked into yet."""
    return RawRecords(tuple(body(value) for value in values))
