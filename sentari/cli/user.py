"""flask user create|disable|enable|set-role|reset-password|list."""

from functools import partial

import click
from flask.cli import AppGroup

from sentari.accounts import administration, service
from sentari.accounts.administration import UserChange
from sentari.accounts.models import ROLES, User
from sentari.accounts.service import AccountError
from sentari.extensions import current, db, writing
from serverkit.commands import (
    CommandError,
    password_stdin_option,
    print_json,
    read_password,
    reports,
)
from serverkit.passwords import PasswordRefusedError

group = AppGroup("user", help="People who sign in.")

_role = click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True)
_one_time = click.option(
    "--one-time",
    is_flag=True,
    help="Make a one-time password: for three days, and only to choose another one.",
)


@group.command("create")
@click.option("--email", required=True)
@_role
@password_stdin_option
@_one_time
@reports(AccountError, PasswordRefusedError)
def create(email: str, role: str, password_stdin: bool, one_time: bool) -> None:
    """Add a user; without --password-stdin a password is made and printed."""
    password, made = _password(password_stdin, one_time)
    with writing() as session:
        now = current().clock.now()
        service.create_user(
            session, email=email, password=password, role=role, at=now, actor="cli",
            one_time=one_time,
        )  # fmt: skip
    click.echo(f"{email} was added as {role}.")
    _print(password, made, one_time)


@group.command("reset-password")
@click.argument("email")
@password_stdin_option
@_one_time
@reports(AccountError, PasswordRefusedError)
def reset_password(email: str, password_stdin: bool, one_time: bool) -> None:
    """Set a new password and end the sessions; without --password-stdin one is made."""
    password, made = _password(password_stdin, one_time)
    change = partial(administration.reset_password, password=password, one_time=one_time)
    _change(email, change, f"The password of {email} was changed.")
    _print(password, made, one_time)


@group.command("disable")
@click.argument("email")
@reports(AccountError)
def disable(email: str) -> None:
    """Disable a user and end the sessions at once."""
    _change(email, administration.disable_user, f"{email} is disabled.")


@group.command("enable")
@click.argument("email")
@reports(AccountError)
def enable(email: str) -> None:
    """Let a disabled user sign in again."""
    _change(email, administration.enable_user, f"{email} may sign in again.")


@group.command("set-role")
@click.argument("email")
@click.option("--role", type=click.Choice(ROLES), required=True)
@reports(AccountError)
def set_role(email: str, role: str) -> None:
    """Give a user another role."""
    change = partial(administration.set_role, role=role)
    _change(email, change, f"{email} has the role {role}.")


@group.command("list")
@click.option("--json", "as_json", is_flag=True)
@reports()
def print_users(as_json: bool) -> None:
    """List users."""
    users = service.list_users(db.session())
    if as_json:
        print_json([_item(user) for user in users])
        return
    for user in users:
        click.echo(f"{user.email}\t{user.role}\t{user.state}")


def _item(user: User) -> dict[str, object]:
    return {
        "email": user.email,
        "role": user.role,
        "state": user.state,
        "disabled": user.disabled_at is not None,
        "last_login_at": user.last_login_at and user.last_login_at.isoformat(),
        "one_time_until": user.one_time_until and user.one_time_until.isoformat(),
    }


def _password(from_stdin: bool, one_time: bool) -> tuple[str, bool]:
    if from_stdin and one_time:
        raise CommandError("a one-time password is made here: leave out --password-stdin")
    return read_password(from_stdin=from_stdin)


def _print(password: str, made: bool, one_time: bool) -> None:
    if one_time:
        hours = service.ONE_TIME_LIFETIME.total_seconds() / 3600
        click.echo(f"Within {hours:g} hours it opens nothing but the choice of another one.")
    if made:
        click.echo(f"Password: {password}")


def _change(email: str, change: UserChange, done: str) -> None:
    with writing() as session:
        user = service.find_user(session, email)
        change(session, user, at=current().clock.now(), actor="cli")
    click.echo(done)
