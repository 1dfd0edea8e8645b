"""Forms that both servers show."""

from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired, Length


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
