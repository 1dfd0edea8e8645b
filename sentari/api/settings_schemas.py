"""What the API of one's own account and of tokens takes and answers, as OpenAPI describes it."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, Field

from sentari.api.users_schemas import Role


class Kind(StrEnum):
    """Who speaks: a signed-in person, or a program with an API token."""

    person = "person"
    token = "token"  # noqa: S105 - the name of a kind


class AccountOut(BaseModel):
    """Who asks."""

    kind: Kind
    name: str = Field(description="The person's e-mail, or the token's name.")
    role: Role


class PasswordIn(BaseModel):
    """A new password."""

    present: str = Field(description="The present password.")
    password: str = Field(description="12 to 128 characters.")


class SessionOut(BaseModel):
    """One signed-in browser."""

    id: int
    created_at: datetime
    last_seen_at: datetime
    address: str
    browser: str = Field(description="What it calls itself.")
    current: bool = Field(description="Whether this session asks.")


class _Listed(BaseModel):
    total: int
    page: int
    page_size: int


class SessionList(_Listed):
    """One page of one's own sessions, the newest first."""

    items: list[SessionOut]


class TokenState(StrEnum):
    """Whether a token may be used."""

    active = "active"
    expired = "expired"
    revoked = "revoked"
    used_up = "used_up"


class ApiTokenIn(BaseModel):
    """An API token to be made."""

    name: str = Field(description="What it is for.")
    role: Role = Role.viewer
    expires_in_days: int | None = Field(None, description="1 to 3650; null: it does not expire.")


class ApiTokenOut(BaseModel):
    """One API token; `hint` is its last five characters."""

    id: int
    name: str
    hint: str
    role: Role
    state: TokenState
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class NewApiTokenOut(ApiTokenOut):
    """One API token that was just made."""

    token: str = Field(description="Shown this once.")


class ApiTokenList(_Listed):
    """One page of API tokens, the newest first."""

    items: list[ApiTokenOut]


class EnrollmentTokenIn(BaseModel):
    """An enrollment token to be made."""

    name: str = Field(description="Where it will be used.")
    expires_in_days: int | None = Field(None, description="1 to 3650; null: it does not expire.")
    max_uses: int | None = Field(None, description="Null: as many as the license allows.")


class EnrollmentTokenOut(BaseModel):
    """One enrollment token; `hint` is its last five characters."""

    id: int
    name: str
    hint: str
    state: TokenState
    uses: int
    max_uses: int | None
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class NewEnrollmentTokenOut(EnrollmentTokenOut):
    """One enrollment token that was just made."""

    token: str = Field(description="Shown this once.")


class EnrollmentTokenList(_Listed):
    """One page of enrollment tokens, the newest first."""

    items: list[EnrollmentTokenOut]
