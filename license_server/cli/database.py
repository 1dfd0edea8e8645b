"""flask db upgrade|after-restore."""

import click
from flask.cli import AppGroup

from license_server.activations.restoration import note_restoration
from license_server.cli.output import reports
from license_server.extensions import current, db, writing
from license_server.startup import schema

group = AppGroup("db", help="The database.")


@group.command("upgrade")
@reports
def upgrade() -> None:
    """Bring the database to this version's schema."""
    schema().upgrade(db.engine)
    click.echo(f"The database has schema {schema().expected}.")


@group.command("after-restore")
@click.option("--reason", required=True, help="Why, for the audit log.")
@reports
def after_restore(reason: str) -> None:
    """Number replies past those that a restored backup does not know of."""
    schema().upgrade(db.engine)  # the backup may be of an earlier version
    with writing() as session:
        now = current().clock.now()
        count = note_restoration(session, reason=reason, at=now, actor="cli")
    servers = "1 server goes" if count == 1 else f"{count} servers go"
    click.echo(f"The replies to {servers} on above the lost numbers. Expect findings to look at.")
