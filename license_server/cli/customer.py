"""flask customer add|list."""

import click
from flask.cli import AppGroup

from license_server import representations
from license_server.cli.output import print_json, reports
from license_server.customers import service
from license_server.extensions import current, db, writing

group = AppGroup("customer", help="Whom licenses are issued to.")

_json = click.option("--json", "as_json", is_flag=True)


@group.command("add")
@click.option("--name", required=True)
@click.option("--email", required=True)
@click.option("--notes", default="")
@_json
@reports
def add(name: str, email: str, notes: str, as_json: bool) -> None:
    """Add a customer."""
    with writing() as session:
        now = current().clock.now()
        row = service.create_customer(
            session, name=name, email=email, notes=notes, at=now, actor="cli"
        )
        body = representations.customer(row)
    if as_json:
        print_json(body)
        return
    click.echo(f"{body['name']} was added with the id {body['id']}.")


@group.command("list")
@click.option("--search", default="", help="Part of the name or the e-mail address.")
@_json
@reports
def list_customers(search: str, as_json: bool) -> None:
    """List customers by name."""
    _total, rows = service.list_customers(db.session(), search=search, page_size=100_000)
    if as_json:
        print_json([representations.customer(row) for row in rows])
        return
    for row in rows:
        click.echo(f"{row.id}\t{row.name}\t{row.email}")
