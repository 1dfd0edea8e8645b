"""The command line: one group per noun. Never gated: it is the operator at the machine."""

from functools import wraps
from typing import Any

import click
from flask import Flask
from flask.cli import with_appcontext

from sentari.cli import audit, ca, database, demo, device, enrollment, inventory, secret, user
from sentari.cli.backup import backup, restore
from sentari.cli.license import group as license_group
from sentari.extensions import current, db
from sentari.operations.sealed import check_secret_key
from serverkit.commands import reports
from serverkit.settings import SettingsError

GROUPS = (
    audit.group,
    ca.group,
    database.group,
    demo.group,
    device.group,
    enrollment.group,
    inventory.group,
    license_group,
    secret.group,
    user.group,
)

COMMANDS = (backup, restore)

# These look at the database before it has tables, or at its secret key by themselves.
_UNGUARDED = (database.group, secret.group)


def _guard(command: click.Command) -> None:
    """Refuse the command with another secret key than the database's.

    Whoever forgets SENTARI_SECRET_KEY would else be told, and tell the vendor, of an edited clock.
    """
    inner: Any = command.callback

    @with_appcontext
    @reports(SettingsError)
    @wraps(inner)
    def run(*args: Any, **kwargs: Any) -> Any:
        check_secret_key(db.session(), current().settings)
        return inner(*args, **kwargs)

    command.callback = run


for _group in GROUPS:
    if _group not in _UNGUARDED:
        for _command in _group.commands.values():
            _guard(_command)
_guard(backup)


def register_commands(app: Flask) -> None:
    """Add every group and command to `flask --app app`."""
    for command in (*GROUPS, *COMMANDS):
        app.cli.add_command(command)
