"""flask db upgrade."""

import click
from flask.cli import AppGroup

from license_server.cli.output import reports
from license_server.extensions import db
from license_server.startup import schema

group = AppGroup("db", help="The database.")


@group.command("upgrade")
@reports
def upgrade() -> None:
    """Bring the database to this version's schema."""
    schema().upgrade(db.engine)
    click.echo(f"The database has schema {schema().expected}.")
