"""The inventory in the API."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar

from apiflask import APIBlueprint
from flask import request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from sentari.api import inventory_schemas as schemas
from sentari.api.common_schemas import BAD_PARAMETER
from sentari.api.openapi import describe
from sentari.extensions import current, db, writing
from sentari.inventory import devices, packages, summary
from sentari.inventory.devices import DeviceDetails
from sentari.inventory.exports import FORMATS, holder_item, inventory_lines, sbom_pieces
from sentari.inventory.filters import asked_bounds
from sentari.inventory.models import Device
from sentari.inventory.packages import PackageRow
from sentari.inventory.sbom import CONTENT_TYPE
from sentari.inventory.text import storable
from sentari.web.listing import bad_parameter, device_filter, filtering, note, package_filter
from serverkit.pages import download
from serverkit.paging import Page, page_arguments
from serverkit.problems import Problem

blueprint = APIBlueprint("inventory_api", __name__, url_prefix="/api/v1/inventory", tag="Inventory")

Item = TypeVar("Item")
_UNKNOWN = {404: "The device is not enrolled here, or was removed."}
_CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


@blueprint.get("/summary")
@blueprint.output(schemas.SummaryOut)
def read_summary() -> ResponseReturnValue:
    """Count devices and packages."""
    return asdict(summary.summarize(db.session()))


@blueprint.get("/devices")
@blueprint.output(schemas.DeviceList)
@describe(query=schemas.DeviceQuery, problems=BAD_PARAMETER)
def list_devices() -> ResponseReturnValue:
    """List devices, filtered by `search`, `status` and more, ordered by `sort`."""
    page, page_size = page_arguments()
    now = current().clock.now()
    with filtering():
        found = devices.search_devices(
            db.session(), device_filter(), now, page=page, page_size=page_size
        )
    return _listed(found, lambda device: _device_item(device, now))


@blueprint.get("/devices/count")
@blueprint.output(schemas.DeviceCountOut)
@describe(query=schemas.DeviceSelection, problems=BAD_PARAMETER)
def count_devices() -> ResponseReturnValue:
    """Count devices: all, those that match, and these for each ecosystem."""
    with filtering():
        counted = devices.count_devices(db.session(), device_filter(), current().clock.now())
    return asdict(counted)


@blueprint.get("/devices/<device_id>")
@blueprint.output(schemas.DeviceOut)
@describe(problems=_UNKNOWN)
def read_device(device_id: str) -> ResponseReturnValue:
    """Show a device."""
    device, now = _device(device_id, details=True), current().clock.now()
    return {
        **_device_item(device, now),
        **asdict(DeviceDetails.of(device)),
        "os_release": device.os_release,
        "runtime": device.runtime,
        "error_count": device.error_count,
        "warning_count": device.warning_count,
        "possible_clone_of": device.clone_hostname,
    }


@blueprint.delete("/devices/<device_id>")
@describe(answers={204: None}, problems=_UNKNOWN)
def remove_device(device_id: str) -> ResponseReturnValue:
    """Remove a device with its inventory and history."""
    actor, now = current_user.actor, current().clock.now()
    with writing() as session:
        removed = devices.remove_device(session, device_id, at=now, actor=actor)
    if removed is None:
        raise _unknown()
    return "", 204


@blueprint.get("/packages")
@blueprint.output(schemas.PackageList)
@describe(query=schemas.PackageQuery, problems={**BAD_PARAMETER, **_UNKNOWN})
def list_packages() -> ResponseReturnValue:
    """List distinct packages, filtered by `search` (or `name` and `versions`) and more."""
    page, page_size = page_arguments()
    device = _asked_device()
    with filtering():
        found = packages.search_packages(
            db.session(),
            package_filter(),
            page=page,
            page_size=page_size,
            device_id=None if device is None else device.id,
        )
    return _listed(found, _package_item) | _incomparable(found.incomparable)


@blueprint.get("/package-locations")
@blueprint.output(schemas.HolderList)
@describe(query=schemas.LocationQuery, problems=BAD_PARAMETER)
def list_locations() -> ResponseReturnValue:
    """List the devices that have the package `name`, a row for each version in `versions`."""
    page, page_size = page_arguments()
    if "name" not in request.args:
        raise bad_parameter("name is the whole name of a package, as it was reported.")
    name, ecosystem = storable(request.args["name"]), request.args.get("ecosystem")
    with filtering():
        found, left = packages.holders_within(
            db.session(),
            name,
            None if ecosystem is None else storable(ecosystem),
            asked_bounds(storable(request.args.get("versions", ""))),
            page=page,
            page_size=page_size,
        )
    return _listed(found, holder_item) | _incomparable(left)


@blueprint.get("/export")
@describe(
    query=schemas.ExportQuery,
    answers={200: ("text/csv", "application/json")},
    problems={**BAD_PARAMETER, **_UNKNOWN},
)
def export() -> ResponseReturnValue:
    """Download the inventory, `format` csv or json, of all devices or of `device_id`."""
    form = request.args.get("format", "json")
    if form not in FORMATS:
        raise bad_parameter(f"format is one of {', '.join(FORMATS)}.")
    device = _asked_device()
    uid = None if device is None else device.uid
    note(form, "inventory" if uid is None else f"device {uid}")
    lines = inventory_lines(db.session(), form, uid)
    return download(lines, f"inventory.{form}", _CONTENT_TYPES[form])


@blueprint.get("/sbom/<device_id>")
@describe(answers={200: ("application/vnd.cyclonedx+json",)}, problems=_UNKNOWN)
def sbom(device_id: str) -> ResponseReturnValue:
    """Download a device's software bill of materials (CycloneDX 1.6)."""
    uid = _device(device_id).uid
    note("cyclonedx", f"device {uid}")
    pieces = sbom_pieces(db.session(), _device(uid, details=True))
    return download(pieces, f"{uid}.cdx.json", CONTENT_TYPE)


def _listed(found: Page[Item], show: Callable[[Item], dict[str, Any]]) -> dict[str, Any]:
    return {
        "total": found.total,
        "page": found.page,
        "page_size": found.page_size,
        "items": [show(item) for item in found.items],
    }


def _package_item(row: PackageRow) -> dict[str, Any]:
    return {
        "ecosystem": row.ecosystem,
        "name": row.name,
        "version": row.version,
        "device_count": row.device_count,
    }


def _incomparable(rows: Sequence[PackageRow]) -> dict[str, Any]:
    return {"not_comparable": [_package_item(row) | {"why": row.why} for row in rows]}


def _device_item(device: Device, now: datetime) -> dict[str, Any]:
    return {
        "id": device.uid,
        "hostname": device.hostname,
        "os": device.os,
        "arch": device.arch,
        "agent_version": device.agent_version,
        "packages": device.package_count,
        "enrolled_at": device.enrolled_at,
        "last_seen_at": device.last_seen_at,
        "last_scan_at": device.last_scan_at,
        "status": devices.status_of(device, now),
    }


def _asked_device() -> Device | None:
    uid = request.args.get("device_id")
    return None if not uid else _device(uid)


def _device(uid: str, *, details: bool = False) -> Device:
    device = devices.find_device(db.session(), uid, details=details)
    if device is None:
        raise _unknown()
    return device


def _unknown() -> Problem:
    detail = "This device is not enrolled here, or was removed."
    return Problem(404, "unknown_device", "No such device", detail)
