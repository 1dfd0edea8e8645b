"""Forms of the pages; every field has a limit. The rules are the services' own."""

from flask_wtf import FlaskForm
from wtforms import EmailField, Field, PasswordField, SelectChoice, SelectField, StringField
from wtforms.validators import InputRequired, Length

from license_server.errors import InvalidError
from license_server.staff.roles import ROLES

_ROLE_CHOICES = [SelectChoice(role, role.capitalize()) for role in ROLES]


class CodeForm(FlaskForm):  # type: ignore[misc]
    """The second step of signing in."""

    code = StringField("Code", [InputRequired("Enter the six digits."), Length(max=32)])


class InviteForm(FlaskForm):  # type: ignore[misc]
    """Add a member of staff."""

    email = EmailField("E-mail", [InputRequired("Enter an e-mail address."), Length(max=254)])
    role = SelectField("Role", choices=_ROLE_CHOICES)
    your_password = PasswordField("Your own password", [Length(max=1024)])


def show_violations(form: FlaskForm, error: InvalidError) -> None:
    """Put what a service refuses beside its field; what has no field goes to the first one."""
    fields: dict[str, Field] = {field.name: field for field in form if field.name != "csrf_token"}
    for violation in error.violations:
        field = fields.get(violation.field) or next(iter(fields.values()))
        detail = violation.detail[:1].upper() + violation.detail[1:]
        field.errors = [*field.errors, detail if detail.endswith(".") else f"{detail}."]
