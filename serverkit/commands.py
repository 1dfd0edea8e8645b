"""How every command reports: one line on standard error and status 1 when it cannot."""

import json
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import click
from sqlalchemy.exc import SQLAlchemyError

from serverkit.passwords import generate_password
from serverkit.problems import Problem

P = ParamSpec("P")
R = TypeVar("R")


class CommandError(click.ClickException):
    """The command could not do it; printed as one line."""

    def show(self, file: Any = None) -> None:  # noqa: ARG002 - click's signature
        """Print the message without click's prefix."""
        click.echo(self.message, err=True)


def reports(
    *expected: type[Exception], database_hint: str = ""
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Turn the errors a command expects into one line and status 1.

    `database_hint` follows what the database said.
    """

    def decorate(command: Callable[P, R]) -> Callable[P, R]:
        @wraps(command)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return command(*args, **kwargs)
            except Problem as problem:
                raise CommandError(problem.detail) from problem
            except SQLAlchemyError as error:
                reason = str(getattr(error, "orig", None) or error).splitlines()[0]
                raise CommandError(f"the database refused: {reason}{database_hint}") from error
            except expected as error:
                raise CommandError(" ".join(str(error).split())) from error

        return run

    return decorate


def print_json(value: object) -> None:
    """Print a value as indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


password_stdin_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password's line from standard input."
)


def read_password(*, from_stdin: bool) -> tuple[str, bool]:
    """Return a password and whether it was made up here, because none was to be read."""
    if not from_stdin:
        return generate_password(), True
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise CommandError("there is no password on standard input")
    return line, False
