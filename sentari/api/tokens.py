"""API tokens and enrollment tokens in the API: what Settings does, for scripts."""

from typing import Any

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue
from flask_login import current_user

from sentari.accounts import api_tokens
from sentari.accounts.models import ApiToken
from sentari.accounts.service import AccountError
from sentari.agents import enrollment_tokens
from sentari.agents.enrollment_tokens import EnrollmentError
from sentari.agents.models import EnrollmentToken
from sentari.api import settings_schemas as schemas
from sentari.api.bodies import read_numbers, read_texts
from sentari.api.common_schemas import BAD_PARAMETER, PageQuery
from sentari.api.openapi import describe
from sentari.extensions import current, db, writing
from sentari.web.access import access
from sentari.web.reauthentication import require_person
from serverkit.paging import paged
from serverkit.problems import Problem, invalid

blueprint = APIBlueprint("tokens_api", __name__, url_prefix="/api/v1", tag="Tokens")

_MALFORMED = {400: "The body is not a JSON object.", 422: "A member of the body is not valid."}
_UNKNOWN = {404: "There is no such token."}


@blueprint.get("/api-tokens")
@access(role="admin")
@describe(query=PageQuery, answers={200: schemas.ApiTokenList}, problems=BAD_PARAMETER)
def list_api_tokens() -> ResponseReturnValue:
    """List API tokens, the newest first."""
    return paged(api_tokens.list_api_tokens(db.session()), _api_token)


@blueprint.post("/api-tokens")
@describe(
    body=schemas.ApiTokenIn,
    answers={201: schemas.NewApiTokenOut},
    problems={**_MALFORMED, 403: "Not allowed, or an API token asks for another one."},
)
def create_api_token() -> ResponseReturnValue:
    """Make an API token, which is answered this once; only people may, not tokens."""
    require_person()
    texts, numbers = read_texts("name", "role"), read_numbers("expires_in_days")
    actor, now = current_user.actor, current().clock.now()
    try:
        with writing() as session:
            made = api_tokens.create_api_token(
                session,
                name=texts["name"],
                role=texts["role"] or "viewer",
                expires_in_days=numbers["expires_in_days"],
                at=now,
                actor=actor,
            )
    except AccountError as error:
        raise _invalid(error) from error
    row = api_tokens.find_api_token(db.session(), made)
    return {**_api_token(row), "token": made} if row else {}, 201


@blueprint.delete("/api-tokens/<int:token_id>")
@describe(answers={204: None}, problems=_UNKNOWN)
def revoke_api_token(token_id: int) -> ResponseReturnValue:
    """Stop an API token from working at once."""
    actor, now = current_user.actor, current().clock.now()
    try:
        with writing() as session:
            api_tokens.revoke_api_token(session, token_id, at=now, actor=actor)
    except AccountError as error:
        raise _unknown(error) from error
    return "", 204


@blueprint.get("/enrollment-tokens")
@access(role="admin")
@describe(query=PageQuery, answers={200: schemas.EnrollmentTokenList}, problems=BAD_PARAMETER)
def list_enrollment_tokens() -> ResponseReturnValue:
    """List enrollment tokens, the newest first."""
    return paged(enrollment_tokens.list_tokens(db.session()), _enrollment_token)


@blueprint.post("/enrollment-tokens")
@describe(
    body=schemas.EnrollmentTokenIn,
    answers={201: schemas.NewEnrollmentTokenOut},
    problems=_MALFORMED,
)
def create_enrollment_token() -> ResponseReturnValue:
    """Make an enrollment token, which is answered this once."""
    name, numbers = read_texts("name")["name"], read_numbers("expires_in_days", "max_uses")
    actor, now = current_user.actor, current().clock.now()
    try:
        with writing() as session:
            made = enrollment_tokens.create_token(
                session, name=name, **numbers, at=now, actor=actor
            )
    except EnrollmentError as error:
        raise _invalid(error) from error
    row = enrollment_tokens.find_token(db.session(), str(made.id))
    return {**_enrollment_token(row), "token": made.text}, 201


@blueprint.delete("/enrollment-tokens/<int:token_id>")
@describe(answers={204: None}, problems=_UNKNOWN)
def revoke_enrollment_token(token_id: int) -> ResponseReturnValue:
    """Stop an enrollment token; devices that it enrolled stay."""
    actor, now = current_user.actor, current().clock.now()
    try:
        with writing() as session:
            row = enrollment_tokens.find_token(session, str(token_id))
            enrollment_tokens.revoke_token(session, row, at=now, actor=actor)
    except EnrollmentError as error:
        raise _unknown(error) from error
    return "", 204


def _api_token(row: ApiToken) -> dict[str, Any]:
    return {**_common(row), "role": row.role, "state": row.state(current().clock.now())}


def _enrollment_token(row: EnrollmentToken) -> dict[str, Any]:
    state = row.state(current().clock.now())
    return {**_common(row), "state": state, "uses": row.uses, "max_uses": row.max_uses}


def _common(row: ApiToken | EnrollmentToken) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "hint": row.hint,
        "created_by": row.created_by,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
    }


def _invalid(error: ValueError) -> Problem:
    return invalid([{"pointer": "", "detail": str(error)}])


def _unknown(error: ValueError) -> Problem:
    return Problem(404, "not_found", "No such token", str(error))
