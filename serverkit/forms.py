"""Forms that both servers show."""

from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired, Length

from serverkit.passwords import LONGEST, SHORTEST


def _without_nul(text: str | None) -> str | None:
    # PostgreSQL takes no NUL in a text, and no address has one.
    return text and text.replace("\0", "")


class LoginForm(FlaskForm):  # type: ignore[misc]
    """Sign in."""

    email = EmailField(
        "E-mail",
        [InputRequired("Enter your e-mail address."), Length(max=254)],
        filters=[_without_nul],
    )
    password = PasswordField("Password", [InputRequired("Enter your password."), Length(max=1024)])


class PasswordForm(FlaskForm):  # type: ignore[misc]
    """Change one's own password."""

    present = PasswordField(
        "Present password", [InputRequired("Enter your present password."), Length(max=1024)]
    )
    password = PasswordField(
        "New password",
        [InputRequired("Enter a new password."), Length(SHORTEST, LONGEST)],
        description=f"{SHORTEST} to {LONGEST} characters.",
    )


class ConfirmForm(FlaskForm):  # type: ignore[misc]
    """Do something that needs the password once more."""

    present = PasswordField(
        "Your password", [InputRequired("Enter your password."), Length(max=1024)]
    )
