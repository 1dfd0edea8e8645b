"""flask staff create|reset-password|reset-totp|set-role|disable|enable|list, and their tokens."""

from functools import partial

import click
from flask.cli import AppGroup

from license_server.cli.output import read_password, reports
from license_server.extensions import current, db, writing
from license_server.staff import service, tokens
from license_server.staff.roles import ROLES
from license_server.staff.service import StaffChange
from serverkit.commands import password_stdin_option

group = AppGroup("staff", help="People at the vendor, and their tokens.")

_email = click.option("--email", required=True)
_role = click.option("--role", type=click.Choice(ROLES), required=True)


@group.command("create")
@_email
@_role
@password_stdin_option
@reports
def create(email: str, role: str, password_stdin: bool) -> None:
    """Add a member of staff; without --password-stdin a password is made and printed."""
    password, made = read_password(from_stdin=password_stdin)
    with writing() as session:
        now = current().clock.now()
        service.create_staff(
            session,
            email=email,
            password=password,
            role=role,
            at=now,
            actor="cli",
            temporary=made,
        )
    click.echo(f"{email} was added as {role}.")
    _print_password(password, made)


@group.command("reset-password")
@_email
@password_stdin_option
@reports
def reset_password(email: str, password_stdin: bool) -> None:
    """Set a new password and end the sessions; without --password-stdin one is made."""
    password, made = read_password(from_stdin=password_stdin)
    with writing() as session:
        person = service.find_staff(session, email)
        now = current().clock.now()
        service.reset_password(session, person, password, temporary=made, at=now, actor="cli")
    click.echo(f"The password of {email} was changed.")
    _print_password(password, made)


def _print_password(password: str, made: bool) -> None:
    if made:
        click.echo("This password must be changed at the first sign-in.")
        click.echo(f"Password: {password}")


def _change(email: str, change: StaffChange, done: str) -> None:
    with writing() as session:
        person = service.find_staff(session, email)
        change(session, person, at=current().clock.now(), actor="cli")
    click.echo(done)


@group.command("reset-totp")
@_email
@reports
def reset_totp(email: str) -> None:
    """Forget a lost second factor; a new one is set up at the next sign-in."""
    _change(email, service.reset_totp, f"{email} sets up a new second factor at the next sign-in.")


@group.command("disable")
@_email
@reports
def disable(email: str) -> None:
    """End all of a person's sessions and tokens at once."""
    _change(email, service.disable_staff, f"{email} is disabled.")


@group.command("enable")
@_email
@reports
def enable(email: str) -> None:
    """Let a disabled person sign in again."""
    _change(email, service.enable_staff, f"{email} may sign in again.")


@group.command("set-role")
@_email
@_role
@reports
def set_role(email: str, role: str) -> None:
    """Give a person another role."""
    _change(email, partial(service.set_role, role=role), f"{email} has the role {role}.")


@group.command("create-token")
@_email
@click.option("--name", required=True, help="What the token is for.")
@click.option("--expires-in-days", type=int)
@reports
def create_token(email: str, name: str, expires_in_days: int | None) -> None:
    """Make a token for the machine interface and print it, this once."""
    with writing() as session:
        token = tokens.create_token(
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
        tokens.revoke_token(session, person, hint, at=current().clock.now(), actor="cli")
    click.echo("The token was revoked.")


@group.command("list")
@reports
def list_staff() -> None:
    """List staff and their live tokens."""
    session, now = db.session(), current().clock.now()
    for person in service.list_staff(session):
        state = "active" if person.disabled_at is None else "disabled"
        factor = "second factor" if person.totp_sealed else "no second factor yet"
        click.echo(f"{person.email}\t{person.role}\t{state}\t{factor}")
        for token in tokens.live_tokens(session, person.id, now):
            click.echo(f"  token …{token.hint}\t{token.name}")
