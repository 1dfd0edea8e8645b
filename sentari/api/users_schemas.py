"""What the users' API takes and answers, as OpenAPI describes it."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, Field

from sentari.api.common_schemas import PageQuery

_PROOF_HELP = (
    "Your own password, where the change makes or opens an admin's account; an API token may not."
)


class Role(StrEnum):
    """What a user may do: look and export, or everything."""

    viewer = "viewer"
    admin = "admin"


class UserState(StrEnum):
    """Whether a user can sign in; who was `invited` owes a password of their own."""

    active = "active"
    invited = "invited"
    disabled = "disabled"


class UserQuery(PageQuery):
    """Which users."""

    search: str = Field("", description="A part of the e-mail.")


class InviteIn(BaseModel):
    """Whom to invite, and as what."""

    email: str
    role: Role = Role.viewer
    your_password: str = Field("", description=_PROOF_HELP)


class RoleIn(BaseModel):
    """A user's other role."""

    role: Role
    your_password: str = Field("", description=_PROOF_HELP)


class ProofIn(BaseModel):
    """Who asks."""

    your_password: str = Field("", description=_PROOF_HELP)


class UserOut(BaseModel):
    """One user."""

    id: int
    email: str
    role: Role
    state: UserState
    created_at: datetime
    last_login_at: datetime | None
    disabled_at: datetime | None
    one_time_until: datetime | None = Field(
        description="Until when the one-time password is good, while there is one."
    )


class InvitedOut(UserOut):
    """One user, with the password that was just made."""

    one_time_password: str = Field(description="Shown this once; opens only the choice of another.")


class UserList(BaseModel):
    """One page of users, by e-mail."""

    total: int
    page: int
    page_size: int
    items: list[UserOut]
