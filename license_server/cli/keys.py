"""flask keys init|rotate|add-root|retire-root|export-roots|list."""

from datetime import UTC, datetime
from pathlib import Path

import click
from flask.cli import AppGroup
from nacl.signing import SigningKey as PrivateKey
from sqlalchemy import select

from license_server.cli.output import CommandError, reports
from license_server.extensions import current, db, writing
from license_server.signing import ceremony, root_file
from license_server.signing.models import RootKey, SigningKey

group = AppGroup("keys", help="Root and signing keys.")

_root_file = click.option(
    "--root-file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    prompt="Root file",
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


@group.command("retire-root")
@click.option("--kid", required=True, help="Which root; see keys list.")
@click.option("--reason", required=True, help="Why, for the audit log.")
@reports
def retire_root(kid: str, reason: str) -> None:
    """Stop publishing a root and rotating with it: its file was lost or stolen."""
    with writing() as session:
        now = current().clock.now()
        ceremony.retire_root(session, kid, reason=reason, at=now, actor="cli")
    click.echo(f"Root {kid} is retired. Publish the roots again: keys export-roots.")


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
    """List roots, then signing keys, newest first, and what should be done about them."""
    session, now = db.session(), current().clock.now()
    for root in session.scalars(select(RootKey).order_by(RootKey.created_at.desc())):
        state = "published" if root.retired_at is None else f"retired {root.retired_at.date()}"
        click.echo(f"root\t{root.kid}\tsince {root.created_at.date()}\t{state}")
    for row in session.scalars(select(SigningKey).order_by(SigningKey.created_at.desc())):
        state = "signs" if row.superseded_at is None else "superseded"
        kept = "" if row.private_sealed else ", private half erased"
        days = f"{_day(row.not_before)} to {_day(row.expires)}"
        click.echo(f"key\t{row.kid}\t{days}\t{state}{kept}\troot {row.root_kid}")
    for warning in ceremony.key_warnings(session, now):
        click.echo(f"{warning.text} {warning.advice}", err=True)


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
