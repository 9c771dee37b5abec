"""The write-ahead log of a SQLite file: brings it to the disk, moves it into the file, and begins it anew.

All of it may wait for the disk, so it is for native threads: nothing of gevent's is here. `checkpoint` may
run beside `sync`; `restart` runs beside neither.
Theory of operation: `checkpoint`.
"""

import os
import sqlite3

GROWTH_LIMIT = 4 * 1024 * 1024
"""Bytes that a log may have gained since its last checkpoint before it `has_grown`."""

_BUSY_SECONDS = 2.0
"""How long a write waits for another program's."""


class WriteAheadLog:
    """The log of the database in `file`. Every method raises sqlite3.Error or OSError."""

    def __init__(self, file: str) -> None:
        self._writer = _connect(file)
        self._reader = _connect(file)
        self._mover = _connect(file)
        self._path = f"{file}-wal"
        self._synced: int | None = None
        self._size_before = 0

    @property
    def has_grown(self) -> bool:
        """Whether the log has gained about GROWTH_LIMIT bytes since the last checkpoint."""
        return self._size() - self._size_before > GROWTH_LIMIT

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
        ((_busy, in_log, moved),) = self._mover.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        complete = bool(in_log == moved)
        if not complete:
            self._leave()
        self._size_before = self._size()
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
        self._size_before = min(self._size_before, self._size())

    def close(self) -> None:
        """Let the file go."""
        self._reader.close()
        self._mover.close()
        self._writer.close()

    def _leave(self) -> None:
        if self._reader.in_transaction:
            self._reader.execute("ROLLBACK")

    def _size(self) -> int:
        return os.stat(self._path).st_size


def _connect(file: str) -> sqlite3.Connection:
    """A log that begins anew here begins with an empty file (`journal_size_limit`).

    SQLite would write over what the file held before. Those blocks may have left the page cache, and to write
    a part of one, a commit on the hub would wait until the disk has read the rest: 126 ms on a busy disk.
    """
    connection = sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("PRAGMA journal_size_limit=0")
    return connection
