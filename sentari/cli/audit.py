"""flask audit verify|export."""

import click
from flask.cli import AppGroup

from sentari.audit import service
from sentari.extensions import current, db
from sentari.licensing.ledger import verify_log
from sentari.licensing.report import log_report
from serverkit.commands import CommandError, print_json, reports

group = AppGroup("audit", help="The audit log.")


@group.command("verify")
@click.option("--json", "as_json", is_flag=True)
@reports()
def verify(as_json: bool) -> None:
    """Walk the whole chain; status 1 when it does not hold."""
    verdict = verify_log(db.session(), current().licensing.trust.roots)
    if as_json:
        print_json(log_report(verdict))
    if not verdict.intact:
        raise CommandError(f"the audit log is broken: {verdict.problem}")
    if not as_json:
        chain, anchor = verdict.chain, verdict.anchor
        click.echo(f"The audit log is intact: {chain.checked} entries, head {chain.head}.")
        if anchor is not None:
            click.echo(f"The license server has confirmed it up to entry {anchor.seq}.")


@group.command("export")
@reports()
def export() -> None:
    """Print every event in order as one JSON line, hashes included."""
    for line in service.export_lines(db.session()):
        click.echo(line, nl=False)
