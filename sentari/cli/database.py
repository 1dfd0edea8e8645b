"""flask db upgrade|copy."""

import sys

import click
from flask.cli import AppGroup

from sentari.extensions import current, db
from sentari.operations.database_copy import Copying, copy_database
from sentari.operations.standstill import OperationError, Standstill
from sentari.startup import schema
from serverkit.commands import reports
from serverkit.copying import CopyError
from serverkit.schema import SchemaError

group = AppGroup("db", help="The database.")


@group.command("upgrade")
@reports(SchemaError)
def upgrade() -> None:
    """Bring the database to this version's schema."""
    schema().upgrade(db.engine)
    click.echo(f"The database has schema {schema().expected}.")


@group.command("copy")
@click.option(
    "--to", "url", required=True, metavar="URL", help="The empty target; - reads standard input."
)
@reports(CopyError, OperationError, SchemaError)
def copy(url: str) -> None:
    """Copy everything into another database, and compare it row by row; stop all servers first.

    The target keeps the secret key: start servers on it with the present SENTARI_SECRET_KEY.
    """
    target = sys.stdin.readline().strip() if url == "-" else url
    still = Standstill(current().clock.now(), current().licensing.pause)
    job = Copying(db.metadata, schema(), still, lambda line: click.echo(line, err=True))
    for table in copy_database(db.engine, target, job):
        click.echo(f"{table.table}\t{table.rows}\t{table.digest}")
    click.echo("Every row was read back and is the same. The old database is as it was.")
