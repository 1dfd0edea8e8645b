"""Find the few entries of agents' logs that are wrong among all the others."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index(
        "ix_agent_log_entry_broken",
        "agent_log_entry",
        ["log_id", "entry_id"],
        sqlite_where=sa.text("problems <> ''"),
        postgresql_where=sa.text("problems <> ''"),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_agent_log_entry_broken", table_name="agent_log_entry")
