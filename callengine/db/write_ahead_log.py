"""The write-ahead log of a SQLite file: brings it to the disk, moves it into the file, and begins it anew.

All of it may wait for the disk, so it is for native threads, one call at a time: nothing of gevent's is here.
Theory of operation: `checkpoint`.
"""

import os
import sqlite3

GROWTH_LIMIT = 4 * 1024 * 1024
"""Bytes that a log may have gained since its last checkpoint before it `has_grown`."""

_FILE_LIMIT = 64 * 1024 * 1024
"""Bytes to which the log's file shrinks when the log begins anew.

Below, the file keeps its size: to write over what is there takes no new block of the file system, for which a
commit could have to wait while the log is brought to the disk.
"""

_HEADER_SIZE = 32
_FRAME_HEADER_SIZE = 24

_BUSY_SECONDS = 2.0
"""How long a write waits for another program's."""


class WriteAheadLog:
    """The log of the database in `file`. Every method raises sqlite3.Error or OSError."""

    def __init__(self, file: str) -> None:
        self._writer = _connect(file)
        self._reader = _connect(file)
        self._path = f"{file}-wal"
        self._synced: int | None = None
        self._checkpointed = (b"", 0)

    @property
    def has_grown(self) -> bool:
        """Whether the log has gained about GROWTH_LIMIT bytes since the last checkpoint.

        The file's size does not tell: behind the log there is what it held before it began anew. A frame
        belongs to the log if it has the salts of the log's header (sqlite.org/fileformat2.html, 4.1).
        """
        with open(self._path, "rb", buffering=0) as file:
            header = file.read(_HEADER_SIZE)
            page_size, salts = int.from_bytes(header[8:12], "big"), header[16:24]
            frame_size = _FRAME_HEADER_SIZE + page_size
            known, frames = self._checkpointed
            last_allowed = (frames if salts == known else 0) + GROWTH_LIMIT // frame_size
            file.seek(_HEADER_SIZE + last_allowed * frame_size)
            following = file.read(_FRAME_HEADER_SIZE)
        return bool(following) and following[8:16] == salts

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
        self._checkpointed = (self._salts(), in_log)
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

    def _salts(self) -> bytes:
        with open(self._path, "rb", buffering=0) as file:
            return file.read(_HEADER_SIZE)[16:24]


def _connect(file: str) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute(f"PRAGMA journal_size_limit={_FILE_LIMIT}")
    return connection
