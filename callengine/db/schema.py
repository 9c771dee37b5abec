"""The database's schema: brings it to a revision, tells where it stands, and whether it is as the models say.

The migrations are Alembic's, in one copy: `alembic/` at the top of a checkout, `callengine/_alembic` in an
installed package. A database that is not ours, or newer than this program, is refused and left untouched.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import CheckConstraint, Connection, Engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from callengine.db.claim import claim
from callengine.db.engine import in_memory, make_engine
from callengine.db.models import LogHead, Tenant
from callengine.db.prepared import describe
from callengine.errors import DatabaseError

_VERSION_TABLE = "alembic_version"
_OURS = {Tenant.__tablename__, LogHead.__tablename__}
"""Tables that every revision of ours has: another program's database may have a revision of the same name."""


def upgrade(database: str | Engine, revision: str = "head") -> None:
    """Bring `database` (a URL or an engine) up to `revision`; an empty one gets its tables.

    Raises DatabaseError if it is out of reach, not ours, newer than this program, or there is no `revision`.
    """
    with _opened(database) as engine:
        _refuse_foreign(engine)
        with claim(engine):
            _make_private(engine)
            command.upgrade(_configuration(engine), revision)


def downgrade(database: str | Engine, revision: str) -> None:
    """Bring `database` back to `revision` ("base": no tables). Raises DatabaseError like `upgrade`."""
    with _opened(database) as engine:
        _refuse_foreign(engine)
        with claim(engine):
            command.downgrade(_configuration(engine), revision)


def current(database: str | Engine) -> str | None:
    """The revision that `database` is at, None if it is empty. Raises DatabaseError like `upgrade`."""
    with _opened(database) as engine:
        return _refuse_foreign(engine)


def head() -> str:
    """The newest revision that this program knows."""
    newest = _scripts().get_current_head()
    if newest is None:
        raise DatabaseError(f"there are no migrations in {_scripts_directory()}")
    return newest


def knows(revision: str) -> bool:
    """Whether this program has the migration to `revision`, and so can bring a database there or back."""
    return revision in {script.revision for script in _scripts().walk_revisions()}


def require_head(database: str | Engine) -> None:
    """Raise DatabaseError unless `database` is at the newest revision; for the start of the service."""
    with _opened(database) as engine:
        revision = _refuse_foreign(engine)
        if revision != head():
            stands = f"at revision {revision}" if revision else "empty"
            raise DatabaseError(f"{_shown(engine)} is {stands}, not at {head()}: run `callengine db upgrade`")


def check(database: str | Engine) -> None:
    """Raise DatabaseError unless `database` is at the newest revision and exactly as the models say."""
    with _opened(database) as engine:
        require_head(engine)
        with engine.connect() as connection:
            differences = _differences(connection)
        if differences:
            listed = "\n".join(differences)
            raise DatabaseError(f"the schema of {_shown(engine)} differs from the models:\n{listed}")


@contextmanager
def _opened(database: str | Engine) -> Iterator[Engine]:
    """An engine that leaves the journal of a SQLite file as it is; errors become DatabaseErrors."""
    engine = database if isinstance(database, Engine) else make_engine(database, enable_wal_mode=None)
    try:
        yield engine
    except CommandError as error:
        raise DatabaseError(f"{_shown(engine)}: {error}") from error
    except SQLAlchemyError as error:
        raise DatabaseError(f"{_shown(engine)}: {describe(error)}") from error
    finally:
        if engine is not database:
            engine.dispose()


def _refuse_foreign(engine: Engine) -> str | None:
    """The revision of a database of ours, None for an empty one. Raises DatabaseError for any other."""
    if _is_missing_file(engine):
        return None
    with engine.connect() as connection:
        tables = set(inspect(connection).get_table_names())
        revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        strange = tables - {_VERSION_TABLE}
        if strange:
            raise DatabaseError(
                f"{_shown(engine)} is not a database of callengine: it has the tables {_some(strange)}"
            )
        return None
    if not knows(revision):
        raise DatabaseError(
            f"{_shown(engine)} is at revision {revision}, which this callengine does not know:"
            " it belongs to a newer one or to another program"
        )
    if not tables >= _OURS:
        raise DatabaseError(f"{_shown(engine)} is not a database of callengine, but of another program")
    return revision


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
    config.set_main_option("script_location", str(_scripts_directory()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["engine"] = engine
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_scripts_directory()))


def _scripts_directory() -> Path:
    package = Path(__file__).resolve().parent.parent
    installed = package / "_alembic"
    return installed if installed.is_dir() else package.parent / "alembic"


def _is_missing_file(engine: Engine) -> bool:
    """Whether connecting would create a SQLite file, which only an upgrade may."""
    if engine.dialect.name != "sqlite" or in_memory(engine):
        return False
    return not Path(str(engine.url.database)).exists()


def _make_private(engine: Engine) -> None:
    """Create a SQLite file that is missing so that others cannot read the agents' secrets in it."""
    if _is_missing_file(engine):
        try:
            os.close(os.open(str(engine.url.database), os.O_CREAT | os.O_WRONLY, 0o640))
        except OSError as error:
            raise DatabaseError(f"{_shown(engine)} cannot be made: {error.strerror}") from None


def _shown(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)


def _some(names: set[str]) -> str:
    shown = sorted(names)[:5]
    return ", ".join(shown) + (", ..." if len(names) > len(shown) else "")
