"""Mails have an HTML part and may fail for good; notices are remembered."""

import sqlalchemy as sa
from alembic import op

from serverkit.database import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KINDS = "kind IN ('license_key', 'expiry_notice', 'silence_notice')"
_STATES = "state IN ('held', 'queued', 'failed', 'sent', 'cancelled')"
_CONTENT = (
    "CASE WHEN kind = 'license_key' AND state NOT IN ('held', 'queued', 'failed')"
    " THEN text_sealed IS NULL AND html_sealed IS NULL ELSE text_sealed IS NOT NULL END"
)
_FIRST_STATE = (
    "(state IN ('held', 'queued') AND text_sealed IS NOT NULL)"
    " OR (state IN ('sent', 'cancelled') AND text_sealed IS NULL)"
)


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("outbox_mail", schema=None) as batch_op:
        batch_op.add_column(sa.Column("html_sealed", sa.Text(), nullable=True))
        batch_op.drop_constraint(batch_op.f("ck_outbox_mail_state"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_outbox_mail_kind"), _KINDS)
        batch_op.create_check_constraint(batch_op.f("ck_outbox_mail_state"), _STATES)
        batch_op.create_check_constraint(batch_op.f("ck_outbox_mail_content"), _CONTENT)
        batch_op.create_index(batch_op.f("ix_outbox_mail_created_at"), ["created_at"], unique=False)

    op.create_table(
        "expiry_notice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("license_id", sa.String(length=36), nullable=False),
        sa.Column("expires_at", sa.Date(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("days IN (60, 30, 14, 7, 1)", name=op.f("ck_expiry_notice_days")),
        sa.ForeignKeyConstraint(
            ["license_id"], ["license.id"], name=op.f("fk_expiry_notice_license_id_license")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_expiry_notice")),
        sa.UniqueConstraint(
            "license_id", "expires_at", "days", name=op.f("uq_expiry_notice_license_id")
        ),
    )
    op.create_table(
        "silence_notice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("activation_id", sa.String(length=36), nullable=False),
        sa.Column("last_check_in_at", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["activation_id"],
            ["activation.id"],
            name=op.f("fk_silence_notice_activation_id_activation"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silence_notice")),
        sa.UniqueConstraint(
            "activation_id", "last_check_in_at", name=op.f("uq_silence_notice_activation_id")
        ),
    )


def downgrade() -> None:
    """Undo; notices among the mails, and mails that failed, are forgotten."""
    op.drop_table("silence_notice")
    op.drop_table("expiry_notice")
    op.execute("DELETE FROM outbox_mail WHERE kind <> 'license_key'")
    op.execute("UPDATE outbox_mail SET state = 'queued' WHERE state = 'failed'")
    with op.batch_alter_table("outbox_mail", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_mail_created_at"))
        batch_op.drop_constraint(batch_op.f("ck_outbox_mail_content"), type_="check")
        batch_op.drop_constraint(batch_op.f("ck_outbox_mail_state"), type_="check")
        batch_op.drop_constraint(batch_op.f("ck_outbox_mail_kind"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_outbox_mail_state"), _FIRST_STATE)
        batch_op.drop_column("html_sealed")
