"""Ask for the password once more, before what would make a stolen session a lasting one."""

from flask import request
from flask_login import current_user

from sentari.accounts import service
from sentari.accounts.service import AccountError, Verified
from sentari.audit.store import record
from sentari.extensions import current, db, writing
from serverkit.http import counted_address
from serverkit.problems import Problem
from serverkit.rate_limits import limit_sign_in


def require_person() -> int:
    """Return the id of the person who is signed in; 403 for a program, which has no password."""
    user_id: int | None = current_user.user_id
    if user_id is None:
        detail = "An API token may not do this. Sign in, or use the command line."
        raise Problem(403, "person_required", "Not with an API token", detail)
    return user_id


def prove(password: str, why: str) -> Verified:
    """Compare the password as below; AccountError says `why` it is needed when there is none."""
    require_person()
    if not password:
        raise password_required(why)
    return reauthenticate(password)


def password_required(why: str) -> AccountError:
    """Return the refusal of what needs one's own password."""
    return AccountError(why, code="password_required", field="your_password")


def reauthenticate(password: str, *, wrong: str = "This is not your password.") -> Verified:
    """Compare the password of whoever is signed in; AccountError tells that it is `wrong`.

    Guessing it is limited as at the sign-in, and each wrong guess is audited.
    """
    require_person()
    email, actor = current_user.email, current_user.actor
    address = request.remote_addr or ""
    limiter = current().rate_limiter
    limit_sign_in(limiter, "password", address=counted_address(), account=email)
    user = service.verify_login(db.session(), email, password)
    if user is None:
        _note_refusal(actor, email, address)
        raise AccountError(wrong, code="wrong_password", field="your_password")
    return Verified.of(user)


def _note_refusal(actor: str, email: str, address: str) -> None:
    detail = {"address": address}
    with writing() as session:
        record(
            session, at=current().clock.now(), actor=actor, action="USER_PASSWORD_REFUSED",
            target=email, detail=detail,
        )  # fmt: skip
