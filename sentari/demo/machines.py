"""Which machines the demo has, and what each has installed at what time. PURE.

Everything follows from a machine's number, so that loading the demo twice gives the same machines.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from typing import Any

from sentari.demo.versions import older
from sentari.inventory.scan_time import scan_time

# A demo's machine is told from any other by its machine id, which no real machine has.
MARK = "sentari-demo:"

HISTORY_DAYS = 28
_WEEK = timedelta(days=7)
_WAVES = 4
_UNTIL_LATE, _UNTIL_MISSING = timedelta(hours=5), timedelta(days=3)

Record = dict[str, Any]
Catalogue = Mapping[str, Sequence[Record]]


@dataclass(frozen=True)
class Role:
    """What a machine is there for. `share` is the part of each group that it has installed."""

    name: str
    team: str
    os: str
    os_release: str
    groups: Mapping[str, float]
    runtimes: tuple[tuple[str, str, str], ...] = ()
    arch: str = "amd64"


_DEBIAN, _UBUNTU = "debian 12", "ubuntu 24.04"
_PYTHON = ("python", "3.11", "/usr/lib/python3.11")
_NODE = ("node", "20.20.2", "/usr/bin/node")
_JDK = ("jdk", "17.0.15", "/usr/lib/jvm/java-17-openjdk-amd64")
_ROLES = {
    role.name: role
    for role in (
        Role("web", "platform", "linux", _DEBIAN, {"deb": 0.4, "npm": 1, "web": 1}, (_NODE,)),
        Role("app", "platform", "linux", _DEBIAN, {"deb": 0.4, "java": 1}, (_JDK, _PYTHON)),
        Role("db", "data", "linux", _UBUNTU, {"deb": 0.35}, (_PYTHON,)),
        Role(
            "etl", "data", "linux", _UBUNTU,
            {"deb": 0.45, "python": 1, "application": 1}, (_PYTHON,),
        ),
        Role(
            "build", "engineering", "linux", _DEBIAN,
            {"deb": 1, "python": 1, "java": 1, "maven": 1, "npm": 1}, (_JDK, _PYTHON, _NODE),
        ),
        Role(
            "dev", "engineering", "linux", _UBUNTU,
            {"deb": 0.9, "python": 0.8, "maven": 0.5, "npm": 1}, (_JDK, _PYTHON, _NODE),
        ),
        Role(
            "laptop", "sales", "windows", "windows 11 23H2",
            {"python": 0.2, "npm": 0.5, "web": 1},
            (("node", "22.9.0", "C:\\Program Files\\nodejs"),),
        ),
        Role(
            "mac", "design", "darwin", "macos 15.1", {"python": 0.4, "npm": 1}, (_NODE,),
            arch="arm64",
        ),
        Role("kiosk", "stores", "linux", _DEBIAN, {}),
    )
}  # fmt: skip
# One round of the fleet; the machines of a larger demo go round again.
_ROUND = (
    "web", "app", "db", "laptop", "web", "dev", "etl", "mac", "app", "laptop",
    "web", "db", "build", "laptop", "web", "kiosk", "app", "dev", "mac", "laptop",
)  # fmt: skip
_SITES = (("fra", "frankfurt"), ("lis", "lisbon"), ("aus", "austin"))
_LATE, _MISSING, _WAITING = {7, 16}, {3, 11}, 19
_CLONE = 4
_BROKEN = {"etl", "kiosk"}
# What people look for first is on every machine of its group, and is updated often.
_LOOKED_FOR = {"openssl", "libssl3", "curl", "bash", "openssh-client", "sqlite3", "requests", "pip"}


@dataclass(frozen=True)
class Machine:
    """One machine of the demo; `number` counts from 0."""

    number: int

    @property
    def role(self) -> Role:
        """Return what it is there for."""
        return _ROLES[_ROUND[self.number % len(_ROUND)]]

    @property
    def site(self) -> tuple[str, str]:
        """Return where it stands: a short name and a long one."""
        return _SITES[self.number % len(_SITES)]

    @cached_property
    def hostname(self) -> str:
        """Return a name like web-fra-07."""
        return f"{self.role.name}-{self.site[0]}-{self.number + 1:02}"

    @property
    def machine_id(self) -> str:
        """Return what marks it as the demo's."""
        return f"{MARK}{self.number}"

    @property
    def tags(self) -> list[str]:
        """Return the tags that its agent reports."""
        return ["demo", self.site[1], self.role.team]

    @property
    def agent_version(self) -> str:
        """Return its agent's version; a few were not updated."""
        return "0.9.4" if self.chance("agent") < 0.15 else "1.0.0"

    @property
    def clone_hostname(self) -> str | None:
        """Return the name under which a copy of it enrolled, if one did."""
        return "web-image-master" if self.number == _CLONE else None

    def chance(self, *of: object) -> float:
        """Return a number in [0, 1) that is the same each time."""
        text = "\0".join(map(str, (self.number, *of)))
        return int.from_bytes(blake2b(text.encode(), digest_size=6).digest(), "big") / 2**48

    def enrolled_at(self, now: datetime) -> datetime:
        """Return when it enrolled, if the demo is loaded now."""
        hours = 1 + 23 * self.chance("enrolled")
        return now - timedelta(days=HISTORY_DAYS, hours=hours) - self._silent()

    def scan_times(self, now: datetime) -> list[datetime]:
        """Return when it scanned, oldest first: once a day, lately too unless it is missing."""
        if self.number % len(_ROUND) == _WAITING:
            return []
        newest = now - self._silent() - timedelta(minutes=45 * self.chance("minute"))
        return [newest - timedelta(days=days) for days in reversed(range(HISTORY_DAYS))]

    def _silent(self) -> timedelta:
        place = self.number % len(_ROUND)
        if place in _LATE:
            return _UNTIL_LATE * (1 + self.chance("late"))
        return (
            _UNTIL_MISSING * (1 + 2 * self.chance("missing")) if place in _MISSING else timedelta()
        )

    def wave(self, at: datetime, now: datetime) -> int:
        """Return how many rounds of updates it had got by then; one comes every week."""
        last = now - self._silent() - _WEEK * self.chance("weekday") - timedelta(hours=1)
        return sum(at >= last - week * _WEEK for week in range(_WAVES))

    def scan(self, at: datetime, wave: int, catalogue: Catalogue) -> Record:
        """Return what its agent sends; the device's id is filled in by whoever stores it."""
        role = self.role
        system, _, version = role.os_release.partition(" ")
        return {
            "hostname": self.hostname,
            "os": role.os,
            "os_release": {"id": system, "version_id": version},
            "arch": role.arch,
            "scanned_at": scan_time(at),
            "agent_version": self.agent_version,
            "runtime": "host",
            "tags": self.tags,
            "errors": list(self._errors(at)),
            "installed_runtimes": [
                {"name": name, "version": version, "cycle": version, "install_path": path}
                for name, version, path in role.runtimes
            ],
            "packages": list(self._packages(wave, catalogue)),
        }

    def _errors(self, at: datetime) -> Iterator[Record]:
        if self.role.name in _BROKEN:
            broken = "dangling venv: base Python directory /usr/lib/python3.9 no longer exists"
            yield {
                "path": "/srv/app/.venv",
                "env_type": "venv",
                "error": broken,
                "timestamp": scan_time(at),
            }

    def _packages(self, wave: int, catalogue: Catalogue) -> Iterator[Record]:
        for group, share in self.role.groups.items():
            for record in catalogue[group]:
                name = record["name"]
                if self._is_in_image(name, share) and self._has(name, wave):
                    yield self._installed(record, wave)

    def _is_in_image(self, name: str, share: float) -> bool:
        # The same choice for all machines of a role: they were made from one image.
        return name in _LOOKED_FOR or Machine(0).chance(self.role.name, name) < share

    def _has(self, name: str, wave: int) -> bool:
        """Tell whether nobody has removed a package, or somebody has installed it already."""
        chance = self.chance("own", name)
        if chance < 0.006:
            return wave >= 1 + int(self.chance("came", name) * _WAVES)
        return chance < 0.997 or wave < 1 + int(self.chance("went", name) * _WAVES)

    def _installed(self, record: Record, wave: int) -> Record:
        name, version = record["name"], record["version"]
        steps = self._behind(name, wave)
        found = {**record, "version": older(version, steps)} if steps else record
        return _on_windows(found) if self.role.os == "windows" else found

    def _behind(self, name: str, wave: int) -> int:
        """Return how many versions behind the newest a package is after so many waves."""
        if name not in _LOOKED_FOR and Machine(0).chance("moves", name) > 0.12:
            return 0
        # Some packages are pinned for good; the others catch up in about half of the waves.
        pinned = int(3 * self.chance("pinned", name)) if self.chance("pins", name) < 0.3 else 0
        to_come = range(wave + 1, _WAVES + 1)
        return pinned + sum(self.chance("wave", name, each) < 0.3 for each in to_come)


def _on_windows(record: Record) -> Record:
    places = {
        key: "C:\\" + record[key].strip("/").replace("home/dev", "Users\\dev").replace("/", "\\")
        for key in ("install_path", "environment")
        if record.get(key)
    }
    return {**record, **places}


def fleet(count: int) -> list[Machine]:
    """Return the first machines of the demo."""
    return [Machine(number) for number in range(count)]
