"""flask ca show-fingerprint|export."""

from pathlib import Path

import click
from cryptography import x509
from flask.cli import AppGroup

from sentari.agents.authority import certificate_pem, fingerprint
from sentari.extensions import current, db
from sentari.startup_tls import TlsError, served_fingerprint
from serverkit.commands import CommandError, print_json, reports

group = AppGroup("ca", help="The internal CA and the server's own certificate.")


@group.command("show-fingerprint")
@click.option("--json", "as_json", is_flag=True)
@reports(TlsError)
def show_fingerprint(as_json: bool) -> None:
    """Print the SHA-256 of the certificate that this server serves, which agents pin when they
    enroll, and of the internal CA."""
    found = {"server": served_fingerprint(current().settings), "ca": fingerprint(_ca())}
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        click.echo(f"{name}\t{value or 'TLS is not served here: ask the terminator in front'}")


@group.command("export")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write a file.")
@reports(OSError)
def export(output: Path | None) -> None:
    """Print the internal CA's certificate as PEM, for a terminator that is to know it."""
    pem = certificate_pem(_ca())
    if output is None:
        click.echo(pem, nl=False)
        return
    output.write_text(pem)
    click.echo(f"written to {output}")


def _ca() -> x509.Certificate:
    certificate = current().authorities.certificate(db.session())
    if certificate is None:
        raise CommandError("there is no CA yet: the server makes it when it starts")
    return certificate
