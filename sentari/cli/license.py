"""flask license status|install|check-in|request|remove|inspect|doctor."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from license_token.errors import LicenseTokenError
from license_token.reply import read_reply
from sentari.extensions import current, db
from sentari.licensing import service
from sentari.licensing.answer import CheckInError
from sentari.licensing.causes import explain
from sentari.licensing.details import read_details
from sentari.licensing.examination import examine
from sentari.licensing.exchange import check_in
from sentari.licensing.refusals import LicensingRefusedError
from sentari.licensing.report import admin_report, inspection_report
from sentari.licensing.state import Gate
from serverkit.commands import CommandError, print_json, reports

group = AppGroup("license", help="The license of this server.")

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_LONGEST_FILE = 64 * 1024
# 1 is an error and 2 a wrong call already.
_EXIT_CODES = {Gate.FULL: 0, Gate.READ_ONLY: 3, Gate.LOCKED: 4}


@group.command("status")
@_JSON
@click.option("--exit-code", is_flag=True, help="End with 3 when read-only, with 4 when locked.")
@reports()
def status(as_json: bool, exit_code: bool) -> None:
    """Show the license's state, its dates, limits and usage."""
    gate = _print_report(as_json)
    if exit_code and _EXIT_CODES[gate]:
        click.get_current_context().exit(_EXIT_CODES[gate])


@group.command("install")
@click.argument("key_or_file")
@_JSON
@reports()
def install(key_or_file: str, as_json: bool) -> None:
    """Install a license key, or the signed reply in a file (- reads standard input)."""
    _try(service.install, _given(key_or_file), via="cli")
    _print_report(as_json)


@group.command("check-in")
@_JSON
@reports()
def check_in_now(as_json: bool) -> None:
    """Check in with the license server now."""
    _try(check_in)
    _print_report(as_json)


@group.command("request")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it there.")
@reports(LicensingRefusedError, OSError)
def request_document(output: Path | None) -> None:
    """Print the request that is carried to the license server by hand."""
    text = service.request_file(current().licensing)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text)
        click.echo(f"The request is in {output}.")


@group.command("remove")
@click.option("--yes", is_flag=True, help="Do not ask.")
@reports(LicensingRefusedError)
def remove(yes: bool) -> None:
    """Remove the license with its keys; scans and changes are refused afterwards."""
    if not yes:
        click.confirm("Remove the license from this server?", abort=True)
    service.remove(current().licensing, actor="cli")
    click.echo("The license was removed.")


@group.command("inspect")
@click.argument("path", metavar="FILE")
@_JSON
@reports(LicenseTokenError)
def inspect(path: str, as_json: bool) -> None:
    """Verify the reply in FILE (- reads standard input) and show its terms; install nothing."""
    reply = read_reply(_read(path), current().licensing.trust.roots)
    report = inspection_report(reply)
    if as_json:
        print_json(report)
    else:
        _print_lines(report)


@group.command("doctor")
@_JSON
@reports(LicensingRefusedError)
def doctor(as_json: bool) -> None:
    """Walk the way to the license server and say at which step it breaks; change nothing.

    The text holds no key, password or document, so that it can be sent to support.
    """
    diagnosis = examine(current().licensing)
    if as_json:
        print_json(diagnosis.to_dict())
    else:
        click.echo(diagnosis.diagnostics(), nl=False)
    if diagnosis.broken is not None:
        raise CommandError(f"{diagnosis.summary} {diagnosis.broken.advice or ''}".strip())


def _try(action: Callable[..., None], *arguments: str, **options: str) -> None:
    try:
        action(current().licensing, *arguments, actor="cli", **options)
    except CheckInError as error:
        words = explain(error.cause)
        raise CommandError(f"{words.title}: {error.detail} {words.advice}") from error
    except (LicenseTokenError, LicensingRefusedError) as error:
        raise CommandError(str(error)) from error


def _given(key_or_file: str) -> str:
    """Return a key as it is typed, or the content of the file that the argument names."""
    return _read(key_or_file) if key_or_file == "-" or _is_file(key_or_file) else key_or_file


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except OSError:
        return False  # A whole reply is longer than any file name.


def _read(path: str) -> str:
    try:
        with click.open_file(path, encoding="utf-8") as file:
            text: str = file.read(_LONGEST_FILE + 1)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not a text file") from error
    if len(text) > _LONGEST_FILE:
        raise CommandError(f"{path} is longer than {_LONGEST_FILE:,} characters")
    return text


def _print_report(as_json: bool) -> Gate:
    licensing = current().licensing
    found = licensing.snapshot.refresh()
    report = admin_report(found, read_details(db.session(), licensing, found))
    if as_json:
        print_json(report)
    else:
        _print_lines(report)
    return found.gate


def _print_lines(report: dict[str, Any]) -> None:
    for name, value in report.items():
        if value is not None and value != []:
            click.echo(f"{name.replace('_', ' ')}: {_line(value)}")


def _line(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    if isinstance(value, list):
        return "; ".join(str(item["text"]) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
