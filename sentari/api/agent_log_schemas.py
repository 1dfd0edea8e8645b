"""What is answered of an agent's log, as OpenAPI describes it."""

from datetime import datetime

from pydantic import BaseModel, Field

from sentari.api.common_schemas import PageQuery


class AgentLogQuery(PageQuery):
    """Which entries are asked for."""

    show: str = Field(
        "all",
        description="All entries, or those only in which something does not hold.",
        json_schema_extra={"enum": ["all", "broken"]},
    )


class AgentLogEntryOut(BaseModel):
    """One entry; a log that began anew has a higher `log`."""

    log: int
    entry_id: int = Field(description="The agent's own number.")
    event_type: str
    detail: str = Field(description="Its beginning.")
    characters: int = Field(description="How long the whole detail is.")
    created_at: str = Field(description="The agent's own words.")
    received_at: datetime
    problems: str = Field(description="What does not hold, in words; empty when all does.")


class AgentLogEntryList(BaseModel):
    """One page of entries."""

    total: int
    page: int
    page_size: int
    items: list[AgentLogEntryOut]


class AgentLogOut(BaseModel):
    """An agent's log and whether it holds."""

    entry_count: int
    broken_count: int = Field(description="How many entries have something that does not hold.")
    shipped_at: datetime | None = Field(description="When the agent shipped last.")
    entries: AgentLogEntryList
