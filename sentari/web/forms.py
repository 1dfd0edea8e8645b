"""Forms of the pages; every field has a limit."""

from flask_wtf import FlaskForm
from wtforms import EmailField, IntegerField, PasswordField, SelectChoice, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from sentari.accounts.api_tokens import LONGEST_DAYS
from sentari.accounts.models import ROLES
from serverkit.passwords import LONGEST, SHORTEST

_ROLE_CHOICES = [SelectChoice(role, role.capitalize()) for role in ROLES]


class SetupForm(FlaskForm):  # type: ignore[misc]
    """Make the first admin."""

    token = StringField(
        "Setup token",
        [InputRequired("Enter the token that the server printed in its log."), Length(max=128)],
    )
    email = EmailField("E-mail", [InputRequired("Enter an e-mail address."), Length(max=254)])
    password = PasswordField(
        "Password",
        [InputRequired("Enter a password."), Length(SHORTEST, LONGEST)],
        description=f"{SHORTEST} to {LONGEST} characters.",
    )


class InviteForm(FlaskForm):  # type: ignore[misc]
    """Add a user."""

    email = EmailField("E-mail", [InputRequired("Enter an e-mail address."), Length(max=254)])
    role = SelectField("Role", choices=_ROLE_CHOICES)
    your_password = PasswordField("Your own password", [Length(max=1024)])


class ApiTokenForm(FlaskForm):  # type: ignore[misc]
    """Make an API token."""

    name = StringField("Name", [InputRequired("Say what it is for."), Length(max=100)])
    role = SelectField("Role", choices=_ROLE_CHOICES)
    expires_in_days = IntegerField(
        "Expires in days",
        [Optional(), NumberRange(1, LONGEST_DAYS)],
        description="Empty: it does not expire.",
    )
