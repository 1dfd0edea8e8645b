"""flask keys init|rotate|add-root|export-roots|list."""

from datetime import UTC, datetime
from pathlib import Path

import click
from flask.cli import AppGroup
from nacl.signing import SigningKey as PrivateKey
from sqlalchemy import select

from license_server.cli.output import CommandError, reports
from license_server.extensions import current, db, writing
from license_server.signing import ceremony, root_file
from license_server.signing.models import SigningKey

group = AppGroup("keys", help="Root and signing keys.")

_root_file = click.option(
    "--root-file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The root key's encrypted file; keep it away from this machine.",
)
_passphrase_file = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Read the passphrase from this file's first line instead of asking for it.",
)


def _passphrase(path: Path | None, *, confirm: bool) -> str:
    if path is None:
        answer: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm)
        return answer
    try:
        with path.open(encoding="utf-8") as file:
            return file.readline(root_file.LONGEST_PASSPHRASE + 2).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read as text") from error


@group.command("init")
@_root_file
@_passphrase_file
@click.option("--if-needed", is_flag=True, help="Do nothing when there are keys already.")
@reports
def init(root_file: Path, passphrase_file: Path | None, if_needed: bool) -> None:
    """Make the root, its file, and the first signing key."""
    if ceremony.has_roots(db.session()):
        if if_needed:
            click.echo("There are keys already.")
            return
        raise CommandError("there are keys already: use keys rotate, or keys add-root for a spare")
    root = _new_root(root_file, passphrase_file)
    server = current()
    now = server.clock.now()
    with writing() as session:
        ceremony.register_root(session, root, at=now, actor="cli")
        row = ceremony.make_signing_key(session, root, server.keyring, at=now, actor="cli")
        kid, expires = row.kid, row.expires
    click.echo(f"The root key is in {root_file}: carry it away, and its passphrase elsewhere.")
    click.echo(f"Signing key {kid} is valid until {_day(expires)}.")


@group.command("add-root")
@_root_file
@_passphrase_file
@reports
def add_root(root_file: Path, passphrase_file: Path | None) -> None:
    """Make a spare root and its file, for servers to pin beside the first."""
    root = _new_root(root_file, passphrase_file)
    with writing() as session:
        now = current().clock.now()
        kid = ceremony.register_root(session, root, at=now, actor="cli").kid
    click.echo(f"Root {kid} is in {root_file}. Publish the roots again: keys export-roots.")


@group.command("rotate")
@_root_file
@_passphrase_file
@reports
def rotate(root_file: Path, passphrase_file: Path | None) -> None:
    """Make the next signing key; replies are signed with it from now on."""
    root = _open_root(root_file, passphrase_file)
    server = current()
    with writing() as session:
        row = ceremony.make_signing_key(
            session, root, server.keyring, at=server.clock.now(), actor="cli"
        )
        kid, expires = row.kid, row.expires
    click.echo(f"Signing key {kid} is valid until {_day(expires)}.")


@group.command("export-roots")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@reports
def export_roots(output: Path | None) -> None:
    """Write the JWK Set of roots that servers pin, to a file or to standard output."""
    roots = ceremony.root_set(db.session())
    if not roots:
        raise CommandError("there is no root yet: keys init")
    if output is None or str(output) == "-":
        click.echo(roots.to_json())
        return
    try:
        output.write_text(roots.to_json() + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror}") from error


@group.command("list")
@reports
def list_keys() -> None:
    """List signing keys, newest first."""
    for row in db.session().scalars(select(SigningKey).order_by(SigningKey.created_at.desc())):
        state = "signs" if row.superseded_at is None else "superseded"
        kept = "" if row.private_sealed else ", private half erased"
        days = f"{_day(row.not_before)} to {_day(row.expires)}"
        click.echo(f"{row.kid}\t{days}\t{state}{kept}\troot {row.root_kid}")


def _new_root(path: Path, passphrase_file: Path | None) -> PrivateKey:
    passphrase = _passphrase(passphrase_file, confirm=True)
    root = PrivateKey.generate()
    root_file.write_root_file(path, root_file.seal_root(root, passphrase))
    return root


def _open_root(path: Path, passphrase_file: Path | None) -> PrivateKey:
    text = root_file.read_root_file(path)
    return root_file.open_root(text, _passphrase(passphrase_file, confirm=False))


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
