"""flask backup and flask restore."""

import sys
from pathlib import Path
from typing import BinaryIO

import click
from flask.cli import with_appcontext

from sentari.extensions import current
from sentari.operations.backup import Backup, Place, new_file
from sentari.operations.restore import Restore
from sentari.operations.standstill import OperationError, Standstill
from sentari.startup import schema
from sentari.version import VERSION
from serverkit.commands import reports
from serverkit.schema import SchemaError

_PG_DUMP = (
    "use pg_dump, and keep SENTARI_SECRET_KEY with it (docs/operations.md, Backup and restore)"
)
_PG_RESTORE = "use pg_restore (docs/operations.md, Backup and restore)"


@click.command("backup")
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--without-key", is_flag=True, help="Leave out the secret key that the server made.")
@with_appcontext
@reports(OperationError, OSError)
def backup(output: Path, without_key: bool) -> None:
    """Write everything into one file, while the server runs; - writes to standard output.

    OUTPUT is a file that is not there yet, or a directory. Whoever has the file has the server's
    keys: keep it where nobody else can read it.
    """
    settings, now = current().settings, current().clock.now()
    job = Backup(
        Place.of(settings, _PG_DUMP), settings.secret_key, VERSION, now, with_key=not without_key
    )
    if str(output) == "-":
        job.write(sys.stdout.buffer)
        return
    if output.is_dir():
        output /= f"sentari-{now:%Y%m%dT%H%M%SZ}.backup"
    with new_file(output) as file:
        job.write(file)
    click.echo(f"The backup is in {output}.")
    if settings.secret_key_file is None or without_key:
        click.echo("It needs the present SENTARI_SECRET_KEY, which is not in it.")


@click.command("restore")
@click.argument("file", metavar="BACKUP", type=click.File("rb"))
@click.option("--force", is_flag=True, help="Put a database that is there aside.")
@with_appcontext
@reports(OperationError, SchemaError, OSError)
def restore(file: BinaryIO, force: bool) -> None:
    """Put a backup into its place; stop the server first. Everybody is signed out.

    BACKUP is a file; - reads standard input.
    The backup is checked as a whole before anything is touched, and nothing is deleted.
    """
    settings = current().settings
    place = Place.of(settings, _PG_RESTORE)
    still = Standstill(current().clock.now(), current().licensing.pause)
    job = Restore(place, settings.secret_key, schema(), still, force=force)
    done = job.run(file)
    click.echo(f"The server of {done.manifest.made_at} is back. Start it, and it checks in.")
    for kept in done.kept:
        click.echo(f"What was there before is in {kept}.")
