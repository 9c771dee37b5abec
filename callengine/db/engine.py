"""Makes the engine for a database URL, SQLite or PostgreSQL, with everything that the rest relies on.

SQLite: the driver's own transaction handling is off (`isolation_level=None`), so BEGIN is ours: the
committer's connection begins with BEGIN IMMEDIATE, any other with a plain BEGIN, which gives it one view that
does not change while it reads. In WAL with `synchronous=NORMAL` a commit does not wait for the disk; the
checkpoints that do are made beside the event loop (`checkpoint`), so the automatic ones are off. With FULL
every commit waits. Without a write-ahead log it does so at FULL too, but the removal of the journal, which is
what makes the commit, is sure to outlast a power cut only with EXTRA. A database in memory has a single
connection, and readers of it see each statement by itself.
PostgreSQL: psycopg 3, which waits cooperatively under gevent. A greenlet that is ended while it waits leaves
its query running on the server, so every query has a time limit there.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from sqlalchemy import URL, Connection, Engine, PoolProxiedConnection, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from callengine.db.prepared import describe
from callengine.errors import DatabaseError

Synchronous = Literal["normal", "full"]
"""What a power cut may cost: the last second, or nothing that was committed."""

WRITER = "callengine_writer"
"""Execution option of the connection that commits: on SQLite its transactions begin as writers."""

_STATEMENTS_KEPT = 512
"""Prepared statements that each SQLite connection remembers."""


def database_url(text: str) -> URL:
    """Read a URL: `sqlite:FILE`, `sqlite:///FILE`, `sqlite://` (in memory) or `postgresql://...` (psycopg 3).

    Raises DatabaseError for anything else, without showing a password.
    """
    if text.startswith("sqlite:") and not text.startswith("sqlite://"):
        file = text.removeprefix("sqlite:")
        return URL.create("sqlite", database=file or None)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise DatabaseError("the database URL cannot be read") from None
    if url.drivername == "sqlite":
        return url
    if url.drivername in ("postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    raise DatabaseError(
        f"a database of kind {url.drivername!r} is not supported: sqlite:FILE or postgresql://HOST/NAME is"
    )


def make_engine(
    url: str,
    *,
    max_connections: int = 10,
    connection_timeout_seconds: float = 30.0,
    pool_idle_timeout_seconds: float = 300.0,
    statement_timeout_seconds: float = 30.0,
    busy_timeout_seconds: float = 2.0,
    enable_wal_mode: bool | None = True,
    enable_foreign_keys: bool = True,
    synchronous: Synchronous = "normal",
) -> Engine:
    """An engine with a pool of `max_connections`, none opened yet.

    `connection_timeout_seconds` bounds the wait for a free connection (and on PostgreSQL for the server to
    answer); a connection that has been idle longer than `pool_idle_timeout_seconds` is replaced, not used.
    `statement_timeout_seconds` is for PostgreSQL. SQLite alone: `busy_timeout_seconds` is how long a writer
    may block on another process' lock, `enable_wal_mode` False sets the old rollback journal and None leaves
    the file's journal as it is, `synchronous` "full" has every commit wait for the disk. Raises DatabaseError
    for a URL that cannot be used.
    """
    parsed = database_url(url)
    options: dict[str, Any] = {"pool_size": max_connections, "max_overflow": 0, "pool_use_lifo": True}
    options["pool_timeout"] = connection_timeout_seconds
    if parsed.get_backend_name() == "postgresql":
        engine = _postgresql(parsed, options, connection_timeout_seconds, statement_timeout_seconds)
    else:
        engine = _sqlite(parsed, options, busy_timeout_seconds)
        pragmas = _pragmas(enable_wal_mode, enable_foreign_keys, synchronous)
        event.listen(engine, "connect", lambda opened, _entry: _run_all(opened, pragmas))
        event.listen(engine, "begin", _begin_in_memory if in_memory(engine) else _begin)
    _replace_idle(engine, pool_idle_timeout_seconds)
    return engine


def in_memory(engine: Engine) -> bool:
    """Whether this is a SQLite database without a file."""
    return engine.dialect.name == "sqlite" and engine.url.database in (None, "", ":memory:")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection for reading. Raises DatabaseError if the database is out of reach or refuses."""
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise DatabaseError(describe(error)) from error


def _postgresql(
    url: URL, options: dict[str, Any], connection_timeout_seconds: float, statement_timeout_seconds: float
) -> Engine:
    arguments = {
        "connect_timeout": max(1, round(connection_timeout_seconds)),
        "options": f"-c statement_timeout={round(statement_timeout_seconds * 1000)}",
    }
    try:
        return create_engine(url, connect_args=arguments, **options)
    except ImportError:
        raise DatabaseError(
            "PostgreSQL needs the package psycopg: pip install 'callengine[postgres]'"
        ) from None


def _sqlite(url: URL, options: dict[str, Any], busy_timeout_seconds: float) -> Engine:
    arguments = {
        "isolation_level": None,
        "timeout": busy_timeout_seconds,
        "cached_statements": _STATEMENTS_KEPT,
        "check_same_thread": False,
    }
    if url.database in (None, "", ":memory:"):
        return create_engine(url, connect_args=arguments, poolclass=StaticPool)
    return create_engine(url, connect_args=arguments, **options)


def _pragmas(enable_wal_mode: bool | None, enable_foreign_keys: bool, synchronous: Synchronous) -> list[str]:
    pragmas = [f"foreign_keys={'ON' if enable_foreign_keys else 'OFF'}"]
    if enable_wal_mode:
        level = "FULL" if synchronous == "full" else "NORMAL"
        pragmas += ["journal_mode=WAL", f"synchronous={level}", "wal_autocheckpoint=0"]
    elif enable_wal_mode is not None:
        level = "EXTRA" if synchronous == "full" else "FULL"
        pragmas += ["journal_mode=DELETE", f"synchronous={level}"]
    return pragmas


def _run_all(opened: sqlite3.Connection, pragmas: list[str]) -> None:
    for pragma in pragmas:
        opened.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    writer = connection.get_execution_options().get(WRITER)
    driver(connection).execute("BEGIN IMMEDIATE" if writer else "BEGIN")


def _begin_in_memory(connection: Connection) -> None:
    if connection.get_execution_options().get(WRITER):
        driver(connection).execute("BEGIN IMMEDIATE")


def driver(connection: Connection) -> Any:
    """The driver's own connection; to use it begins no transaction of SQLAlchemy's."""
    return connection.connection.driver_connection


def _replace_idle(engine: Engine, idle_seconds: float) -> None:
    def note(_opened: Any, entry: ConnectionPoolEntry) -> None:
        entry.info["idle_since"] = time.monotonic()

    def refuse(_opened: Any, entry: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
        since = entry.info.pop("idle_since", None)
        if since is not None and time.monotonic() - since > idle_seconds:
            raise DisconnectionError("idle for too long")

    if not in_memory(engine):
        event.listen(engine, "checkin", note)
        event.listen(engine, "checkout", refuse)
