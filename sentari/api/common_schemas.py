"""What all parts of the API have in common, as OpenAPI describes it."""

from pydantic import BaseModel, Field

from serverkit.paging import DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE


class Fault(BaseModel):
    """One fault of a document."""

    pointer: str = Field(description="Where it is (RFC 6901); empty for the whole document.")
    detail: str


class ProblemOut(BaseModel):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str = Field(description="For people: what happened and what to do.")
    code: str = Field(description="For programs to compare.")
    request_id: str | None = Field(description="Finds the lines in the server's log.")
    errors: list[Fault] = Field([], description="With 422: at most twenty faults.")
    license_state: str = Field("", description="With 402: the license's state.")
    settings_url: str = Field("", description="With 402: where an admin can act.")
    used: int = Field(0, description="With 402 of a limit: what is in use.")
    limit: int = Field(0, description="With 402 of a limit: what the license allows.")


class PageQuery(BaseModel):
    """Which page of a list."""

    page: int = Field(1, ge=1, description="Counts from 1.")
    page_size: int = Field(DEFAULT_PAGE_SIZE, ge=1, le=LARGEST_PAGE_SIZE)


BAD_PARAMETER = {400: "A parameter is not valid; the detail says what it takes."}
