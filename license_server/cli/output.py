"""How every command reports: one line on standard error and status 1 when it cannot."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import click
from sqlalchemy.exc import SQLAlchemyError

from license_server.errors import LicenseServerError
from serverkit.schema import SchemaError

P = ParamSpec("P")
R = TypeVar("R")


class CommandError(click.ClickException):
    """The command could not do it; printed as one line."""

    def show(self, file: Any = None) -> None:  # noqa: ARG002 - click's signature
        """Print the message without click's prefix."""
        click.echo(self.message, err=True)


def reports(command: Callable[P, R]) -> Callable[P, R]:
    """Turn what a command may run into into one line and status 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (LicenseServerError, SchemaError) as error:
            raise CommandError(" ".join(str(error).split())) from error
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            hint = "; is it migrated? flask --app license_server db upgrade"
            raise CommandError(f"the database refused: {reason}{hint}") from error

    return run


def print_json(value: object) -> None:
    """Print a value as indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
