"""Devices as pages."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from sentari.agents import agent_logs
from sentari.agents.credentials import device_certificates
from sentari.agents.enrollments import enrolled_by
from sentari.extensions import current, db, writing
from sentari.inventory import devices, history, packages
from sentari.inventory.device_selection import offered
from sentari.inventory.devices import DeviceDetails, FoundDevices, tags_of
from sentari.inventory.exports import DEVICE_COLUMNS, HOLDER_COLUMNS, device_row, holder_row
from sentari.inventory.filters import DeviceFilter, FilterError
from sentari.inventory.models import Device
from sentari.web.access import access
from sentari.web.device_columns import COLUMNS, Column, chosen_columns
from sentari.web.listing import asked_file, change_kind, filtering, part_filter, table_download
from serverkit.paging import page_arguments
from serverkit.problems import Problem

blueprint = Blueprint("devices", __name__, url_prefix="/devices")

_NEWEST_ENTRIES = 5


@blueprint.get("")
def index() -> ResponseReturnValue:
    """List devices, or download what is listed."""
    now, session = current().clock.now(), db.session()
    try:
        asked = DeviceFilter.parse(request.args)
        columns = chosen_columns(request.args.getlist("columns"))
        if form := asked_file():
            rows = map(device_row, devices.every_device(session, asked, now))
            return table_download(form, "devices", DEVICE_COLUMNS, rows)
        page, page_size = page_arguments()
        found = devices.search_devices(session, asked, now, page=page, page_size=page_size)
    except FilterError as error:
        unread = DeviceFilter.unread(request.args)
        return _listed(unread, chosen_columns(()), None, str(error)), 400
    return _listed(asked, columns, found)


def _listed(
    asked: DeviceFilter, columns: list[Column], found: FoundDevices | None, fault: str = ""
) -> str:
    """Return the page; with a fault what was typed stays where it was typed."""
    return render_template(
        "sentari/devices/index.html",
        asked=asked,
        columns=columns,
        every_column=COLUMNS,
        found=found,
        fault=fault,
        offered=offered(db.session()),
        now=current().clock.now(),
        status_of=devices.status_of,
        tags_of=tags_of,
    )


@blueprint.route("/removal", methods=["GET", "POST"])
@access(role="admin")
def removal() -> ResponseReturnValue:
    """Ask before devices are removed: those that were ticked, or all that a filter finds."""
    ticked = request.form.getlist("device")
    if request.method == "POST" and not ticked:
        flash("Tick the devices that are to be removed.", "danger")
        query = request.query_string.decode("ascii", "replace")
        return redirect(f"{url_for('devices.index')}?{query}")
    session, now = db.session(), current().clock.now()
    with filtering():
        going = (
            devices.ticked(session, ticked)
            if ticked
            else devices.matching(session, DeviceFilter.parse(request.args), now)
        )
    return render_template("sentari/devices/removal.html", going=going, now=now)


@blueprint.post("/removal/confirm")
def remove_ticked() -> ResponseReturnValue:
    """Remove the devices that were listed, all of them or none."""
    uids, actor, now = request.form.getlist("device"), current_user.actor, current().clock.now()
    with writing() as session:
        fault = devices.ticked(session, uids).fault
        if fault:
            raise Problem(409, "too_many_devices", "Too many devices", fault)
        removed = devices.remove_devices(session, uids, at=now, actor=actor)
    flash(_count(len(removed), "device was", "devices were") + " removed.", "success")
    return redirect(url_for("devices.index"))


@blueprint.get("/<uid>")
def show(uid: str) -> ResponseReturnValue:
    """Show a device with its packages."""
    device, asked, session = _device(uid), part_filter(), db.session()
    if form := asked_file():
        rows = (holder_row(row) for row in packages.whole_inventory(session, device, asked))
        return table_download(form, f"device-{uid}", HOLDER_COLUMNS, rows)
    page, page_size = page_arguments()
    found = packages.device_inventory(session, device, asked, page=page, page_size=page_size)
    now = current().clock.now()
    return render_template(
        "sentari/devices/show.html",
        device=device,
        details=DeviceDetails.of(device),
        status=devices.status_of(device, now),
        ecosystems=packages.ecosystems_of(device),
        asked=asked,
        found=found,
        now=now,
        **_of_the_agent(device),
    )


@blueprint.get("/<uid>/scans")
def scans(uid: str) -> ResponseReturnValue:
    """Show the history of a device's scans."""
    device = _device(uid)
    page, page_size = page_arguments()
    found = history.device_scans(db.session(), device, page=page, page_size=page_size)
    return render_template("sentari/devices/scans.html", device=device, found=found)


@blueprint.get("/<uid>/scans/<scan_id>")
def scan(uid: str, scan_id: str) -> ResponseReturnValue:
    """Show a scan and what it changed."""
    device, kind = _device(uid), change_kind()
    report = history.scan_report(db.session(), device, scan_id)
    if report is None:
        raise Problem(404, "not_found", "No such scan", "This device has no such scan.")
    page, page_size = page_arguments()
    found = report.page(kind, page=page, page_size=page_size)
    return render_template(
        "sentari/devices/scan.html", device=device, report=report, kind=kind, found=found
    )


@blueprint.get("/<uid>/agent-log")
def agent_log(uid: str) -> ResponseReturnValue:
    """Show the log that the device's agent keeps, and whether it holds."""
    device, broken = _device(uid), request.args.get("show") == "broken"
    page, page_size = page_arguments()
    health = agent_logs.log_health(db.session(), device.uid)
    found = agent_logs.log_entries(
        db.session(), health, broken=broken, page=page, page_size=page_size
    )
    return render_template(
        "sentari/devices/agent_log.html", device=device, health=health, found=found, broken=broken
    )


@blueprint.post("/<uid>/remove")
def remove(uid: str) -> ResponseReturnValue:
    """Remove a device for good."""
    actor, now = current_user.actor, current().clock.now()
    with writing() as session:
        removed = devices.remove_device(session, uid, at=now, actor=actor)
    if removed is None:
        raise _unknown()
    flash(f"{removed.hostname or 'The device'} was removed with its inventory.", "success")
    return redirect(url_for("devices.index"))


@blueprint.post("/<uid>/dismiss-clone")
def dismiss_clone(uid: str) -> ResponseReturnValue:
    """Take the mark of a possible clone off a device."""
    actor, now = current_user.actor, current().clock.now()
    with writing() as session:
        devices.dismiss_clone(session, uid, at=now, actor=actor)
    flash("The mark was taken off.", "success")
    return redirect(url_for("devices.show", uid=uid))


def _of_the_agent(device: Device) -> dict[str, Any]:
    """Return what is shown of a device's identity and of its agent's log."""
    session = db.session()
    health = agent_logs.log_health(session, device.uid)
    newest = agent_logs.log_entries(session, health, page=1, page_size=_NEWEST_ENTRIES)
    return {
        "health": health,
        "newest_entries": newest.items,
        "certificates": device_certificates(session, device.id),
        "enrolled": enrolled_by(session, device),
    }


def _device(uid: str) -> Device:
    device = devices.find_device(db.session(), uid, details=True)
    if device is None:
        raise _unknown()
    return device


def _unknown() -> Problem:
    detail = "This device is not enrolled here, or was removed."
    return Problem(404, "unknown_device", "No such device", detail)


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
