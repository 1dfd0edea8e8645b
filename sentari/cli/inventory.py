"""flask inventory export."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import click
from flask.cli import AppGroup

from sentari.extensions import current, db, writing
from sentari.inventory.devices import find_device
from sentari.inventory.exports import FORMATS, inventory_lines, note_export
from serverkit.commands import CommandError, reports

group = AppGroup("inventory", help="What is installed where.")


@group.command("export")
@click.option("--format", "form", type=click.Choice(FORMATS), default="csv", show_default=True)
@click.option("--device", "device_id", help="Only this device.")
@click.option("--output", type=click.Path(dir_okay=False), help="A file instead of the screen.")
@reports(OSError)
def export(form: str, device_id: str | None, output: str | None) -> None:
    """Write the inventory out as CSV or JSON."""
    if device_id is not None and find_device(db.session(), device_id) is None:
        raise CommandError(f"there is no device {device_id}")
    what = "inventory" if device_id is None else f"device {device_id}"
    with writing() as session:
        note_export(session, what, form, at=current().clock.now(), actor="cli")
    with _opened(output) as stream:
        stream.writelines(inventory_lines(db.session(), form, device_id))


@contextmanager
def _opened(path: str | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    with open(path, "w", encoding="utf-8", newline="") as stream:
        yield stream
