"""Run the migrations on the engine that the server hands over."""

from alembic import context

from license_server.models import db
from serverkit.migrations import run_migrations

run_migrations(context, db.metadata)
