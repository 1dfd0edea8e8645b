"""Write a device's inventory as a software bill of materials: CycloneDX 1.6, JSON. PURE.

The same inventory gives the same document, whoever asks and from whichever database: packages are
in one order, the serial number follows from the device and the hash of its records, and the only
time in it is that of the scan.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import NAMESPACE_URL, uuid5

from sentari.inventory.package_licenses import is_expression, spdx_id
from sentari.inventory.records import PackageKey

CONTENT_TYPE = "application/vnd.cyclonedx+json; version=1.6"

# Ecosystem, name and version to a purl, or to None where there is none.
PurlOf = Callable[[str, str, str], str | None]
# What tells two places of a package apart besides their path.
_CONTEXT = (
    "env_type",
    "environment",
    "interpreter_version",
    "source_package",
    "installer_user",
    "install_date",
    "container_runtime",
    "container_name",
    "container_id",
    "container_image_id",
)


@dataclass(frozen=True, slots=True)
class Subject:
    """The device that a document is about; a `scanned_at` of None is before the first scan."""

    uid: str
    hostname: str
    os: str
    os_release: str
    arch: str
    runtime: str
    agent_version: str
    tags: tuple[str, ...]
    content_hash: str
    scanned_at: datetime | None


class Found(Protocol):
    """A package on the device, with all places where it lies."""

    @property
    def ecosystem(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def locations(self) -> list[dict[str, str]]: ...


def document_pieces(subject: Subject, packages: Iterable[Found], purl_of: PurlOf) -> Iterator[str]:
    """Yield the document in pieces of one component."""
    head = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial_number(subject),
        "version": 1,
        "metadata": _metadata(subject),
    }
    yield json.dumps(head, ensure_ascii=False)[:-1] + ', "components": ['
    separator = "\n"
    for package in sorted(packages, key=lambda each: (each.ecosystem, each.name, each.version)):
        yield separator + json.dumps(component(package, purl_of), ensure_ascii=False)
        separator = ",\n"
    yield "\n]}\n"


def serial_number(subject: Subject) -> str:
    """Return the URN that stands for this inventory of this device."""
    return uuid5(NAMESPACE_URL, f"sentari:{subject.uid}:{subject.content_hash}").urn


def component(package: Found, purl_of: PurlOf) -> dict[str, Any]:
    """Return one package as a component."""
    key = PackageKey(package.ecosystem, package.name, package.version)
    group, name = _split(*key[:2])
    return _without_empty(
        {
            "type": "library",
            # Two packages may have the same purl, but never the same digest.
            "bom-ref": key.digest.hex(),
            "group": group,
            "name": name,
            "version": key.version,
            "licenses": licenses(package.locations),
            "purl": purl_of(*key),
            "properties": _properties({"ecosystem": key.ecosystem}),
            "evidence": _evidence(package.locations),
        }
    ) | {"name": name}


def licenses(locations: Iterable[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Return the distinct licenses that the places name: SPDX's id, else the name as it came.

    An expression may stand there only by itself.
    """
    texts = dict.fromkeys(
        text.strip()
        for place in locations
        if (text := place.get("spdx_id") or place.get("package_license"))
    )
    found = [text for text in texts if text]
    declared = {"acknowledgement": "declared"}
    if len(found) == 1 and spdx_id(found[0]) is None and is_expression(found[0]):
        return [{"expression": found[0], **declared}]
    # Two spellings of one id are one license.
    named = dict.fromkeys((spdx_id(text), text if spdx_id(text) is None else "") for text in found)
    return [{"license": ({"id": id_} if id_ else {"name": text}) | declared} for id_, text in named]


def _split(ecosystem: str, name: str) -> tuple[str, str]:
    """Return the group (maven's, npm's scope) and the rest of the name."""
    separator = ":" if ecosystem == "maven" else "/" if name.startswith("@") else ""
    if ecosystem in ("maven", "npm") and separator and separator in name:
        group, _, rest = name.partition(separator)
        return group, rest
    return "", name


def _metadata(subject: Subject) -> dict[str, Any]:
    tools = [{"type": "application", "name": "Sentari"}]
    if subject.agent_version:
        agent = {"type": "application", "name": "Sentari agent", "version": subject.agent_version}
        tools.append(agent)
    described = {
        "device_id": subject.uid,
        "os": subject.os,
        "os_release": subject.os_release,
        "arch": subject.arch,
        "runtime": subject.runtime,
    }
    device = {
        "type": "device",
        "bom-ref": subject.uid,
        "name": subject.hostname or subject.uid,
        "properties": _properties(described) + [_property("tag", tag) for tag in subject.tags],
    }
    return _without_empty(
        {
            "timestamp": _moment(subject.scanned_at),
            "lifecycles": [{"phase": "operations"}],
            "tools": {"components": tools},
            "component": device,
        }
    )


def _moment(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _evidence(locations: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    occurrences = []
    for place in locations:
        context = [f"{name}: {place[name]}" for name in _CONTEXT if place.get(name)]
        path = place.get("install_path") or place.get("environment") or ""
        if path or context:
            occurrences.append(
                _without_empty({"additionalContext": "; ".join(context)}) | {"location": path}
            )
    return {"occurrences": occurrences} if occurrences else {}


def _properties(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [_property(name, value) for name, value in values.items() if value]


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": f"sentari:{name}", "value": value}


def _without_empty(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value}
