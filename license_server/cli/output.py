"""What the commands of this server expect to be refused."""

from license_server.errors import LicenseServerError
from serverkit import commands
from serverkit.commands import CommandError, print_json, read_password
from serverkit.schema import SchemaError

__all__ = ["CommandError", "print_json", "read_password", "reports"]

reports = commands.reports(
    LicenseServerError,
    SchemaError,
    database_hint="; is it migrated? flask --app license_server db upgrade",
)
