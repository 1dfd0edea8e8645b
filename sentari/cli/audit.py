"""flask audit verify|export."""

import click
from flask.cli import AppGroup

from sentari.audit import service
from sentari.cli.output import CommandError, print_json, reports
from sentari.extensions import db

group = AppGroup("audit", help="The audit log.")


@group.command("verify")
@click.option("--json", "as_json", is_flag=True)
@reports()
def verify(as_json: bool) -> None:
    """Walk the whole chain; status 1 when it does not hold."""
    verdict = service.verify(db.session())
    if as_json:
        print_json({"intact": verdict.intact, **vars(verdict)})
    if not verdict.intact:
        raise CommandError(f"the audit log is broken: {verdict.problem}")
    if not as_json:
        click.echo(f"The audit log is intact: {verdict.checked} entries, head {verdict.head}.")


@group.command("export")
@reports()
def export() -> None:
    """Print every event in order as one JSON line, hashes included."""
    for line in service.export_lines(db.session()):
        click.echo(line, nl=False)
