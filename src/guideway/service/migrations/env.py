"""Alembic's entry: runs the migrations on the connection that Store.migrate hands over."""

from alembic import context

from guideway.service.store import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
