"""A device's scans in the API."""

from dataclasses import asdict
from typing import Any

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue

from sentari.api import scan_schemas as schemas
from sentari.api.common_schemas import BAD_PARAMETER, PageQuery
from sentari.api.openapi import describe
from sentari.extensions import db
from sentari.inventory import devices, history
from sentari.inventory.models import Device, ScanEntry
from sentari.inventory.scan_time import as_datetime
from sentari.web.listing import change_kind
from serverkit.paging import page_arguments
from serverkit.problems import Problem

blueprint = APIBlueprint(
    "scans_api",
    __name__,
    url_prefix="/api/v1/inventory/devices/<device_id>/scans",
    tag="Inventory",
)

_UNKNOWN = {404: "There is no such device, or it has no such scan."}


@blueprint.get("")
@blueprint.output(schemas.ScanList)
@describe(query=PageQuery, problems={**BAD_PARAMETER, **_UNKNOWN})
def list_scans(device_id: str) -> ResponseReturnValue:
    """List a device's scans, the newest first."""
    page, page_size = page_arguments()
    found = history.device_scans(db.session(), _device(device_id), page=page, page_size=page_size)
    items = [_item(scan) for scan in found.items]
    return {"total": found.total, "page": page, "page_size": page_size, "items": items}


@blueprint.get("/<scan_id>")
@blueprint.output(schemas.ScanReportOut)
@describe(query=schemas.ChangeQuery, problems={**BAD_PARAMETER, **_UNKNOWN})
def read_scan(device_id: str, scan_id: str) -> ResponseReturnValue:
    """Show a scan and a page of what it changed: upgraded, downgraded, added and removed."""
    kind = change_kind()
    report = history.scan_report(db.session(), _device(device_id), scan_id)
    if report is None:
        raise Problem(404, "not_found", "No such scan", "This device has no such scan.")
    page, page_size = page_arguments()
    found = report.page(kind, page=page, page_size=page_size)
    changes = {"total": found.total, "page": page, "page_size": page_size}
    return {
        **_item(report.scan),
        "first": report.first,
        "counts": report.counts,
        "changes": changes | {"items": [asdict(each) for each in found.items]},
    }


def _item(scan: ScanEntry) -> dict[str, Any]:
    names = ("agent_version", "packages_received", "added", "removed", "changed")
    return {
        "id": str(scan.id),
        "scanned_at": as_datetime(scan.scanned_at),
        "received_at": scan.received_at,
        "status": scan.status,
        "packages": scan.package_count,
        "error_count": scan.error_count,
        "warning_count": scan.warning_count,
        **{name: getattr(scan, name) for name in names},
    }


def _device(uid: str) -> Device:
    device = devices.find_device(db.session(), uid)
    if device is None:
        detail = "This device is not enrolled here, or was removed."
        raise Problem(404, "unknown_device", "No such device", detail)
    return device
