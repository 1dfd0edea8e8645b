"""Create the first schema."""

import sqlalchemy as sa
from alembic import op

from serverkit.audit.store import trigger_statements
from serverkit.database import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Each database subtracts dates in its own way.
_TERM_DAYS = {
    "sqlite": "term_days = julianday(expires_at) - julianday(starts_on)",
    "postgresql": "term_days = expires_at - starts_on",
}
_APPEND_ONLY = ("audit_event", "terms_version", "terms_approval")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "audit_event",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(length=320), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_event")),
    )
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_event_action"), ["action"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_audit_event_occurred_at"), ["occurred_at"], unique=False
        )

    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "customer",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=320), nullable=False),
        sa.CheckConstraint("email LIKE '_%@%_'", name=op.f("ck_customer_email")),
        sa.CheckConstraint("length(name) >= 1", name=op.f("ck_customer_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer")),
    )
    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_customer_name"), ["name"], unique=False)

    op.create_table(
        "rate_limit",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_rate_limit")),
    )
    with op.batch_alter_table("rate_limit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rate_limit_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "root_key",
        sa.Column("kid", sa.String(length=43), nullable=False),
        sa.Column("public_key", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_root_key")),
        sa.UniqueConstraint("public_key", name=op.f("uq_root_key_public_key")),
    )
    op.create_table(
        "staff",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("disabled_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("role IN ('support', 'issuer', 'approver')", name=op.f("ck_staff_role")),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_staff_email")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("email", name=op.f("uq_staff_email")),
    )
    op.create_table(
        "license",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("customer_id", sa.String(length=36), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("status_reason", sa.String(length=500), nullable=False),
        sa.Column("status_changed_at", UtcDateTime(), nullable=False),
        sa.Column("status_changed_by", sa.String(length=320), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=320), nullable=False),
        sa.CheckConstraint(
            "status IN ('active', 'suspended', 'revoked')", name=op.f("ck_license_status")
        ),
        sa.CheckConstraint("length(status_reason) >= 1", name=op.f("ck_license_status_reason")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_license_customer_id_customer")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_license")),
    )
    with op.batch_alter_table("license", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_license_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "signing_key",
        sa.Column("kid", sa.String(length=43), nullable=False),
        sa.Column("root_kid", sa.String(length=43), nullable=False),
        sa.Column("public_key", sa.String(length=64), nullable=False),
        sa.Column("private_sealed", sa.Text(), nullable=True),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("superseded_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "expires > not_before AND expires - not_before <= 8640000",
            name=op.f("ck_signing_key_lifetime"),
        ),
        sa.ForeignKeyConstraint(
            ["root_kid"], ["root_key.kid"], name=op.f("fk_signing_key_root_kid_root_key")
        ),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_signing_key")),
        sa.UniqueConstraint("public_key", name=op.f("uq_signing_key_public_key")),
    )
    op.create_table(
        "staff_token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("hint", sa.String(length=8), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("length(token_hash) = 64", name=op.f("ck_staff_token_token_hash")),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_staff_token_staff_id_staff")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_staff_token_token_hash")),
    )
    with op.batch_alter_table("staff_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_staff_token_staff_id"), ["staff_id"], unique=False)

    op.create_table(
        "activation",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("license_id", sa.String(length=36), nullable=False),
        sa.Column("instance_id", sa.String(length=36), nullable=False),
        sa.Column("thumbprint", sa.String(length=43), nullable=False),
        sa.Column("first_check_in_at", UtcDateTime(), nullable=False),
        sa.Column("last_check_in_at", UtcDateTime(), nullable=False),
        sa.Column("server_version", sa.String(length=1024), nullable=False),
        sa.Column("devices", sa.BigInteger(), nullable=False),
        sa.Column("packages", sa.BigInteger(), nullable=False),
        sa.Column("audit_seq", sa.BigInteger(), nullable=False),
        sa.Column("audit_head", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("last_issued_at", sa.BigInteger(), nullable=False),
        sa.Column("last_jti", sa.String(length=86), nullable=False),
        sa.Column("last_but_one_jti", sa.String(length=86), nullable=True),
        sa.Column("released_at", UtcDateTime(), nullable=True),
        sa.Column("released_by", sa.String(length=320), nullable=True),
        sa.Column("release_reason", sa.String(length=500), nullable=True),
        sa.CheckConstraint(
            "(released_at IS NULL) = (released_by IS NULL) AND (released_at IS NULL) = (release_reason IS NULL)",
            name=op.f("ck_activation_released"),
        ),
        sa.CheckConstraint("length(thumbprint) = 43", name=op.f("ck_activation_thumbprint")),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_activation_seq")),
        sa.ForeignKeyConstraint(
            ["license_id"], ["license.id"], name=op.f("fk_activation_license_id_license")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activation")),
        sa.UniqueConstraint("license_id", "instance_id", name=op.f("uq_activation_license_id")),
    )
    with op.batch_alter_table("activation", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_activation_instance_id"), ["instance_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_activation_last_check_in_at"), ["last_check_in_at"], unique=False
        )

    op.create_table(
        "license_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("license_id", sa.String(length=36), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("hint", sa.String(length=5), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.Column("issued_by", sa.String(length=320), nullable=False),
        sa.Column("replaced_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("length(hint) = 5", name=op.f("ck_license_key_hint")),
        sa.CheckConstraint("length(key_hash) = 64", name=op.f("ck_license_key_key_hash")),
        sa.ForeignKeyConstraint(
            ["license_id"], ["license.id"], name=op.f("fk_license_key_license_id_license")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_license_key")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_license_key_key_hash")),
    )
    with op.batch_alter_table("license_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_license_key_license_id"), ["license_id"], unique=False)
        batch_op.create_index(
            "uq_license_key_current",
            ["license_id"],
            unique=True,
            sqlite_where=sa.text("replaced_at IS NULL"),
            postgresql_where=sa.text("replaced_at IS NULL"),
        )

    op.create_table(
        "outbox_mail",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("license_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("text_sealed", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=False),
        sa.Column("last_error", sa.String(length=500), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "(state IN ('held', 'queued') AND text_sealed IS NOT NULL) OR (state IN ('sent', 'cancelled') AND text_sealed IS NULL)",
            name=op.f("ck_outbox_mail_state"),
        ),
        sa.ForeignKeyConstraint(
            ["license_id"], ["license.id"], name=op.f("fk_outbox_mail_license_id_license")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_mail")),
    )
    with op.batch_alter_table("outbox_mail", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_mail_due", ["state", "next_attempt_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_outbox_mail_license_id"), ["license_id"], unique=False)

    op.create_table(
        "terms_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("license_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("customer_name", sa.String(length=200), nullable=False),
        sa.Column("customer_email", sa.String(length=254), nullable=False),
        sa.Column("tier", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.Date(), nullable=False),
        sa.Column("max_devices", sa.BigInteger(), nullable=True),
        sa.Column("max_packages", sa.BigInteger(), nullable=True),
        sa.Column("grace_period_days", sa.Integer(), nullable=False),
        sa.Column("read_only_period_days", sa.Integer(), nullable=False),
        sa.Column("max_offline_days", sa.Integer(), nullable=False),
        sa.Column("max_activations", sa.Integer(), nullable=False),
        sa.Column("airgap", sa.Boolean(), nullable=False),
        sa.Column("airgap_addendum_signed_at", sa.Date(), nullable=True),
        sa.Column("contract_reference", sa.String(length=200), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("term_days", sa.Integer(), nullable=False),
        sa.Column("approval_required", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=320), nullable=False),
        sa.CheckConstraint(
            "approval_required OR (max_offline_days <= 90 AND max_devices IS NOT NULL AND max_packages IS NOT NULL AND term_days <= 400)",
            name=op.f("ck_terms_version_approval"),
        ),
        sa.CheckConstraint(
            "grace_period_days BETWEEN 0 AND 365", name=op.f("ck_terms_version_grace_period_days")
        ),
        sa.CheckConstraint("length(reason) >= 1", name=op.f("ck_terms_version_reason")),
        sa.CheckConstraint("length(tier) >= 1", name=op.f("ck_terms_version_tier")),
        sa.CheckConstraint(
            "max_activations BETWEEN 1 AND 1000", name=op.f("ck_terms_version_max_activations")
        ),
        sa.CheckConstraint(
            "max_devices BETWEEN 0 AND 9007199254740992", name=op.f("ck_terms_version_max_devices")
        ),
        sa.CheckConstraint(
            "max_offline_days <= 1 OR (airgap AND airgap_addendum_signed_at IS NOT NULL)",
            name=op.f("ck_terms_version_airgap"),
        ),
        sa.CheckConstraint(
            "max_offline_days BETWEEN 1 AND 365", name=op.f("ck_terms_version_max_offline_days")
        ),
        sa.CheckConstraint(
            "max_packages BETWEEN 0 AND 9007199254740992",
            name=op.f("ck_terms_version_max_packages"),
        ),
        sa.CheckConstraint(
            "read_only_period_days BETWEEN 0 AND 3650",
            name=op.f("ck_terms_version_read_only_period_days"),
        ),
        sa.CheckConstraint(
            _TERM_DAYS[op.get_bind().dialect.name], name=op.f("ck_terms_version_term_days")
        ),
        sa.CheckConstraint("version >= 1", name=op.f("ck_terms_version_version")),
        sa.ForeignKeyConstraint(
            ["license_id"], ["license.id"], name=op.f("fk_terms_version_license_id_license")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_terms_version")),
        sa.UniqueConstraint("id", "created_by", name="uq_terms_version_author"),
        sa.UniqueConstraint("license_id", "version", name=op.f("uq_terms_version_license_id")),
    )
    op.create_table(
        "activation_flag",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("activation_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("first_seen_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.Column("resolved_by", sa.String(length=320), nullable=True),
        sa.Column("resolution", sa.String(length=500), nullable=True),
        sa.CheckConstraint(
            "kind IN ('clone_suspected', 'tampered', 'clock_rollback', 'clock_skew', 'audit_broken')",
            name=op.f("ck_activation_flag_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["activation_id"],
            ["activation.id"],
            name=op.f("fk_activation_flag_activation_id_activation"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activation_flag")),
    )
    with op.batch_alter_table("activation_flag", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_activation_flag_activation_id"), ["activation_id"], unique=False
        )
        batch_op.create_index(
            "uq_activation_flag_open",
            ["activation_id", "kind"],
            unique=True,
            sqlite_where=sa.text("resolved_at IS NULL"),
            postgresql_where=sa.text("resolved_at IS NULL"),
        )

    op.create_table(
        "check_in",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("activation_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("request_jti", sa.String(length=22), nullable=False),
        sa.Column("reply_jti", sa.String(length=86), nullable=False),
        sa.Column("previous", sa.String(length=86), nullable=True),
        sa.Column("thumbprint", sa.String(length=43), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("terms_version_id", sa.Integer(), nullable=False),
        sa.Column("license_key_id", sa.Integer(), nullable=False),
        sa.Column("signing_kid", sa.String(length=43), nullable=False),
        sa.Column("server_version", sa.String(length=1024), nullable=False),
        sa.Column("devices", sa.BigInteger(), nullable=False),
        sa.Column("packages", sa.BigInteger(), nullable=False),
        sa.Column("audit_seq", sa.BigInteger(), nullable=False),
        sa.Column("audit_head", sa.String(length=64), nullable=False),
        sa.Column("marks", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["activation_id"], ["activation.id"], name=op.f("fk_check_in_activation_id_activation")
        ),
        sa.ForeignKeyConstraint(
            ["license_key_id"],
            ["license_key.id"],
            name=op.f("fk_check_in_license_key_id_license_key"),
        ),
        sa.ForeignKeyConstraint(
            ["signing_kid"], ["signing_key.kid"], name=op.f("fk_check_in_signing_kid_signing_key")
        ),
        sa.ForeignKeyConstraint(
            ["terms_version_id"],
            ["terms_version.id"],
            name=op.f("fk_check_in_terms_version_id_terms_version"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_in")),
        sa.UniqueConstraint("activation_id", "request_jti", name=op.f("uq_check_in_activation_id")),
        sa.UniqueConstraint("activation_id", "seq", name="uq_check_in_seq"),
    )
    op.create_table(
        "presigned_reply",
        sa.Column("jti", sa.String(length=86), nullable=False),
        sa.Column("license_id", sa.String(length=36), nullable=False),
        sa.Column("terms_version_id", sa.Integer(), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.Column("issued_by", sa.String(length=320), nullable=False),
        sa.ForeignKeyConstraint(
            ["license_id"], ["license.id"], name=op.f("fk_presigned_reply_license_id_license")
        ),
        sa.ForeignKeyConstraint(
            ["terms_version_id"],
            ["terms_version.id"],
            name=op.f("fk_presigned_reply_terms_version_id_terms_version"),
        ),
        sa.PrimaryKeyConstraint("jti", name=op.f("pk_presigned_reply")),
    )
    with op.batch_alter_table("presigned_reply", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_presigned_reply_license_id"), ["license_id"], unique=False
        )

    op.create_table(
        "terms_approval",
        sa.Column("terms_version_id", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(length=320), nullable=False),
        sa.Column("approved_by", sa.String(length=320), nullable=False),
        sa.Column("approved_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "approved_by <> created_by", name=op.f("ck_terms_approval_second_person")
        ),
        sa.ForeignKeyConstraint(
            ["terms_version_id", "created_by"],
            ["terms_version.id", "terms_version.created_by"],
            name=op.f("fk_terms_approval_terms_version_id_terms_version"),
        ),
        sa.PrimaryKeyConstraint("terms_version_id", name=op.f("pk_terms_approval")),
    )
    dialect = op.get_bind().dialect.name
    for table in _APPEND_ONLY:
        for statement in trigger_statements(dialect, table):
            op.execute(statement)


def downgrade() -> None:
    """Undo."""
    op.drop_table("terms_approval")
    with op.batch_alter_table("presigned_reply", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_presigned_reply_license_id"))

    op.drop_table("presigned_reply")
    op.drop_table("check_in")
    with op.batch_alter_table("activation_flag", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_activation_flag_open",
            sqlite_where=sa.text("resolved_at IS NULL"),
            postgresql_where=sa.text("resolved_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_activation_flag_activation_id"))

    op.drop_table("activation_flag")
    op.drop_table("terms_version")
    with op.batch_alter_table("outbox_mail", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_mail_license_id"))
        batch_op.drop_index("ix_outbox_mail_due")

    op.drop_table("outbox_mail")
    with op.batch_alter_table("license_key", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_license_key_current",
            sqlite_where=sa.text("replaced_at IS NULL"),
            postgresql_where=sa.text("replaced_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_license_key_license_id"))

    op.drop_table("license_key")
    with op.batch_alter_table("activation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_activation_last_check_in_at"))
        batch_op.drop_index(batch_op.f("ix_activation_instance_id"))

    op.drop_table("activation")
    with op.batch_alter_table("staff_token", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_staff_token_staff_id"))

    op.drop_table("staff_token")
    op.drop_table("signing_key")
    with op.batch_alter_table("license", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_license_customer_id"))

    op.drop_table("license")
    op.drop_table("staff")
    op.drop_table("root_key")
    with op.batch_alter_table("rate_limit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_rate_limit_expires_at"))

    op.drop_table("rate_limit")
    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_customer_name"))

    op.drop_table("customer")
    op.drop_table("audit_head")
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_event_occurred_at"))
        batch_op.drop_index(batch_op.f("ix_audit_event_action"))

    op.drop_table("audit_event")
    if op.get_bind().dialect.name == "postgresql":
        for table in _APPEND_ONLY:
            op.execute(f"DROP FUNCTION {table}_refuse()")
