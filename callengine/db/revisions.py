"""Which revision of the schema a database is at, and which ones this program knows; without Alembic.

Every start asks this, and to import Alembic for it would take a sixth of the start. So it rests on how the
migrations are named, in the order of their names: `alembic/versions/REVISION_what_it_brings.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from callengine.db.engine import in_memory, make_engine
from callengine.db.models import LogHead, Tenant
from callengine.db.prepared import describe
from callengine.errors import DatabaseError

VERSION_TABLE = "alembic_version"
_OURS = {Tenant.__tablename__, LogHead.__tablename__}
"""Tables that every revision of ours has: another program's database may have a revision of the same name."""


def current(database: str | Engine) -> str | None:
    """The revision that `database` (a URL or an engine) is at, None if it is empty.

    Raises DatabaseError if it is out of reach, not ours, or newer than this program.
    """
    with opened(database) as engine:
        return refuse_foreign(engine)


def known() -> list[str]:
    """The revisions of this program, the newest last."""
    return sorted(
        file.name.partition("_")[0] for file in (scripts_directory() / "versions").glob("[0-9]*_*.py")
    )


def head() -> str:
    """The newest revision that this program knows."""
    revisions = known()
    if not revisions:
        raise DatabaseError(f"there are no migrations in {scripts_directory()}")
    return revisions[-1]


def require_head(database: str | Engine) -> None:
    """Raise DatabaseError unless `database` is at the newest revision; for the start of the service."""
    with opened(database) as engine:
        revision = refuse_foreign(engine)
        if revision != head():
            stands = f"at revision {revision}" if revision else "empty"
            raise DatabaseError(f"{shown(engine)} is {stands}, not at {head()}: run `callengine db upgrade`")


@contextmanager
def opened(database: str | Engine) -> Iterator[Engine]:
    """An engine that leaves the journal of a SQLite file as it is; errors become DatabaseErrors."""
    engine = database if isinstance(database, Engine) else make_engine(database, enable_wal_mode=None)
    try:
        yield engine
    except SQLAlchemyError as error:
        raise DatabaseError(f"{shown(engine)}: {describe(error)}") from error
    finally:
        if engine is not database:
            engine.dispose()


def refuse_foreign(engine: Engine) -> str | None:
    """The revision of a database of ours, None for an empty one. Raises DatabaseError for any other."""
    if is_missing_file(engine):
        return None
    with engine.connect() as connection:
        tables = set(inspect(connection).get_table_names())
        revision = _revision_in(connection) if VERSION_TABLE in tables else None
    if revision is None:
        strange = tables - {VERSION_TABLE}
        if strange:
            raise DatabaseError(
                f"{shown(engine)} is not a database of callengine: it has the tables {_some(strange)}"
            )
        return None
    if revision not in known():
        raise DatabaseError(
            f"{shown(engine)} is at revision {revision}, which this callengine does not know:"
            " it belongs to a newer one or to another program"
        )
    if not tables >= _OURS:
        raise DatabaseError(f"{shown(engine)} is not a database of callengine, but of another program")
    return revision


def _revision_in(connection: Connection) -> str | None:
    """What Alembic has noted; of several heads, which we never make, all."""
    rows = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").fetchall()
    return " and ".join(sorted(str(row[0]) for row in rows)) or None


def scripts_directory() -> Path:
    """Where the migrations are: in an installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_alembic"
    return installed if installed.is_dir() else package.parent / "alembic"


def is_missing_file(engine: Engine) -> bool:
    """Whether connecting would create a SQLite file, which only an upgrade may."""
    if engine.dialect.name != "sqlite" or in_memory(engine):
        return False
    return not Path(str(engine.url.database)).exists()


def shown(engine: Engine) -> str:
    """Its URL, without the password."""
    return engine.url.render_as_string(hide_password=True)


def _some(names: set[str]) -> str:
    first = sorted(names)[:5]
    return ", ".join(first) + (", ..." if len(names) > len(first) else "")
