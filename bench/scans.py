"""Devices that upload for the benchmarks: packages like the real scans', each body in pieces.

A body is put together from records that were encoded once, so that sending the packages in
another order costs the client next to nothing.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

_PYTHON = "/home/dev/.pyenv/versions/3.13.0/lib/python3.13/site-packages"
_SHARE_OF_ALL = 0.9


def record(name: str, version: str, *, short: bool = False) -> dict[str, str]:
    """Return a package as the agent sends it, or with nothing but what every record has."""
    texts = {
        "name": name,
        "version": version,
        "env_type": "pip",
        "environment": _PYTHON,
        "license_raw": "MIT",
        "license_spdx": "MIT",
        "license_tier": "permissive",
    }
    if short:
        return texts | {"environment": "/usr/lib"}
    return texts | {
        "install_path": f"{_PYTHON}/{name}-{version}.dist-info",
        "interpreter_version": "3.13.0",
        "installer_user": "root",
        "install_date": "2026-05-09T07:37:09Z",
    }


def inventory(
    fleet: str, device: int, packages: int = 500, *, short: bool = False
) -> list[dict[str, str]]:
    """Return a device's records; nine tenths are the same on all devices of the fleet."""
    shared = int(packages * _SHARE_OF_ALL)
    names = [f"{fleet}-shared-{number}" for number in range(shared)]
    names += [f"{fleet}-{device}-own-{number}" for number in range(packages - shared)]
    return [record(name, f"1.{len(name)}.{n % 10}", short=short) for n, name in enumerate(names)]


@dataclass
class Uploader:
    """One enrolled device; every body it makes is later than the one before."""

    uid: str
    token: str
    records: list[bytes]
    _ticks: Any = field(default_factory=count)
    _began: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(days=1))

    @classmethod
    def of(cls, enrolled: dict[str, Any], records: Sequence[dict[str, str]]) -> "Uploader":
        """Make one out of the answer to a registration."""
        pieces = [json.dumps(each).encode() for each in records]
        return cls(enrolled["device_id"], enrolled["device_token"], pieces)

    @property
    def headers(self) -> dict[str, str]:
        """Return what goes with every body."""
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}

    def head(self) -> bytes:
        """Return a body's beginning, up to the packages."""
        at = self._began + timedelta(milliseconds=next(self._ticks))
        words = {
            "device_id": self.uid,
            "hostname": f"host-{self.uid[:8]}",
            "os": "linux",
            "arch": "amd64",
            "scanned_at": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "errors": [],
            "agent_version": "1.0.0",
            "runtime": "container",
        }
        return json.dumps(words).encode()[:-1] + b', "packages": '

    def packages(self, chance: random.Random | None = None) -> bytes:
        """Return the rest of a body, the packages in another order where `chance` is given."""
        pieces = list(self.records)
        if chance is not None:
            chance.shuffle(pieces)
        return b"[" + b", ".join(pieces) + b"]}"

    def change(self, share: float, label: str, *, short: bool = False) -> None:
        """Give that share of the packages another version."""
        for number in range(max(1, int(len(self.records) * share))):
            renewed = record(f"churned-{number}", f"1.{label}", short=short)
            self.records[number] = json.dumps(renewed).encode()
