"""flask enrollment create-token|revoke-token|list."""

import click
from flask.cli import AppGroup

from sentari.agents import enrollment_tokens
from sentari.agents.enrollment_tokens import EnrollmentError
from sentari.extensions import current, db, writing
from serverkit.commands import print_json, reports

group = AppGroup("enrollment", help="Tokens that devices enroll with.")


@group.command("create-token")
@click.option("--name", required=True, help="Where it will be used.")
@click.option("--expires-in-days", type=int, help="Default: it does not expire.")
@click.option("--max-uses", type=int, help="Default: as many as the license allows.")
@click.option("--json", "as_json", is_flag=True)
@reports(EnrollmentError)
def create(name: str, expires_in_days: int | None, max_uses: int | None, as_json: bool) -> None:
    """Make a token and print it: the only time it is shown."""
    with writing() as session:
        token = enrollment_tokens.create_token(
            session,
            name=name,
            expires_in_days=expires_in_days,
            max_uses=max_uses,
            at=current().clock.now(),
            actor="cli",
        ).text
    if as_json:
        print_json({"name": name, "token": token})
    else:
        click.echo(token)


@group.command("revoke-token")
@click.argument("name_or_number")
@reports(EnrollmentError)
def revoke(name_or_number: str) -> None:
    """Stop a token from enrolling; devices that it enrolled stay."""
    with writing() as session:
        token = enrollment_tokens.find_token(session, name_or_number)
        enrollment_tokens.revoke_token(session, token, at=current().clock.now(), actor="cli")
    click.echo(f"{name_or_number} is revoked.")


@group.command("list")
@click.option("--json", "as_json", is_flag=True)
@reports()
def list_tokens(as_json: bool) -> None:
    """List tokens, the newest first."""
    now = current().clock.now()
    rows = [
        {
            "number": token.id,
            "name": token.name,
            "state": token.state(now),
            "uses": token.uses,
            "max_uses": token.max_uses,
            "expires_at": token.expires_at.isoformat() if token.expires_at else None,
        }
        for token in enrollment_tokens.list_tokens(db.session())
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo("\t".join("-" if value is None else str(value) for value in row.values()))
