"""The command line: one group per noun. Never gated: it is the operator at the machine."""

from flask import Flask

from sentari.cli import audit, ca, database, demo, device, enrollment, inventory, secret, user
from sentari.cli.license import group as license_group

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


def register_commands(app: Flask) -> None:
    """Add every group to `flask --app app`."""
    for group in GROUPS:
        app.cli.add_command(group)
