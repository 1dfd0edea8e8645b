"""The site that the browser looks at: brought into a state by its API, in any order of tests."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric import ec

from sentari.agents.audit_chain import LogEntry
from tests.live.servers import PASSWORD, ROOT, Server, Vendor, form_token
from tests.sentari.agents.logs import chain, entry, forged, sent
from tests.simulators.agent import certificate_request

SCANS = ROOT / "tests" / "data" / "scans"
REAL = {
    "web01": "server-459",
    "build-02": "mixed-ecosystems-42",
    "ws-anna": "workstation-2266",
    "idle-01": "empty",
    "kiosk": "one-error",
}
CLONE = "idle-01"
HOSTILE = f"<script>alert(1)</script>{'h' * 200}.example"
TERMS = {
    "tier": "enterprise",
    "max_devices": 100,
    "max_packages": 10_000,
    "grace_period_days": 14,
    "read_only_period_days": 30,
    "max_offline_days": 1,
}


def package(name: str, version: str = "1.0", **fields: str) -> dict[str, str]:
    found = {
        "name": name,
        "version": version,
        "install_path": "/opt/app",
        "env_type": "pip",
        "environment": "/opt/app",
        "license_raw": "MIT",
        "license_spdx": "MIT",
        "license_tier": "permissive",
    }
    return {**found, **fields}


HOSTILE_PACKAGES = [
    package("<script>alert('package')</script>", "=cmd|' /C calc'!A0"),
    package("quote\"'><img src=x onerror=alert(1)>", "1!2.0rc1"),
    package("long-license", license_raw="L" * 3000, license_spdx=""),
    package("org.apache.logging.log4j:log4j-core", "2.17.1", env_type="jvm"),
    package("@babel/core", "7.24.0", env_type="npm"),
    package("../../etc/passwd"),
    package("a//b", ""),
    package(""),
    package("n" * 512, "v" * 256, install_path="/opt/" + "p" * 600),
    *[package("many-places", install_path=f"/srv/{n}", env_type="npm") for n in range(157)],
]


LATER = "2026-11-24T12:54:51.292124257Z"


def newer(packages: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return an inventory a day later: some left, some came, some have another version."""
    changed = [{**each, "version": f"{each['version']}.1"} for each in packages[10:60]]
    came = [package(name) for name in ("ruff", "uv", "<script>alert('new')</script>")]
    return [*changed, *packages[60:], *came]


def new_csr() -> str:
    return certificate_request(ec.generate_private_key(ec.SECP256R1()), "device")


def damaged_log() -> list[LogEntry]:
    """Return a log with hostile texts, an edited entry, and a gap."""
    log = [entry(1, detail="<script>alert('log')</script>")]
    log += chain(9, after=log[0], detail="d" * 3000, event_type="e" * 100, created_at="c" * 64)
    log[4] = forged(log[4], detail="edited")
    return [*log[:6], *log[8:]]


def day_from_now(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


class Site:
    """Both servers, and one signed-in admin's session that brings them into a state."""

    def __init__(self, vendor: Vendor, server: Server) -> None:
        self.vendor, self.server = vendor, server
        # One sign-in for all: they are limited to five a minute.
        self.session = server.browser()
        self.license: dict[str, Any] = {}
        self.devices: dict[str, str] = {}
        self.second_scan = ""

    def cookies(self) -> list[Any]:
        """The session's cookies for the browser."""
        return [
            {"name": cookie.name, "value": cookie.value or "", "url": self.server.url}
            for cookie in self.session.cookies
        ]

    def post(self, path: str, body: object = None) -> requests.Response:
        headers = self._form_headers()
        return self.session.post(f"{self.server.url}{path}", json=body, headers=headers, timeout=30)

    def _form_headers(self) -> dict[str, str]:
        page = self.session.get(f"{self.server.url}/settings/license", timeout=20).text
        return {"X-CSRFToken": form_token(page)}

    def new_key(self) -> str:
        """Issue a license and return its key."""
        self.license = self.vendor.issue(**TERMS, expires_at=day_from_now(300))
        return str(self.license["license_key"])

    def be_licensed(self) -> None:
        if self.server.state() == "active":
            return
        answer = self.post("/api/v1/license/activate", {"license_key": self.new_key()})
        assert answer.status_code == 200, answer.text

    def be_unlicensed(self) -> None:
        if self.server.state() != "unlicensed":
            path, proof = "/settings/license/remove", {"your_password": PASSWORD}
            self.session.post(
                f"{self.server.url}{path}", data=proof, headers=self._form_headers(), timeout=30
            )
        assert self.server.state() == "unlicensed"

    def check_in(self) -> None:
        assert self.post("/api/v1/license/refresh").status_code == 200

    def fill(self) -> None:
        """Load the real scans and a hostile one, once."""
        self.be_licensed()
        if self.devices:
            return
        for hostname, name in REAL.items():
            scan = json.loads((SCANS / f"{name}.json").read_text())
            device = self._add(hostname, scan)
            if hostname == "web01":
                # A second scan, in which much has changed, and a log that holds.
                self._ship(device, chain(60))
                scan |= {"packages": newer(scan["packages"]), "scanned_at": LATER}
                answer = self.server.upload(device, {**scan, "hostname": hostname})
                self.second_scan = answer.json()["scan_id"]
        hostile = json.loads((SCANS / "mixed-ecosystems-42.json").read_text())
        device = self._add(HOSTILE, {**hostile, "packages": HOSTILE_PACKAGES})
        self._ship(device, damaged_log())

    def _ship(self, device: dict[str, Any], entries: list[LogEntry]) -> None:
        answer = self.server.upload(device, {"entries": sent(entries)}, "audit-log")
        assert answer.status_code == 202, answer.text

    def _add(self, hostname: str, scan: dict[str, Any]) -> dict[str, Any]:
        address = f"192.0.2.{len(self.devices) + 1}"
        machine_id = "the image's own" if hostname == CLONE else ""
        if machine_id:
            self.server.register("gold-image", machine_id, address, csr=new_csr())
        answer = self.server.register(hostname, machine_id, address, csr=new_csr())
        device: dict[str, Any] = answer.json()
        answer = self.server.upload(device, {**scan, "hostname": hostname})
        assert answer.status_code == 202, answer.text
        self.devices[hostname] = device["device_id"]
        return device

    def empty(self) -> None:
        """Remove every device and the license, as if nothing had happened yet."""
        if self.devices:
            self.be_licensed()
        for uid in self.devices.values():
            self._delete(f"/api/v1/inventory/devices/{uid}")
        self.devices = {}
        self.be_unlicensed()

    def _delete(self, path: str) -> None:
        page = self.session.get(f"{self.server.url}/settings/license", timeout=20).text
        headers = {"X-CSRFToken": form_token(page)}
        answer = self.session.delete(f"{self.server.url}{path}", headers=headers, timeout=30)
        assert answer.status_code == 204, answer.text
