"""A license knows which version of its terms was issued: earlier ones were drafts only."""

import sqlalchemy as sa
from alembic import op

from serverkit.migrations import triggers_kept

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ISSUED = "(status IN ('draft', 'discarded')) = (issued_version IS NULL)"
# The newest version that was there when the first key was made.
_FILL = """UPDATE license SET issued_version = COALESCE(
  (SELECT max(version) FROM terms_version WHERE terms_version.license_id = license.id
     AND terms_version.created_at <= (SELECT min(issued_at) FROM license_key
       WHERE license_key.license_id = license.id)), 1)
  WHERE status NOT IN ('draft', 'discarded')"""


def upgrade() -> None:
    """Apply."""
    op.add_column("license", sa.Column("issued_version", sa.Integer(), nullable=True))
    op.execute(_FILL)
    with triggers_kept(op.get_bind()), op.batch_alter_table("license", schema=None) as batch_op:
        batch_op.create_check_constraint(batch_op.f("ck_license_issued_version"), _ISSUED)


def downgrade() -> None:
    """Undo."""
    with triggers_kept(op.get_bind()), op.batch_alter_table("license", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_license_issued_version"), type_="check")
        batch_op.drop_column("issued_version")
