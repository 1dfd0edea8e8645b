"""flask outbox send|notices|list|retry|cancel."""

import click
from flask.cli import AppGroup
from sqlalchemy import select

from license_server.acting import act_of, deliver_mails, queue_notices, send_mails
from license_server.cli.output import CommandError, reports
from license_server.extensions import db, writing
from license_server.outbox import acts
from license_server.outbox.models import FAILED, SENT, STATES, OutboxMail
from license_server.outbox.service import PUT_OFF

group = AppGroup("outbox", help="Mails to customers.")


@group.command("send")
@reports
def send() -> None:
    """Deliver the mails that are due; status 1 when some were not."""
    run = send_mails()
    put_off, failed = run.total(PUT_OFF), run.total(FAILED)
    click.echo(f"{run.total(SENT)} sent, {put_off} put off, {failed} failed.")
    if put_off or failed:
        rest = " The mail server did not take mails at all; the others wait." * run.stalled
        raise CommandError(f"some mails were not delivered, see: outbox list.{rest}")


@group.command("notices")
@reports
def notices() -> None:
    """Queue the notices of expiries and silent servers that are due."""
    click.echo(f"{queue_notices()} queued.")
    deliver_mails()


@group.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only mails in this state.")
@reports
def list_mails(state: str | None) -> None:
    """List the newest hundred mails, newest first."""
    query = select(OutboxMail).order_by(OutboxMail.created_at.desc()).limit(100)
    if state is not None:
        query = query.where(OutboxMail.state == state)
    for row in db.session().scalars(query):
        error = f"\t{row.last_error}" if row.last_error else ""
        click.echo(
            f"{row.id}\t{row.created_at:%Y-%m-%d %H:%M}\t{row.state}\t{row.recipient}"
            f"\t{row.subject}{error}"
        )


@group.command("retry")
@click.argument("mail_id")
@reports
def retry(mail_id: str) -> None:
    """Try a waiting or failed mail at once, to the customer's present address."""
    with writing() as session:
        mail = acts.retry(session, mail_id, act=act_of("cli"))
        click.echo(f"The mail to {mail.recipient} is due now.")
    deliver_mails()


@group.command("cancel")
@click.argument("mail_id")
@reports
def cancel(mail_id: str) -> None:
    """Never send a mail that waits or has failed."""
    with writing() as session:
        acts.cancel(session, mail_id, act=act_of("cli"))
    click.echo("The mail is cancelled.")
