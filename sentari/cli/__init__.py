"""The command line: one group per noun. Never gated: it is the operator at the machine."""

from flask import Flask

from sentari.cli import audit, database, user

GROUPS = (audit.group, database.group, user.group)


def register_commands(app: Flask) -> None:
    """Add every group to `flask --app app`."""
    for group in GROUPS:
        app.cli.add_command(group)
