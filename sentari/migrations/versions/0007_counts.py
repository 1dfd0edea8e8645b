"""Count the devices of a package, the packages of an ecosystem and a device's packages by ecosystem."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_DEVICES_OF_PACKAGES = """
    WITH counted AS (
        SELECT package_id, count(*) AS devices FROM device_package GROUP BY package_id
    )
    UPDATE package SET device_count = counted.devices
    FROM counted WHERE counted.package_id = package.id
"""
_PACKAGES_OF_ECOSYSTEMS = """
    INSERT INTO ecosystem_count (ecosystem, packages)
    SELECT ecosystem, count(*) FROM package WHERE device_count > 0 GROUP BY ecosystem
"""
_ECOSYSTEMS_OF_DEVICES = """
    WITH counted AS (
        SELECT device_id, ecosystem, count(*) AS packages
        FROM device_package JOIN package ON package.id = device_package.package_id
        GROUP BY device_id, ecosystem
    ), joined AS (
        SELECT device_id, {function}(ecosystem, packages) AS ecosystems
        FROM counted GROUP BY device_id
    )
    UPDATE device SET ecosystems = joined.ecosystems
    FROM joined WHERE joined.device_id = device.id
"""


def upgrade() -> None:
    """Apply."""
    op.add_column("device", sa.Column("ecosystems", sa.Text(), server_default="{}", nullable=False))
    op.add_column(
        "package", sa.Column("device_count", sa.Integer(), server_default="0", nullable=False)
    )
    op.create_table(
        "inventory_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("added", sa.Text(), nullable=False),
        sa.Column("removed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventory_change")),
    )
    op.create_table(
        "ecosystem_count",
        sa.Column("ecosystem", sa.String(length=64), nullable=False),
        sa.Column("packages", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("ecosystem", name=op.f("pk_ecosystem_count")),
    )
    postgresql = op.get_bind().dialect.name == "postgresql"
    function = "json_object_agg" if postgresql else "json_group_object"
    op.execute(_DEVICES_OF_PACKAGES)
    op.execute(_PACKAGES_OF_ECOSYSTEMS)
    op.execute(_ECOSYSTEMS_OF_DEVICES.format(function=function))
    op.create_index("ix_package_ecosystem", "package", ["ecosystem", "name_folded"])


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_package_ecosystem", table_name="package")
    op.drop_table("ecosystem_count")
    op.drop_table("inventory_change")
    with op.batch_alter_table("package") as batch_op:
        batch_op.drop_column("device_count")
    with op.batch_alter_table("device") as batch_op:
        batch_op.drop_column("ecosystems")
