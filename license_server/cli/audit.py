"""flask audit verify."""

import click
from flask.cli import AppGroup

from license_server.audit import audit_log
from license_server.cli.output import CommandError, reports
from license_server.extensions import db

group = AppGroup("audit", help="The audit log.")


@group.command("verify")
@reports
def verify() -> None:
    """Walk the whole chain; status 1 when it does not hold."""
    verdict = audit_log.verify(db.session())
    if not verdict.intact:
        raise CommandError(f"the audit log is broken: {verdict.problem}")
    click.echo(f"The audit log is intact: {verdict.checked} entries, head {verdict.head}.")
