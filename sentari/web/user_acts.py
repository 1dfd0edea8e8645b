"""What admins do with users, the same for the pages and the API."""

from collections.abc import Callable
from functools import partial

from flask_login import current_user

from sentari.accounts import administration, service
from sentari.accounts.administration import UserChange
from sentari.accounts.models import User
from sentari.accounts.service import AccountError
from sentari.extensions import current, db, writing
from sentari.web.reauthentication import password_required, prove
from serverkit.passwords import generate_password

_WHY = "This makes or opens an admin's account: enter your own password as well."


def invite(email: str, role: str, your_password: str) -> tuple[int, str]:
    """Add a user; return the id and the one-time password, which nobody can show again."""
    if role == "admin":
        prove(your_password, _WHY)
    password, actor, now = generate_password(), current_user.actor, current().clock.now()
    acting = current_user.user_id
    with writing() as session:
        if acting is not None:
            administration.check_still_admin(session, acting)
        user = service.create_user(
            session, email=email, password=password, role=role, at=now, actor=actor, one_time=True
        )
        return user.id, password


def reset(user_id: int, your_password: str) -> str:
    """Give a user a one-time password and return it."""
    if user_id == current_user.user_id:
        detail = "Change your own password on your account's page."
        raise AccountError(detail, code="oneself")
    password = generate_password()
    change = partial(administration.reset_password, password=password, one_time=True)
    _change(user_id, change, your_password, opens=_is_admin)
    return password


def enable(user_id: int, your_password: str) -> None:
    """Let a disabled user sign in again."""
    _change(user_id, administration.enable_user, your_password, opens=_is_admin)


def disable(user_id: int) -> None:
    """Disable a user and end the sessions."""
    _change(user_id, administration.disable_user)


def set_role(user_id: int, role: str, your_password: str) -> None:
    """Give a user another role."""
    change = partial(administration.set_role, role=role)
    _change(user_id, change, your_password, opens=lambda user: role == "admin" != user.role)


def _is_admin(user: User) -> bool:
    return user.role == "admin"


def _change(
    user_id: int,
    change: UserChange,
    your_password: str = "",
    *,
    opens: Callable[[User], bool] = lambda _user: False,
) -> None:
    """Change a user; where that makes or `opens` an admin's account, ask for the password first."""
    proved = opens(service.get_user(db.session(), user_id))
    if proved:
        prove(your_password, _WHY)
    actor, acting, now = current_user.actor, current_user.user_id, current().clock.now()
    with writing() as session:
        if acting is not None:
            administration.check_still_admin(session, acting)
        user = service.get_user(session, user_id)
        if opens(user) and not proved:
            raise password_required(_WHY)  # The account became another one meanwhile.
        change(session, user, at=now, actor=actor)
