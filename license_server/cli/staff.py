"""flask staff create|create-token|revoke-token|disable|list."""

import sys

import click
from flask.cli import AppGroup
from sqlalchemy import select

from license_server.cli.output import CommandError, reports
from license_server.extensions import current, db, writing
from license_server.staff import service
from license_server.staff.models import Staff, StaffToken
from license_server.staff.roles import ROLES

group = AppGroup("staff", help="People at the vendor, and their tokens.")

_email = click.option("--email", required=True)


@group.command("create")
@_email
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option(
    "--password-stdin", is_flag=True, help="Read the password's line from standard input."
)
@reports
def create(email: str, role: str, password_stdin: bool) -> None:
    """Add a member of staff; without --password-stdin a password is made and printed."""
    password = _read_password() if password_stdin else service.generate_password()
    with writing() as session:
        now = current().clock.now()
        service.create_staff(
            session, email=email, password=password, role=role, at=now, actor="cli"
        )
    click.echo(f"{email} was added as {role}.")
    if not password_stdin:
        click.echo(f"Password: {password}")


@group.command("create-token")
@_email
@click.option("--name", required=True, help="What the token is for.")
@click.option("--expires-in-days", type=int)
@reports
def create_token(email: str, name: str, expires_in_days: int | None) -> None:
    """Make a token for the machine interface and print it, this once."""
    with writing() as session:
        token = service.create_token(
            session,
            service.find_staff(session, email),
            name=name,
            expires_in_days=expires_in_days,
            at=current().clock.now(),
            actor="cli",
        )
    click.echo(token)


@group.command("revoke-token")
@_email
@click.option("--hint", required=True, help="The token's last five characters.")
@reports
def revoke_token(email: str, hint: str) -> None:
    """Stop a token from working at once."""
    with writing() as session:
        person = service.find_staff(session, email)
        service.revoke_token(session, person, hint, at=current().clock.now(), actor="cli")
    click.echo("The token was revoked.")


@group.command("disable")
@_email
@reports
def disable(email: str) -> None:
    """Stop all of a person's tokens from working at once."""
    with writing() as session:
        person = service.find_staff(session, email)
        service.disable_staff(session, person, at=current().clock.now(), actor="cli")
    click.echo(f"{email} is disabled.")


@group.command("list")
@reports
def list_staff() -> None:
    """List staff and their live tokens."""
    session, now = db.session(), current().clock.now()
    for person in session.scalars(select(Staff).order_by(Staff.email)):
        state = "active" if person.disabled_at is None else "disabled"
        click.echo(f"{person.email}\t{person.role}\t{state}")
        query = select(StaffToken).where(StaffToken.staff_id == person.id).order_by(StaffToken.id)
        for token in session.scalars(query):
            if token.live(now):
                click.echo(f"  token …{token.hint}\t{token.name}")


def _read_password() -> str:
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise CommandError("there is no password on standard input")
    return line
