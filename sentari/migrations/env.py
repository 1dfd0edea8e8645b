"""Run the migrations on the engine that the server hands over."""

from alembic import context

from sentari.extensions import db
from serverkit.migrations import run_migrations

run_migrations(context, db.metadata)
