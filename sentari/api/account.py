"""One's own account in the API: who asks, where they are signed in, their password."""

from typing import Any

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue
from flask_login import current_user

from sentari.accounts import service
from sentari.accounts.models import UserSession
from sentari.accounts.service import AccountError
from sentari.api import settings_schemas as schemas
from sentari.api.bodies import read_texts
from sentari.api.common_schemas import BAD_PARAMETER, PageQuery
from sentari.api.openapi import describe
from sentari.extensions import current, db
from sentari.web import own_account
from sentari.web.access import access
from sentari.web.reauthentication import require_person
from serverkit.paging import paged
from serverkit.passwords import PasswordRefusedError
from serverkit.problems import Problem, invalid

# Only a browser can ask, so a refusal of API tokens (403) is not described as one of the role.
blueprint = APIBlueprint("account_api", __name__, url_prefix="/api/v1/account", tag="Account")


@blueprint.get("")
@describe(answers={200: schemas.AccountOut})
def show() -> ResponseReturnValue:
    """Tell who asks: a signed-in person, or an API token."""
    kind = "token" if current_user.user_id is None else "person"
    return {"kind": kind, "name": current_user.name, "role": current_user.role}


@blueprint.get("/sessions")
@describe(
    query=PageQuery,
    answers={200: schemas.SessionList},
    problems=BAD_PARAMETER,
)
def list_sessions() -> ResponseReturnValue:
    """List where one is signed in, the newest first; for people, not API tokens."""
    user_id, now = require_person(), current().clock.now()
    present = service.sessions.find(db.session(), current_user.session_token, now)
    rows = service.list_sessions(db.session(), user_id, now)
    return paged(rows, lambda row: _item(row, current=row is present))


@blueprint.delete("/sessions/<int:session_id>")
@access(role="viewer", gate="open")
@describe(answers={204: None})
def end_session(session_id: int) -> ResponseReturnValue:
    """Sign one browser out; for people, not API tokens."""
    own_account.end_own(session_id)
    return "", 204


@blueprint.delete("/sessions")
@access(role="viewer", gate="open")
@describe(answers={204: None})
def end_sessions() -> ResponseReturnValue:
    """Sign out everywhere, here too; for people, not API tokens."""
    own_account.end_all_own()
    return "", 204


@blueprint.post("/password")
@access(role="viewer")
@describe(
    body=schemas.PasswordIn,
    answers={204: None},
    problems={
        400: "The body is not a JSON object.",
        422: "The new password cannot be taken.",
        429: "Too many guesses.",
    },
)
def change_password() -> ResponseReturnValue:
    """Change the password and end every other session; for people, not API tokens."""
    given = read_texts("present", "password")
    try:
        own_account.change_password(given["present"], given["password"])
    except PasswordRefusedError as error:
        raise invalid([{"pointer": "/password", "detail": str(error)}]) from error
    except AccountError as error:
        raise Problem(403, error.code, "Not changed", str(error)) from error
    return "", 204


def _item(row: UserSession, *, current: bool) -> dict[str, Any]:
    return {
        "id": row.id,
        "created_at": row.created_at,
        "last_seen_at": row.last_seen_at,
        "address": row.address,
        "browser": row.browser,
        "current": current,
    }
