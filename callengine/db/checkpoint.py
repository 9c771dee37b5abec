"""Moves what SQLite's write-ahead log holds into the database file, beside the event loop.

With `synchronous=NORMAL` no commit waits for the disk; this does, once a second, in a native thread. A
PASSIVE checkpoint waits for no reader and blocks no writer, and first brings the log itself to the disk: so a
power cut costs at most what was committed since the last one.
"""

import sqlite3
from typing import Any

import gevent
from gevent.event import Event
from loguru import logger
from sqlalchemy import Engine

from callengine.db.engine import in_memory
from callengine.greenlets import spawn


class Checkpointer:
    """Checkpoints the SQLite file of `engine`; for any other database it does nothing."""

    def __init__(self, engine: Engine, *, every_seconds: float = 1.0) -> None:
        self._file = None if engine.dialect.name != "sqlite" or in_memory(engine) else engine.url.database
        self._every_seconds = every_seconds
        self._stopping = Event()
        self._greenlet: gevent.Greenlet[..., Any] | None = None
        self._connection: sqlite3.Connection | None = None

    def start(self) -> None:
        """Begin to checkpoint every `every_seconds`."""
        if self._file is not None:
            self._stopping.clear()
            self._greenlet = spawn("checkpoint", self._serve)

    def stop(self) -> None:
        """Checkpoint once more, then end."""
        self._stopping.set()
        if self._greenlet is not None:
            self._greenlet.join()
            self._greenlet = None

    def _serve(self) -> None:
        threads = gevent.get_hub().threadpool
        while not self._stopping.wait(self._every_seconds):
            threads.apply(self._checkpoint)
        threads.apply(self._checkpoint)
        threads.apply(self._close)

    def _checkpoint(self) -> None:
        """Runs in a native thread: nothing of gevent's here."""
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(
                    str(self._file), isolation_level=None, check_same_thread=False
                )
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            logger.warning("checkpoint of {} failed: {}", self._file, error)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
