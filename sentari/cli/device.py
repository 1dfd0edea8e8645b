"""flask device list|remove."""

import click
from flask.cli import AppGroup

from sentari.extensions import current, db, writing
from sentari.inventory import devices
from sentari.inventory.filters import DeviceFilter, FilterError
from serverkit.commands import CommandError, print_json, reports

group = AppGroup("device", help="Enrolled devices.")


@group.command("list")
@click.option("--search", default="", help="Part of a host name, system or id.")
@click.option("--status", default="", help="active, silent, waiting, errors, warnings or clone.")
@click.option("--json", "as_json", is_flag=True)
@reports(FilterError)
def list_devices(search: str, status: str, as_json: bool) -> None:
    """List devices."""
    asked, now = DeviceFilter.parse({"search": search, "status": status}), current().clock.now()
    rows = [
        {
            "id": device.uid,
            "hostname": device.hostname,
            "status": devices.status_of(device, now),
            "packages": device.package_count,
            "last_scan_at": device.last_scan_at.isoformat() if device.last_scan_at else None,
        }
        for device in devices.every_device(db.session(), asked, now)
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo("\t".join("-" if value is None else str(value) for value in row.values()))


@group.command("remove")
@click.argument("device_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@reports()
def remove(device_id: str, yes: bool) -> None:
    """Remove a device with its inventory and history."""
    if not yes:
        click.confirm(f"Remove {device_id} with its inventory and history?", abort=True)
    with writing() as session:
        now = current().clock.now()
        removed = devices.remove_device(session, device_id, at=now, actor="cli")
    if removed is None:
        raise CommandError(f"there is no device {device_id}")
    click.echo(f"{removed.hostname} ({device_id}) was removed.")
