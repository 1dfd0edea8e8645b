"""The logs that agents ship, and which token enrolled which device."""

import sqlalchemy as sa
from alembic import op

from serverkit.audit.store import trigger_statements
from serverkit.database import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LOG, ENTRY = "agent_log", "agent_log_entry"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        LOG,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("device_uid", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("enrollment", sa.Integer(), nullable=False),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("shipped_at", UtcDateTime(), nullable=False),
        sa.Column("last_entry_id", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("broken", sa.Integer(), nullable=False),
        sa.Column("broken_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_log")),
        sa.UniqueConstraint("device_uid", "number", name=op.f("uq_agent_log_device_uid")),
    )
    op.create_table(
        ENTRY,
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("log_id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("event_type", sa.String(length=100), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.String(length=64), nullable=False),
        sa.Column("hash_version", sa.Integer(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("problems", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["log_id"], ["agent_log.id"], name=op.f("fk_agent_log_entry_log_id_agent_log")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_log_entry")),
        sa.UniqueConstraint("log_id", "entry_id", "digest", name=op.f("uq_agent_log_entry_log_id")),
    )
    for statement in trigger_statements(op.get_bind().dialect.name, ENTRY):
        op.execute(statement)
    _create_enrollment()


def _create_enrollment() -> None:
    op.create_table(
        "enrollment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("token_id", sa.Integer(), nullable=True),
        sa.Column("enrolled_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.id"],
            name=op.f("fk_enrollment_device_id_device"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["token_id"],
            ["enrollment_token.id"],
            name=op.f("fk_enrollment_token_id_enrollment_token"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrollment")),
    )
    with op.batch_alter_table("enrollment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_enrollment_device_id"), ["device_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_enrollment_token_id"), ["token_id"], unique=False)


def downgrade() -> None:
    """Undo."""
    op.drop_table("enrollment")
    op.drop_table(ENTRY)
    op.drop_table(LOG)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP FUNCTION {ENTRY}_refuse()")
