"""Count finished days' scans once, and find the scans that changed something among all the others."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "scan_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("scans", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_scan_day")),
    )
    op.create_index("ix_scan_received_at", "scan", ["received_at"])
    op.create_index(
        "ix_scan_changed",
        "scan",
        ["received_at", "id"],
        sqlite_where=sa.text("added + removed > 0 AND changes IS NOT NULL"),
        postgresql_where=sa.text("added + removed > 0 AND changes IS NOT NULL"),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_scan_changed", table_name="scan")
    op.drop_index("ix_scan_received_at", table_name="scan")
    op.drop_table("scan_day")
