"""Writes the pending migrations as one SQL script; the house's own driver runs it."""

from alembic import context

context.configure(
    dialect_name="postgresql",
    dialect_opts={"paramstyle": "named"},
    as_sql=True,
    output_buffer=context.config.output_buffer,
    version_table="migrations",
    version_table_schema="platform",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
