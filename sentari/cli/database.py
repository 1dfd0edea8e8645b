"""flask db upgrade."""

import click
from flask.cli import AppGroup

from sentari.extensions import db
from sentari.startup import schema
from serverkit.commands import reports
from serverkit.schema import SchemaError

group = AppGroup("db", help="The database.")


@group.command("upgrade")
@reports(SchemaError)
def upgrade() -> None:
    """Bring the database to this version's schema."""
    schema().upgrade(db.engine)
    click.echo(f"The database has schema {schema().expected}.")
