"""Let staff sign in: a second factor, sessions, and sign-ins that are half-way."""

import sqlalchemy as sa
from alembic import op

from serverkit.database import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TOTP = "(totp_sealed IS NULL) = (totp_last_step IS NULL)"


def upgrade() -> None:
    """Apply."""
    op.add_column("staff", sa.Column("last_login_at", UtcDateTime(), nullable=True))
    op.add_column("staff", sa.Column("totp_sealed", sa.String(length=255), nullable=True))
    temporary = sa.Column(
        "password_temporary", sa.Boolean(), nullable=False, server_default=sa.false()
    )
    op.add_column("staff", temporary)
    if op.get_bind().dialect.name == "sqlite":
        # A check can be added with its column only; anything else would rebuild the table.
        op.execute(
            "ALTER TABLE staff ADD COLUMN totp_last_step BIGINT "
            f"CONSTRAINT ck_staff_totp CHECK ({_TOTP})"
        )
    else:
        op.add_column("staff", sa.Column("totp_last_step", sa.BigInteger(), nullable=True))
        op.create_check_constraint(op.f("ck_staff_totp"), "staff", _TOTP)
    op.create_table(
        "staff_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("browser", sa.String(length=200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_staff_session_staff_id_staff")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_staff_session_token_hash")),
    )
    op.create_index(op.f("ix_staff_session_staff_id"), "staff_session", ["staff_id"])
    op.create_table(
        "staff_sign_in",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("begun_at", UtcDateTime(), nullable=False),
        sa.Column("totp_sealed", sa.String(length=255), nullable=True),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_staff_sign_in_staff_id_staff")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_sign_in")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_staff_sign_in_token_hash")),
    )
    op.create_index(op.f("ix_staff_sign_in_staff_id"), "staff_sign_in", ["staff_id"])


def downgrade() -> None:
    """Undo."""
    op.drop_table("staff_sign_in")
    op.drop_table("staff_session")
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_staff_totp"), "staff")
    for column in ("totp_last_step", "password_temporary", "totp_sealed", "last_login_at"):
        op.drop_column("staff", column)
