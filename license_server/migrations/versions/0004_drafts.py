"""Licenses begin as drafts, and the database itself guards the way of a license and its keys."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATUSES = "status IN ('draft', 'active', 'suspended', 'revoked', 'discarded')"
_FIRST_STATUSES = "status IN ('active', 'suspended', 'revoked')"

# A trigger each: table, event, condition under which it refuses, and what it says.
_STRAY = """OLD.status <> NEW.status AND NOT (
  (OLD.status = 'draft' AND NEW.status IN ('active', 'discarded'))
  OR (OLD.status = 'active' AND NEW.status IN ('suspended', 'revoked'))
  OR (OLD.status = 'suspended' AND NEW.status IN ('active', 'revoked')))"""
_ISSUED = """EXISTS (SELECT 1 FROM license WHERE license.id = NEW.license_id
  AND license.status IN ('draft', 'discarded'))"""
_OVER = """EXISTS (SELECT 1 FROM license WHERE license.id = NEW.license_id
  AND license.status IN ('revoked', 'discarded'))"""
_GUARDS = {
    "license_status": ("license", "UPDATE OF status", _STRAY, "a license does not go this way"),
    "license_key_insert": ("license_key", "INSERT", _ISSUED, "a draft has no key"),
    "license_key_update": ("license_key", "UPDATE OF license_id", _ISSUED, "a draft has no key"),
    "activation_insert": ("activation", "INSERT", _ISSUED, "a draft has no activation"),
    "activation_update": (
        "activation",
        "UPDATE OF license_id",
        _ISSUED,
        "a draft has no activation",
    ),
    "terms_version_insert": ("terms_version", "INSERT", _OVER, "this license is over"),
}


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("license", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_license_status"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_license_status"), _STATUSES)
    with op.batch_alter_table("license_key", schema=None) as batch_op:
        batch_op.create_check_constraint(
            batch_op.f("ck_license_key_replaced_at"), "replaced_at >= issued_at"
        )
    with op.batch_alter_table("activation", schema=None) as batch_op:
        batch_op.create_check_constraint(
            batch_op.f("ck_activation_release_reason"), "length(release_reason) >= 1"
        )
    postgresql = op.get_bind().dialect.name == "postgresql"
    for name, guard in _GUARDS.items():
        for statement in (_on_postgresql if postgresql else _on_sqlite)(name, *guard):
            op.execute(sa.text(statement))


def _on_sqlite(name: str, table: str, event: str, refused: str, message: str) -> list[str]:
    return [
        f"CREATE TRIGGER guard_{name} BEFORE {event} ON {table} WHEN {refused} "
        f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
    ]


def _on_postgresql(name: str, table: str, event: str, refused: str, message: str) -> list[str]:
    return [
        f"CREATE FUNCTION guard_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {refused} THEN RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation'; "
        "END IF; RETURN NEW; END $$",
        f"CREATE TRIGGER guard_{name} BEFORE {event} ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION guard_{name}()",
    ]


def downgrade() -> None:
    """Undo; what is a draft or was one cannot be kept."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    for name, (table, *_) in _GUARDS.items():
        op.execute(f"DROP TRIGGER guard_{name}" + (f" ON {table}" if postgresql else ""))
        if postgresql:
            op.execute(f"DROP FUNCTION guard_{name}()")
    with op.batch_alter_table("activation", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_activation_release_reason"), type_="check")
    with op.batch_alter_table("license_key", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_license_key_replaced_at"), type_="check")
    with op.batch_alter_table("license", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_license_status"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_license_status"), _FIRST_STATUSES)
