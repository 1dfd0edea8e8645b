"""A root may be retired: it is published no longer, and certifies nothing more."""

import sqlalchemy as sa
from alembic import op

from serverkit.database import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("root_key", sa.Column("retired_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    """Undo; retired roots are published again."""
    op.drop_column("root_key", "retired_at")
