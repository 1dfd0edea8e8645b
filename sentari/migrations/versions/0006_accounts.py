"""Users may be invited with a one-time password, and know their sessions by where they come from."""

import sqlalchemy as sa
from alembic import op

from serverkit.database import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("user", sa.Column("one_time_until", UtcDateTime(), nullable=True))
    # Of the sessions that there are, nobody knows any more where they come from.
    for name, length in (("address", 64), ("browser", 200)):
        column = sa.Column(name, sa.String(length), nullable=False, server_default="")
        op.add_column("user_session", column)
    with op.batch_alter_table("user_session", schema=None) as batch_op:
        for name, length in (("address", 64), ("browser", 200)):
            batch_op.alter_column(name, existing_type=sa.String(length), server_default=None)


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("user_session", schema=None) as batch_op:
        batch_op.drop_column("browser")
        batch_op.drop_column("address")
    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.drop_column("one_time_until")
