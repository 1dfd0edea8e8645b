"""flask demo load|remove."""

from collections.abc import Sequence
from datetime import datetime

import click
from flask.cli import AppGroup

from sentari.demo import service
from sentari.demo.service import DemoError, Loaded
from sentari.extensions import current, db, writing
from serverkit.commands import reports

group = AppGroup("demo", help="A fleet to look around with.")


@group.command("load")
@click.option(
    "--devices",
    type=click.IntRange(1, service.MOST_DEVICES),
    default=40,
    show_default=True,
    help="How many machines.",
)
@reports(DemoError)
def load(devices: int) -> None:
    """Fill an empty house with machines that look real, with four weeks of history.

    Run it again to let them report anew, or with more devices to add some.
    """
    sentari = current()
    now, status = sentari.clock.now(), sentari.licensing.snapshot.refresh()
    machines = service.check_house(db.session(), devices, status)
    done: list[Loaded] = []
    try:
        for machine in machines:
            # One at a time: the server may be running, and its writers wait for seconds only.
            with writing() as session:
                done.append(service.load_machine(session, machine, now=now, license_status=status))
    finally:
        _note(done, now)
    added, scans = _sums(done)
    click.echo(f"Demo devices added: {added:,}; scans taken in: {scans:,}.")


def _note(done: Sequence[Loaded], now: datetime) -> None:
    """Write down what was loaded, also when the license's limits ended it early."""
    added, scans = _sums(done)
    if added or scans:
        with writing() as session:
            service.note_loaded(session, devices=added, scans=scans, at=now, actor="cli")


def _sums(done: Sequence[Loaded]) -> tuple[int, int]:
    return sum(each.is_new for each in done), sum(each.scans for each in done)


@group.command("remove")
@click.option("--yes", is_flag=True, help="Do not ask.")
@reports()
def remove(yes: bool) -> None:
    """Remove the demo's devices, with their inventory and history."""
    if not yes:
        click.confirm("Remove every device of the demo with its history?", abort=True)
    removed, now = 0, current().clock.now()
    while True:
        with writing() as session:
            some = service.remove_some(session, at=now, actor="cli")
        if not some:
            break
        removed += some
    click.echo(f"Demo devices removed: {removed:,}.")
