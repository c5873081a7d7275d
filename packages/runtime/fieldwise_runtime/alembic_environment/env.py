"""Alembic's entry point for every service: runs the migrations on the connection that `migrations.migrate` opened."""

from alembic import context

options = context.config.attributes

context.configure(
    connection=options["connection"],
    version_table=options["version_table"],
    # One transaction around all, begun by the caller: a migration that fails leaves nothing behind, on SQLite too.
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
