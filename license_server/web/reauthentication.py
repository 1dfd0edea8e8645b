"""Ask for the password once more, before what would make a stolen session a lasting one."""

from license_server.access import caller
from license_server.audit import record
from license_server.errors import ForbiddenError
from license_server.extensions import current, db, writing
from license_server.staff import sign_in
from serverkit.http import counted_address
from serverkit.pages import present_browser
from serverkit.rate_limits import limit_sign_in

LONGEST = 1024


def is_own_password(password: str) -> bool:
    """Tell whether it is the caller's; guessing is limited as at the sign-in, and audited."""
    server, by = current(), caller()
    limit_sign_in(server.rate_limiter, "password", address=counted_address(), account=by.email)
    if sign_in.verify_login(db.session(), by.email, password) is not None:
        return True
    detail, now = {"address": present_browser().address}, server.clock.now()
    action = "STAFF_PASSWORD_REFUSED"
    with writing() as session:
        record(session, at=now, actor=by.actor, action=action, target=by.email, detail=detail)
    return False


def prove(password: str) -> None:
    """Raise ForbiddenError unless it is the caller's own password."""
    if not password:
        raise password_required()
    if not is_own_password(password):
        raise ForbiddenError("this is not your password", code="wrong_password")


def password_required() -> ForbiddenError:
    """Return the refusal of what needs one's own password."""
    detail = "this makes or opens an approver's account: enter your own password as well"
    return ForbiddenError(detail, code="password_required")
