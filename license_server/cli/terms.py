"""The options that give a license's terms on the command line."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, TypeVar

import click

from license_token.errors import LicenseTokenError
from license_token.fields import read_date

Command = TypeVar("Command", bound=Callable[..., Any])

UNLIMITED = "unlimited"
LONGEST_CAP = 16
LONGEST_TERM_DAYS = 36_500
_CAP = f"A whole number, or: {UNLIMITED}."


def _day(_context: click.Context, _option: click.Parameter, value: str | None) -> date | None:
    try:
        return None if value is None else read_date(value, "the date")
    except LicenseTokenError as error:
        raise click.BadParameter(str(error)) from error


def _cap(_context: click.Context, _option: click.Parameter, value: str | None) -> int | str | None:
    if value is None or value == UNLIMITED:
        return value
    if value.isascii() and value.isdigit() and len(value) <= LONGEST_CAP:
        return int(value)
    raise click.BadParameter(f"give a whole number, or: {UNLIMITED}")


def _options(*, new: bool) -> list[Callable[[Command], Command]]:
    def default(value: Any) -> dict[str, Any]:
        return {"default": value, "show_default": True} if new else {}

    return [
        click.option("--tier", required=new),
        click.option("--expires-at", callback=_day, help="First day not licensed, YYYY-MM-DD."),
        click.option(
            "--term-days", type=click.IntRange(0, LONGEST_TERM_DAYS), help="Or: days from today."
        ),
        click.option("--max-devices", callback=_cap, required=new, help=_CAP),
        click.option("--max-packages", callback=_cap, required=new, help=_CAP),
        click.option("--grace-period-days", type=int, **default(14)),
        click.option("--read-only-period-days", type=int, **default(30)),
        click.option("--max-offline-days", type=int, **default(1)),
        click.option("--max-activations", type=int, **default(1)),
        click.option("--airgap/--no-airgap", default=None, help="The air-gap tier."),
        click.option(
            "--airgap-addendum-signed-at", callback=_day, help="When the addendum was signed."
        ),
        click.option("--contract-reference", default="" if new else None),
    ]


def new_terms_options(command: Command) -> Command:
    """Add the options of a new license: what has no default must be given."""
    for option in reversed(_options(new=True)):
        command = option(command)
    return command


def terms_options(command: Command) -> Command:
    """Add the options of a change: what is not given stays as it is."""
    for option in reversed(_options(new=False)):
        command = option(command)
    return command


def read_terms(given: dict[str, Any], *, today: date, new: bool) -> dict[str, Any]:
    """Return the terms in the options: `unlimited` caps as None, and one date of expiry."""
    term_days, expires_at = given.pop("term_days"), given["expires_at"]
    if term_days is not None and expires_at is not None:
        raise click.UsageError("give --expires-at or --term-days, not both")
    if new and term_days is None and expires_at is None:
        raise click.UsageError("give --expires-at or --term-days")
    if term_days is not None:
        given["expires_at"] = today + timedelta(days=term_days)
    if new and given["airgap"] is None:
        given["airgap"] = given["airgap_addendum_signed_at"] is not None
    kept = given if new else {name: value for name, value in given.items() if value is not None}
    return {name: None if value == UNLIMITED else value for name, value in kept.items()}
