"""Users in the API: the same acts as under Settings → Users."""

from typing import Any, NoReturn

from apiflask import APIBlueprint
from flask import request
from flask.typing import ResponseReturnValue

from sentari.accounts import service
from sentari.accounts.models import User
from sentari.accounts.service import AccountError
from sentari.api import users_schemas as schemas
from sentari.api.bodies import read_texts
from sentari.api.common_schemas import BAD_PARAMETER
from sentari.api.openapi import describe
from sentari.extensions import db
from sentari.web import user_acts
from sentari.web.access import access
from serverkit.paging import page_arguments
from serverkit.problems import Problem, invalid

blueprint = APIBlueprint("users_api", __name__, url_prefix="/api/v1/users", tag="Users")

_STATUS = {"not_found": 404, "forbidden": 403, "password_required": 403, "wrong_password": 403}
_TITLES = {404: "No such user", 403: "Not allowed", 409: "Not possible"}
_UNKNOWN = {404: "There is no such user."}
_MALFORMED = {400: "The body is not a JSON object.", 422: "A member of the body is not valid."}
_PROVE = {403: "Not allowed, or your own password is missing or wrong.", 429: "Too many guesses."}
_LAST = {409: "This is the last active admin."}


@blueprint.get("")
@access(role="admin")
@describe(query=schemas.UserQuery, answers={200: schemas.UserList}, problems=BAD_PARAMETER)
def index() -> ResponseReturnValue:
    """List users by e-mail, those whose e-mail contains `search`."""
    page, page_size = page_arguments()
    search = request.args.get("search", "").replace("\0", "")[:254]
    found = service.search_users(db.session(), search, page=page, page_size=page_size)
    items = [_item(user) for user in found.items]
    return {"total": found.total, "page": page, "page_size": page_size, "items": items}


@blueprint.post("")
@describe(
    body=schemas.InviteIn,
    answers={201: schemas.InvitedOut},
    problems={**_MALFORMED, **_PROVE, 409: "There is a user with this e-mail address already."},
)
def invite() -> ResponseReturnValue:
    """Invite somebody: add a user with a one-time password, which is answered this once."""
    given = read_texts("email", "role", "your_password")
    role = given["role"] or "viewer"
    try:
        user_id, password = user_acts.invite(given["email"], role, given["your_password"])
    except AccountError as error:
        _refuse(error)
    return _read(user_id) | {"one_time_password": password}, 201


@blueprint.get("/<int:user_id>")
@access(role="admin")
@describe(answers={200: schemas.UserOut}, problems=_UNKNOWN)
def show(user_id: int) -> ResponseReturnValue:
    """Show a user."""
    return _read(user_id)


@blueprint.post("/<int:user_id>/disable")
@describe(answers={200: schemas.UserOut}, problems={**_UNKNOWN, **_LAST})
def disable(user_id: int) -> ResponseReturnValue:
    """Disable a user and end the sessions at once."""
    try:
        user_acts.disable(user_id)
    except AccountError as error:
        _refuse(error)
    return _read(user_id)


@blueprint.post("/<int:user_id>/enable")
@describe(
    body=schemas.ProofIn,
    answers={200: schemas.UserOut},
    problems={**_UNKNOWN, **_MALFORMED, **_PROVE},
)
def enable(user_id: int) -> ResponseReturnValue:
    """Let a disabled user sign in again."""
    given = read_texts("your_password")
    try:
        user_acts.enable(user_id, given["your_password"])
    except AccountError as error:
        _refuse(error)
    return _read(user_id)


@blueprint.post("/<int:user_id>/reset-password")
@describe(
    body=schemas.ProofIn,
    answers={200: schemas.InvitedOut},
    problems={**_UNKNOWN, **_MALFORMED, **_PROVE, 409: "This is your own account."},
)
def reset_password(user_id: int) -> ResponseReturnValue:
    """Give a user a one-time password, which is answered this once; all sessions end."""
    given = read_texts("your_password")
    try:
        password = user_acts.reset(user_id, given["your_password"])
    except AccountError as error:
        _refuse(error)
    return _read(user_id) | {"one_time_password": password}


@blueprint.post("/<int:user_id>/role")
@describe(
    body=schemas.RoleIn,
    answers={200: schemas.UserOut},
    problems={**_UNKNOWN, **_MALFORMED, **_PROVE, **_LAST},
)
def set_role(user_id: int) -> ResponseReturnValue:
    """Give a user another role."""
    given = read_texts("role", "your_password")
    try:
        user_acts.set_role(user_id, given["role"], given["your_password"])
    except AccountError as error:
        _refuse(error)
    return _read(user_id)


def _read(user_id: int) -> dict[str, Any]:
    try:
        return _item(service.get_user(db.session(), user_id))
    except AccountError as error:
        _refuse(error)


def _item(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "role": user.role,
        "state": user.state,
        "created_at": user.created_at,
        "last_login_at": user.last_login_at,
        "disabled_at": user.disabled_at,
        "one_time_until": user.one_time_until,
    }


def _refuse(error: AccountError) -> NoReturn:
    if error.code == "invalid":
        raise invalid([{"pointer": f"/{error.field}", "detail": str(error)}]) from error
    status = _STATUS.get(error.code, 409)
    raise Problem(status, error.code, _TITLES[status], str(error)) from error
