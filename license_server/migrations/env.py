"""Run the migrations on the engine that the server hands over."""

from alembic import context
from sqlalchemy import Connection

from license_server.models import db
from serverkit.database import writable


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        render_as_batch=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


with writable(context.config.attributes["engine"].connect()) as _connection:
    _migrate(_connection)
