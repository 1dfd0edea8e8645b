"""The command line: one group per noun. It is the operator at the machine."""

from flask import Flask

from license_server.cli import audit, customer, database, keys, licenses, outbox, staff

GROUPS = (
    audit.group,
    customer.group,
    database.group,
    keys.group,
    licenses.group,
    outbox.group,
    staff.group,
)


def register_commands(app: Flask) -> None:
    """Add every group to `flask --app license_server`."""
    for group in GROUPS:
        app.cli.add_command(group)
