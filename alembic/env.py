"""Runs migrations: on the engine that `callengine.db.schema` hands over, or on the settings' database.

On SQLite a changed table is copied and replaced ("batch"); with foreign keys enforced that would delete the
rows that refer to it. So they are not enforced here, and checked before the commit instead.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from logging.config import fileConfig

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, Engine

from callengine.db.engine import driver, make_engine
from callengine.db.models import Tenant


def find_engine() -> Engine:
    """The engine given in the attributes, else one for `sqlalchemy.url`, else for the settings' database."""
    given = context.config.attributes.get("engine")
    if isinstance(given, Engine):
        return given
    url = context.config.get_main_option("sqlalchemy.url")
    if url is None:
        from callengine.config.loader import load  # only plain `alembic` reads settings

        url = load().database.url
    return make_engine(url, enable_wal_mode=None)


@contextmanager
def without_foreign_keys(connection: Connection) -> Iterator[None]:
    """SQLite: do not enforce them for the time being. It must be said outside any transaction."""
    if connection.dialect.name != "sqlite":
        yield
        return
    ((enforced,),) = driver(connection).execute("PRAGMA foreign_keys").fetchall()
    driver(connection).execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver(connection).execute(f"PRAGMA foreign_keys={enforced}")


def refuse_dangling(connection: Connection) -> None:
    """Raise CommandError if a row of a SQLite database refers to one that is not there."""
    if connection.dialect.name != "sqlite":
        return
    dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if dangling:
        tables = ", ".join(sorted({row[0] for row in dangling}))
        raise CommandError(f"the migration would leave rows that refer to missing ones, in: {tables}")


def migrate(connection: Connection) -> None:
    """Run what Alembic was asked for, in one transaction."""
    context.configure(
        connection=connection,
        target_metadata=Tenant.metadata,
        render_as_batch=True,
        compare_type=True,
        compare_server_default=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()
        refuse_dangling(connection)


def main() -> None:
    """The whole run."""
    if context.is_offline_mode():
        raise CommandError("migrations need a database: --sql is not supported")
    if context.config.config_file_name is not None:
        fileConfig(context.config.config_file_name, disable_existing_loggers=False)
    with find_engine().connect() as connection, without_foreign_keys(connection):
        migrate(connection)


main()
