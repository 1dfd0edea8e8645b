"""flask user create|disable|reset-password|list."""

import click
from flask.cli import AppGroup

from sentari.accounts import service
from sentari.accounts.models import ROLES
from sentari.accounts.service import AccountError
from sentari.extensions import current, db, writing
from serverkit.commands import (
    password_stdin_option,
    print_json,
    read_password,
    reports,
)
from serverkit.passwords import PasswordRefusedError

group = AppGroup("user", help="People who sign in.")


@group.command("create")
@click.option("--email", required=True)
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True)
@password_stdin_option
@reports(AccountError, PasswordRefusedError)
def create(email: str, role: str, password_stdin: bool) -> None:
    """Add a user; without --password-stdin a password is made and printed."""
    password, made = read_password(from_stdin=password_stdin)
    with writing() as session:
        now = current().clock.now()
        service.create_user(session, email=email, password=password, role=role, at=now, actor="cli")
    click.echo(f"{email} was added as {role}.")
    if made:
        click.echo(f"Password: {password}")


@group.command("disable")
@click.argument("email")
@reports(AccountError)
def disable(email: str) -> None:
    """Disable a user and end the sessions at once."""
    with writing() as session:
        user = service.find_user(session, email)
        service.disable_user(session, user, at=current().clock.now(), actor="cli")
    click.echo(f"{email} is disabled.")


@group.command("reset-password")
@click.argument("email")
@password_stdin_option
@reports(AccountError, PasswordRefusedError)
def reset_password(email: str, password_stdin: bool) -> None:
    """Set a new password; without --password-stdin one is made and printed."""
    password, made = read_password(from_stdin=password_stdin)
    with writing() as session:
        user = service.find_user(session, email)
        service.reset_password(session, user, password, at=current().clock.now(), actor="cli")
    click.echo(f"The password of {email} was changed.")
    if made:
        click.echo(f"Password: {password}")


@group.command("list")
@click.option("--json", "as_json", is_flag=True)
@reports()
def print_users(as_json: bool) -> None:
    """List users."""
    users = [
        {"email": user.email, "role": user.role, "disabled": user.disabled_at is not None}
        for user in service.list_users(db.session())
    ]
    if as_json:
        print_json(users)
        return
    for user in users:
        state = "disabled" if user["disabled"] else "active"
        click.echo(f"{user['email']}\t{user['role']}\t{state}")
