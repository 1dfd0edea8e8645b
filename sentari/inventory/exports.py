"""Write inventories out, row by row, harmless to the program that opens them."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sentari.audit.store import record
from sentari.inventory.devices import tags_of
from sentari.inventory.models import Device
from sentari.inventory.packages import Holder, PackageRow, whole_inventory
from sentari.inventory.purls import purl_of, vendor_of
from sentari.inventory.sbom import Subject, document_pieces
from serverkit.csv_files import csv_lines

DEVICE_COLUMNS = (
    "id",
    "hostname",
    "os",
    "os_release",
    "arch",
    "agent_version",
    "packages",
    "enrolled_at",
    "last_seen_at",
    "last_scan_at",
    "tags",
)
PACKAGE_COLUMNS = ("ecosystem", "name", "version", "device_count", "not_comparable")
HOLDER_COLUMNS = (
    "device_id",
    "hostname",
    "ecosystem",
    "name",
    "version",
    "package_license",
    "spdx_id",
    "environments",
    "locations",
    "install_paths",
)


FORMATS = ("csv", "json")


def inventory_lines(session: Session, form: str, device_uid: str | None = None) -> Iterator[str]:
    """Yield the inventory of all devices, or of one, in the pieces of a CSV or JSON document."""
    holders = _inventory(session, device_uid)
    if form == "csv":
        return csv_lines(HOLDER_COLUMNS, (holder_row(holder) for holder in holders))
    return json_lines(holder_item(holder) for holder in holders)


def sbom_pieces(session: Session, device: Device) -> Iterator[str]:
    """Yield a device's inventory as a software bill of materials."""
    subject = Subject(
        uid=device.uid,
        hostname=device.hostname,
        os=device.os,
        os_release=device.os_release,
        arch=device.arch,
        runtime=device.runtime,
        agent_version=device.agent_version,
        tags=tuple(json.loads(device.tags)),
        content_hash=device.content_hash or "",
        scanned_at=device.last_scan_at,
    )
    purl = partial(purl_of, vendor=vendor_of(device.os_release))
    packages = whole_inventory(session, device)
    # Whoever reads slowly must not keep a connection to himself.
    session.rollback()
    return document_pieces(subject, packages, purl)


def note_export(
    session: Session, what: str, form: str, *, at: datetime, actor: str, filters: str = ""
) -> None:
    """Write into the audit log that somebody takes data away."""
    detail = {"format": form, "filters": filters}
    record(session, at=at, actor=actor, action="INVENTORY_EXPORTED", target=what, detail=detail)


def _inventory(session: Session, device_uid: str | None) -> Iterator[Holder]:
    query = select(Device.id).order_by(func.lower(Device.hostname), Device.id)
    if device_uid is not None:
        query = query.where(Device.uid == device_uid)
    for device_id in session.scalars(query).all():
        device = session.get(Device, device_id)
        if device is not None:
            yield from whole_inventory(session, device)
        # Whoever reads slowly must not keep a connection and an old snapshot to himself.
        session.rollback()


def json_lines(rows: Iterable[object]) -> Iterator[str]:
    """Yield one JSON array in pieces of one item."""
    opening = "[\n"
    for row in rows:
        yield opening + json.dumps(row, ensure_ascii=False)
        opening = ",\n"
    yield "[]\n" if opening == "[\n" else "\n]\n"


def device_row(device: Device) -> list[object]:
    """Return a device under DEVICE_COLUMNS."""
    return [
        device.uid,
        device.hostname,
        device.os,
        device.os_release,
        device.arch,
        device.agent_version,
        device.package_count,
        device.enrolled_at,
        device.last_seen_at,
        device.last_scan_at,
        "; ".join(tags_of(device)),
    ]


def package_row(row: PackageRow) -> list[object]:
    """Return a package under PACKAGE_COLUMNS."""
    return [row.ecosystem, row.name, row.version, row.device_count, row.why]


def holder_row(holder: Holder) -> list[object]:
    """Return a package on a device under HOLDER_COLUMNS."""
    return [
        holder.device_uid,
        holder.hostname,
        holder.ecosystem,
        holder.name,
        holder.version,
        _joined(holder, "package_license"),
        _joined(holder, "spdx_id"),
        _joined(holder, "env_type"),
        len(holder.locations),
        _joined(holder, "install_path"),
    ]


def holder_item(holder: Holder) -> dict[str, object]:
    """Return a package on a device as the API shows it."""
    return {
        "device_id": holder.device_uid,
        "hostname": holder.hostname,
        "ecosystem": holder.ecosystem,
        "name": holder.name,
        "version": holder.version,
        "locations": holder.locations,
    }


def _joined(holder: Holder, name: str) -> str:
    texts = dict.fromkeys(place[name] for place in holder.locations if name in place)
    return "; ".join(texts)
