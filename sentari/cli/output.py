"""How every command reports: one line on standard error and status 1 when it cannot."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import click
from sqlalchemy.exc import SQLAlchemyError

from serverkit.problems import Problem

P = ParamSpec("P")
R = TypeVar("R")


class CommandError(click.ClickException):
    """The command could not do it; printed as one line."""

    def show(self, file: Any = None) -> None:  # noqa: ARG002 - click's signature
        """Print the message without click's prefix."""
        click.echo(self.message, err=True)


def reports(*expected: type[Exception]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Turn the errors a command expects into one line and status 1."""

    def decorate(command: Callable[P, R]) -> Callable[P, R]:
        @wraps(command)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return command(*args, **kwargs)
            except Problem as problem:
                raise CommandError(problem.detail) from problem
            except SQLAlchemyError as error:
                reason = str(getattr(error, "orig", None) or error).splitlines()[0]
                raise CommandError(f"the database refused: {reason}") from error
            except expected as error:
                raise CommandError(" ".join(str(error).split())) from error

        return run

    return decorate


def print_json(value: object) -> None:
    """Print a value as indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
