"""The claim on a database: one process at a time may write, and another one learns which.

SQLite: a lock on the file `DATABASE.lock`, which holds the process's id. PostgreSQL: an advisory lock of one
connection, whose application name says who it is. Both end with the process, however it ends; a PostgreSQL
server may notice that only a moment later, which whoever comes next waits for. On PostgreSQL the claim ends
with its connection too, so whoever writes does so over that very connection (`Claim.connect`): when it is
lost, nothing can be written until a new one has the claim.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from callengine.db.engine import in_memory
from callengine.errors import DatabaseError

_KEY = 0x63616C6C
"""The number of our advisory lock: "call"."""

_NOTICED_WITHIN_SECONDS = 5.0
"""How long a server may take to notice the end of a process of this machine; some milliseconds are usual."""

_LOOK_EVERY_SECONDS = 0.02

_HOLDER = text(
    "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND granted AND objid = :key"
    " AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class DatabaseClaimed(DatabaseError):
    """Another process writes to the database."""


class Claim:
    """The right to write to a database, as it comes with a connection."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def connect(self) -> Connection:
        """A connection to write over; raises `DatabaseClaimed` if the claim was lost to somebody else."""
        return self._engine.connect()

    def give_back(self, connection: Connection) -> None:
        """Writing over it is over."""
        connection.close()


class _ServersClaim(Claim):
    """A claim that is its connection's; until somebody writes it has one of its own."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._unused: Connection | None = self._claimed()

    def connect(self) -> Connection:
        unused, self._unused = self._unused, None
        return unused or self._claimed()

    def give_back(self, connection: Connection) -> None:
        """Not to the pool: the claim would go with it to whoever reads over it next.

        The server learns of a connection's end only later; until then the next process would be refused.
        """
        with suppress(SQLAlchemyError):
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _KEY})
        connection.invalidate()
        connection.close()

    def end(self) -> None:
        if self._unused is not None:
            self.give_back(self._unused)

    def _claimed(self) -> Connection:
        connection = self._engine.connect()
        try:
            _advisory_lock(connection)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def claim(engine: Engine) -> Iterator[Claim]:
    """Be the one who writes to this database for the time being; raises `DatabaseClaimed`."""
    if in_memory(engine):
        yield Claim(engine)
    elif engine.dialect.name == "sqlite":
        with _file_lock(str(engine.url.database)):
            yield Claim(engine)
    else:
        claimed = _ServersClaim(engine)
        try:
            yield claimed
        finally:
            claimed.end()


@contextmanager
def _file_lock(database: str) -> Iterator[None]:
    path = f"{database}.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise DatabaseError(f"the lock {path} of the database cannot be made: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 64).decode("ascii", "replace").strip() or "unknown"
            raise DatabaseClaimed(f"the database {database} is in use by the process {holder}") from None
        _write_pid(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _write_pid(descriptor: int, path: str) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
    except OSError as error:
        raise DatabaseError(f"the lock {path} of the database cannot be written: {error.strerror}") from None


def _advisory_lock(connection: Connection) -> None:
    name = _application_name(os.getpid())
    connection.execute(text("SELECT set_config('application_name', :name, false)"), {"name": name})
    deadline = time.monotonic() + _NOTICED_WITHIN_SECONDS
    while not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _KEY}).scalar_one():
        holder = connection.execute(_HOLDER, {"key": _KEY}).scalars().first()
        connection.commit()
        if not _has_ended(holder) or time.monotonic() >= deadline:
            database = connection.engine.url.database
            raise DatabaseClaimed(f"the database {database} is in use by {holder or 'an unknown process'}")
        time.sleep(_LOOK_EVERY_SECONDS)
    connection.commit()


def _application_name(pid: int) -> str:
    """At most the 63 bytes that PostgreSQL keeps of it."""
    return f"callengine {pid} on {socket.gethostname()}"[:63]


def _has_ended(holder: str | None) -> bool:
    """Whether that was a process of this machine, or has given up the claim since it was asked for."""
    if holder is None:
        return True
    found = re.match(r"callengine (\d{1,10}) on ", holder)
    if found is None or holder != _application_name(int(found[1])):
        return False
    return not Path(f"/proc/{found[1]}").exists()
