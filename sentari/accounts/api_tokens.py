"""Make, list and revoke API tokens. Callers commit."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from sentari.accounts.models import ROLES, ApiToken
from sentari.accounts.service import AccountError
from sentari.audit.store import record
from serverkit.text import has_control
from serverkit.tokens import hash_token, new_token

TOKEN_PREFIX = "stri_"  # noqa: S105 - a prefix that scanners for leaked secrets can find
LONGEST_DAYS = 3650


def create_api_token(
    session: Session,
    *,
    name: str,
    role: str,
    expires_in_days: int | None,
    at: datetime,
    actor: str,
) -> str:
    """Store a new token and return it: the only time it is shown."""
    name = name.strip()
    if not 1 <= len(name) <= 100:
        raise AccountError("A name has 1 to 100 characters.")
    if has_control(name):
        raise AccountError("A name is one line of text.")
    if role not in ROLES:
        raise AccountError(f"A role is {' or '.join(ROLES)}.")
    if expires_in_days is not None and not 1 <= expires_in_days <= LONGEST_DAYS:
        raise AccountError(f"A token lives 1 to {LONGEST_DAYS} days.")
    token = new_token(TOKEN_PREFIX)
    expires_at = None if expires_in_days is None else at + timedelta(days=expires_in_days)
    row = ApiToken(
        name=name,
        token_hash=hash_token(token),
        hint=token[-5:],
        role=role,
        created_by=actor,
        created_at=at,
        expires_at=expires_at,
    )
    session.add(row)
    detail = {"role": role, "expires_in_days": expires_in_days}
    record(session, at=at, actor=actor, action="API_TOKEN_CREATED", target=name, detail=detail)
    return token


def list_api_tokens(session: Session) -> list[ApiToken]:
    """Return all tokens, newest first."""
    return list(session.scalars(select(ApiToken).order_by(ApiToken.id.desc())))


def find_api_token(session: Session, token: str) -> ApiToken | None:
    """Return what is stored of a token."""
    query = select(ApiToken).where(ApiToken.token_hash == hash_token(token))
    return session.scalars(query).one_or_none()


def revoke_api_token(session: Session, token_id: int, *, at: datetime, actor: str) -> ApiToken:
    """Stop a token from working at once."""
    token = session.get(ApiToken, token_id)
    if token is None:
        raise AccountError("There is no such token.")
    if token.revoked_at is None:
        token.revoked_at = at
        record(session, at=at, actor=actor, action="API_TOKEN_REVOKED", target=token.name)
    return token
