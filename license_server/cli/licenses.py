"""flask license issue|renew|approve|suspend|reinstate|revoke|rekey|list|show."""

from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from license_server import representations
from license_server.acting import act_of, deliver_mails
from license_server.cli.output import CommandError, print_json, reports
from license_server.cli.terms import new_terms_options, read_terms, terms_options
from license_server.customers.service import get_customer
from license_server.extensions import current, db, writing
from license_server.licenses import service, store
from license_server.rules import Action, Terms
from license_server.staff.roles import APPROVER
from license_server.staff.service import check_role
from license_server.staff.tokens import authenticate

group = AppGroup("license", help="Licenses: issue and change them.")

_json = click.option("--json", "as_json", is_flag=True)
_reason = click.option("--reason", required=True, help="Why: it stands in the audit log.")


@group.command("issue")
@click.option("--customer", required=True, help="The customer's id.")
@new_terms_options
@click.option("--reason", default="issued", show_default=True)
@_json
@reports
def issue(customer: str, reason: str, as_json: bool, **terms: Any) -> None:
    """Issue a license; its key is printed this once, and mailed."""
    act = act_of("cli")
    given = Terms(**read_terms(terms, today=act.today, new=True))
    with writing() as session:
        buyer = get_customer(session, customer)
        issued = service.issue(session, buyer, given, reason=reason, act=act)
        body = representations.license_summary(session, issued.license)
    deliver_mails()
    _print_key({**body, "license_key": issued.key.text}, as_json)


@group.command("rekey")
@click.argument("license_id")
@_reason
@_json
@reports
def rekey(license_id: str, reason: str, as_json: bool) -> None:
    """Replace a license's key; the new one is printed this once, and mailed."""
    with writing() as session:
        issued = service.rekey(session, license_id, reason=reason, act=act_of("cli"))
        body = representations.license_summary(session, issued.license)
    deliver_mails()
    _print_key({**body, "license_key": issued.key.text}, as_json)


def _print_key(body: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(body)
        return
    click.echo(f"License:  {body['id']}")
    click.echo(f"Approval: {body['approval'].replace('_', ' ')}")
    click.echo(f"Key:      {body['license_key']}")


@group.command("renew")
@click.argument("license_id")
@terms_options
@_reason
@_json
@reports
def renew(license_id: str, reason: str, as_json: bool, **terms: Any) -> None:
    """Change terms; servers get them at their next check-in. What is not given stays."""
    act = act_of("cli")
    changes = read_terms(terms, today=act.today, new=False)
    with writing() as session:
        service.change_terms(session, license_id, changes, reason=reason, act=act)
    deliver_mails()
    _show(license_id, as_json)


@group.command("approve")
@click.argument("license_id")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Read the approver's token from this file instead of asking for it.",
)
@_json
@reports
def approve(license_id: str, token_file: Path | None, as_json: bool) -> None:
    """Approve the newest terms. The second person proves to be one by their own token."""
    token = token_file.read_text().strip() if token_file else click.prompt("Token", hide_input=True)
    person = authenticate(db.session(), token, current().clock.now())
    if person is None:
        raise CommandError("this is nobody's live staff token")
    check_role(person.role, APPROVER, who=person.email)
    actor = person.actor
    with writing() as session:
        service.approve(session, license_id, act=act_of(actor))
    deliver_mails()
    _show(license_id, as_json)


def _status_command(name: str, action: Action, help_text: str) -> None:
    @group.command(name, help=help_text)
    @click.argument("license_id")
    @_reason
    @_json
    @reports
    def command(license_id: str, reason: str, as_json: bool) -> None:
        with writing() as session:
            service.change_status(session, license_id, action, reason=reason, act=act_of("cli"))
        _show(license_id, as_json)


_status_command("suspend", Action.SUSPEND, "Make servers read-only at their next check-in.")
_status_command("reinstate", Action.REINSTATE, "End a suspension.")
_status_command("revoke", Action.REVOKE, "Lock servers for ever at their next check-in.")


@group.command("show")
@click.argument("license_id")
@_json
@reports
def show(license_id: str, as_json: bool) -> None:
    """Show a license with its versions of terms and its activations."""
    _show(license_id, as_json)


@group.command("list")
@click.option("--customer", help="Only this customer's.")
@_json
@reports
def list_licenses(customer: str | None, as_json: bool) -> None:
    """List licenses, newest first."""
    session = db.session()
    rows = [
        representations.license_summary(session, row)
        for row in store.list_licenses(session, customer)
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo(
            f"{row['id']}\t{row['tier']}\t{row['status']}\tuntil {row['expires_at']}"
            f"\t…{row['key_hint'] or 'no key'}\tapproval {row['approval'].replace('_', ' ')}"
        )


def _show(license_id: str, as_json: bool) -> None:
    session = db.session()
    body = representations.license_detail(session, store.get_license(session, license_id))
    if as_json:
        print_json(body)
        return
    for name in ("id", "status", "status_reason", "approval", "key_hint", "tier", "expires_at"):
        click.echo(f"{name + ':':22}{body[name]}")
    for name in ("max_devices", "max_packages", "max_offline_days", "max_activations"):
        click.echo(f"{name + ':':22}{'unlimited' if body[name] is None else body[name]}")
    for item in body["activations"]:
        released = " (released)" if item["released_at"] else ""
        flags = f" flags: {', '.join(item['flags'])}" if item["flags"] else ""
        click.echo(f"activation:           {item['id']} seq {item['seq']}{released}{flags}")
