"""flask secret rotate."""

from typing import TextIO

import click
from flask.cli import AppGroup

from sentari.extensions import current, db, writing
from sentari.operations.secret_rotation import LONGEST_SECRET, Rotation
from sentari.operations.standstill import OperationError, Standstill
from sentari.startup import schema
from serverkit.commands import CommandError, reports
from serverkit.schema import SchemaError

group = AppGroup("secret", help="The secret key.")


@group.command("rotate")
@click.option(
    "--new-key-file",
    "file",
    type=click.File(encoding="utf-8"),
    help="The file with the new key (- reads standard input), when SENTARI_SECRET_KEY is set.",
)
@reports(OperationError, SchemaError, OSError, UnicodeDecodeError)
def rotate(file: TextIO | None) -> None:
    """Put what is sealed under a new secret key; stop all servers first. Everybody is signed out.

    The license, the internal CA, API tokens and the agents' certificates stay good.
    """
    new = file.read(LONGEST_SECRET + 1).strip() if file else None
    settings, now = current().settings, current().clock.now()
    rotation = Rotation(settings.secret_key, settings.license_key, now)
    path = settings.secret_key_file
    with Standstill(now, current().licensing.pause).kept(db.engine, schema()):
        if path is not None:
            done = rotation.in_place(writing, path, new)
        elif new is not None:
            done = rotation.to(writing, new)
        else:
            raise CommandError(
                "SENTARI_SECRET_KEY is set: write the new key into a file and name it with "
                "--new-key-file"
            )
    if done.completed:
        click.echo("An earlier rotation had been interrupted, and is complete now.")
        return
    click.echo(f"{done.resealed} values were sealed anew, {done.sessions} sessions were ended.")
    if path is not None:
        click.echo(f"The new key is in {path}. Backups from before need the old one.")
    else:
        click.echo("Set SENTARI_SECRET_KEY to the new key, on all servers, before you start them.")
