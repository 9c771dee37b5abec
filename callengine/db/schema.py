"""The database's schema: brings it to a revision, and tells whether it is as the models say.

The migrations are Alembic's, in one copy: `alembic/` at the top of a checkout, `callengine/_alembic` in an
installed package. A database that is not ours, or newer than this program, is refused and left untouched.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import CheckConstraint, Connection, Engine, inspect

from callengine.db.claim import claim
from callengine.db.models import Tenant
from callengine.db.revisions import (
    current,
    head,
    is_missing_file,
    known,
    opened,
    refuse_foreign,
    require_head,
    scripts_directory,
    shown,
)
from callengine.errors import DatabaseError

__all__ = ["check", "current", "downgrade", "head", "knows", "upgrade"]
"""`scripts/install.sh` of any version asks these here, of the versions before and after it too."""


def upgrade(database: str | Engine, revision: str = "head") -> None:
    """Bring `database` (a URL or an engine) up to `revision`; an empty one gets its tables.

    Raises DatabaseError if it is out of reach, not ours, newer than this program, or there is no `revision`.
    """
    with _migrating(database) as engine:
        _make_private(engine)
        command.upgrade(_configuration(engine), revision)


def downgrade(database: str | Engine, revision: str) -> None:
    """Bring `database` back to `revision` ("base": no tables). Raises DatabaseError like `upgrade`."""
    with _migrating(database) as engine:
        command.downgrade(_configuration(engine), revision)


def check(database: str | Engine) -> None:
    """Raise DatabaseError unless `database` is at the newest revision and exactly as the models say."""
    with opened(database) as engine:
        require_head(engine)
        with engine.connect() as connection:
            differences = _differences(connection)
        if differences:
            listed = "\n".join(differences)
            raise DatabaseError(f"the schema of {shown(engine)} differs from the models:\n{listed}")


def knows(revision: str) -> bool:
    """Whether this program has the migration to `revision`, and so can bring a database there or back."""
    return revision in known()


@contextmanager
def _migrating(database: str | Engine) -> Iterator[Engine]:
    """An engine on a database that nobody else works on; what Alembic refuses becomes a DatabaseError."""
    with opened(database) as engine:
        refuse_foreign(engine)
        with claim(engine):
            try:
                yield engine
            except CommandError as error:
                raise DatabaseError(f"{shown(engine)}: {error}") from error


def _differences(connection: Connection) -> list[str]:
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    found = [str(difference) for difference in compare_metadata(context, Tenant.metadata)]
    return found + _different_checks(connection)


def _different_checks(connection: Connection) -> list[str]:
    """CHECK constraints, at which Alembic does not look. PostgreSQL rewrites them, so there by name alone."""
    exact = connection.dialect.name == "sqlite"
    found = []
    for name, table in Tenant.metadata.tables.items():
        wanted = {
            (str(rule.name), str(rule.sqltext) if exact else "")
            for rule in table.constraints
            if isinstance(rule, CheckConstraint)
        }
        present = {
            (str(rule["name"]), rule["sqltext"] if exact else "")
            for rule in inspect(connection).get_check_constraints(name)
        }
        found += [f"{name}: CHECK {rule} {text}" for rule, text in sorted(wanted ^ present)]
    return found


def _configuration(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts_directory()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["engine"] = engine
    return config


def _make_private(engine: Engine) -> None:
    """Create a SQLite file that is missing so that others cannot read the agents' secrets in it."""
    if is_missing_file(engine):
        try:
            os.close(os.open(str(engine.url.database), os.O_CREAT | os.O_WRONLY, 0o640))
        except OSError as error:
            raise DatabaseError(f"{shown(engine)} cannot be made: {error.strerror}") from None
