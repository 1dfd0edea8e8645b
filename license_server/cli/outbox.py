"""flask outbox send|list."""

import click
from flask.cli import AppGroup
from sqlalchemy import select

from license_server.cli.output import CommandError, reports
from license_server.extensions import current, db, writing
from license_server.outbox.models import OutboxMail
from license_server.outbox.service import send_due

group = AppGroup("outbox", help="Mails to customers.")


@group.command("send")
@reports
def send() -> None:
    """Deliver the mails that are due; status 1 when some were not."""
    server = current()
    sent, failed = send_due(writing, server.transport, key=server.mail_key, clock=server.clock)
    click.echo(f"{sent} sent, {failed} failed.")
    if failed:
        raise CommandError("some mails were not delivered and will be tried again: outbox list")


@group.command("list")
@reports
def list_mails() -> None:
    """List the newest hundred mails, newest first."""
    query = select(OutboxMail).order_by(OutboxMail.created_at.desc()).limit(100)
    for row in db.session().scalars(query):
        error = f"\t{row.last_error}" if row.last_error else ""
        click.echo(
            f"{row.created_at:%Y-%m-%d %H:%M}\t{row.state}\t{row.recipient}\t{row.subject}{error}"
        )
