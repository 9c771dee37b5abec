"""The write-ahead log of a SQLite file: brings it to the disk, moves it into the file, and begins it anew.

All of it may wait for the disk, so all of it is for a native thread, one call at a time: nothing of gevent's is
here. Theory of operation: `checkpoint`.
"""

import os
import sqlite3

SIZE_LIMIT = 4 * 1024 * 1024
"""Bytes to which the log's file shrinks when the log begins anew; below it, the file keeps its size."""

_BUSY_SECONDS = 2.0
"""How long a write waits for another program's."""


class WriteAheadLog:
    """The log of the database in `file`. Every method raises sqlite3.Error or OSError."""

    def __init__(self, file: str) -> None:
        self._writer = _connect(file)
        self._reader = _connect(file)
        self._path = self._find_path()
        self._synced: int | None = None

    @property
    def used(self) -> bool:
        """Whether the database has such a log: another journal needs nothing of this."""
        ((mode,),) = self._writer.execute("PRAGMA journal_mode").fetchall()
        return bool(mode == "wal")

    @property
    def size(self) -> int:
        """Bytes of the log's file: of the log itself, once that is larger than SIZE_LIMIT."""
        return os.stat(self._path).st_size

    def sync(self) -> bool:
        """Bring what others have committed to the disk; False if that is nothing since the last time."""
        ((version,),) = self._writer.execute("PRAGMA data_version").fetchall()
        if version == self._synced:
            return False
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        self._synced = version
        return True

    def checkpoint(self) -> bool:
        """Move the log into the database file; whether that was all of it when this began.

        If it was all, nobody can begin the log anew before `restart`: until then it has a reader.
        """
        self._leave()
        self._reader.execute("BEGIN")
        self._reader.execute("PRAGMA user_version").fetchall()
        ((_busy, in_log, moved),) = self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        complete = bool(in_log == moved)
        if not complete:
            self._leave()
        return complete

    def restart(self) -> None:
        """Write what the file says already: if all of the log has been moved, this begins it anew.

        The page of the header is written, since SQLite does not write a row that stays the same.
        """
        try:
            with self._writer:
                self._writer.execute("BEGIN IMMEDIATE")
                self._leave()
                ((version,),) = self._writer.execute("PRAGMA user_version").fetchall()
                self._writer.execute(f"PRAGMA user_version={version}")
        finally:
            self._leave()

    def close(self) -> None:
        """Let the file go."""
        self._reader.close()
        self._writer.close()

    def _leave(self) -> None:
        if self._reader.in_transaction:
            self._reader.execute("ROLLBACK")

    def _find_path(self) -> str:
        """SQLite follows symbolic links. A log has no locks, so others may open and close it as well."""
        ((_number, _name, file),) = self._writer.execute("PRAGMA database_list").fetchall()
        return f"{file}-wal"


def _connect(file: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute(f"PRAGMA journal_size_limit={SIZE_LIMIT}")
    return connection
