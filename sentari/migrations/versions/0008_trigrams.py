"""Find parts of packages' names by an index, where PostgreSQL has the extension for it."""

from alembic import op
from sqlalchemy import text

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INDEX = "ix_package_name_trigrams"
# The extension is one that whoever may create things in the database may install; where its
# files are missing or the right is, the search goes through all names, as it does on SQLite.
_USABLE = text("""
    SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm')
        OR has_database_privilege(current_database(), 'CREATE')
        AND EXISTS (
            SELECT FROM pg_available_extension_versions
            WHERE name = 'pg_trgm' AND trusted
        )
""")


def upgrade() -> None:
    """Apply."""
    bind = op.get_bind()
    if bind.dialect.name == "postgresql" and bind.scalar(_USABLE):
        op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        op.execute(f"CREATE INDEX {INDEX} ON package USING gin (name_folded gin_trgm_ops)")


def downgrade() -> None:
    """Undo, but leave the extension: others may use it."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP INDEX IF EXISTS {INDEX}")
