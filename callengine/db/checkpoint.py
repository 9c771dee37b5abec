"""Brings what SQLite has committed to the disk, and its write-ahead log into the file, beside the event loop.

Theory of operation. A commit (with `synchronous=NORMAL`) appends to the log and does not wait for the disk,
with one exception: once a checkpoint has moved all of the log into the database file, the next write begins
the log anew and waits until its new header is on the disk. On the hub that would hold up every greenlet, so
that write is made here. All this happens in native threads, and only if something was committed since the
last time:

- Every `sync_seconds` the log is brought to the disk, so that a power cut costs only what came later: with
  half a second, no more than the last second, as long as the disk takes no longer than 250 ms for it. A
  checkpoint may take longer: another greenlet makes it, in another thread, and this goes on beside it.
- Every `checkpoint_seconds`, or as soon as the log has grown, there is a PASSIVE checkpoint, which waits for
  no reader and blocks no writer. Before it a reader of ours enters the log: as long as it is there, a commit
  appends to the log and cannot begin it anew.
- When that has moved all of the log, a write that changes nothing is made with the write turn, and the reader
  leaves within it. If no commit has appended meanwhile, this write begins the log anew.

The committer takes the same turn for each group, so while that write waits for the disk the committer waits
for its turn, and other greenlets run. The first write of all begins the log as well: `start` makes it.

Where commits wait for the disk themselves (`synchronous` "full") the log is on the disk already, and to bring
it there once more costs next to nothing; checkpoints and beginning anew are the same.
"""

import sqlite3
import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event
from gevent.lock import BoundedSemaphore
from loguru import logger
from sqlalchemy import Engine, text

from callengine.db.engine import in_memory, reading
from callengine.db.write_ahead_log import WriteAheadLog
from callengine.greenlets import spawn


class Checkpointer:
    """Looks after the write-ahead log of `engine`; does nothing for a database that has none.

    `turn` is held by whoever writes: the committer has the same one.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        turn: BoundedSemaphore,
        sync_seconds: float = 0.5,
        checkpoint_seconds: float = 10.0,
    ) -> None:
        self._engine = engine
        self._turn = turn
        self._sync_seconds = sync_seconds
        self._checkpoint_seconds = checkpoint_seconds
        self._stopping = Event()
        self._writing = BoundedSemaphore()
        self._log: WriteAheadLog | None = None
        self._greenlets: list[gevent.Greenlet[..., Any]] = []
        self._next_checkpoint = 0.0
        self._unmoved = False

    def start(self) -> None:
        """Make the first write to the log, then look after it. Raises DatabaseError if it cannot be read."""
        file = _file_with_log(self._engine)
        if file is not None:
            self._stopping.clear()
            self._unmoved = False
            self._next_checkpoint = time.monotonic() + self._checkpoint_seconds
            self._log = log = WriteAheadLog(file)
            self._write(log)
            _in_thread(log.sync)
            self._greenlets = [
                spawn("sync", self._keep_on_disk),
                spawn("checkpoint", self._keep_short, log),
            ]

    def stop(self) -> None:
        """Checkpoint once more, then end."""
        self._stopping.set()
        gevent.joinall(self._greenlets)
        self._greenlets = []
        log, self._log = self._log, None
        if log is not None:
            _in_thread(log.checkpoint)
            _in_thread(log.close)

    def sync(self) -> None:
        """Wait until what has been committed is on the disk; what the disk refuses is said in the log."""
        if self._log is not None:
            with self._writing:
                if _in_thread(self._log.sync):
                    self._unmoved = True

    def _keep_on_disk(self) -> None:
        while not self._stopping.wait(self._sync_seconds):
            self.sync()

    def _keep_short(self, log: WriteAheadLog) -> None:
        while not self._stopping.wait(self._sync_seconds):
            if _in_thread(lambda: self._checkpoint(log)):
                self._write(log)

    def _checkpoint(self, log: WriteAheadLog) -> bool:
        """Runs in a native thread; whether all of the log has been moved."""
        due = log.has_grown or time.monotonic() >= self._next_checkpoint
        if not (self._unmoved and due):
            return False
        self._next_checkpoint = time.monotonic() + self._checkpoint_seconds
        self._unmoved = False
        moved_all = False
        try:
            moved_all = log.checkpoint()
        finally:
            self._unmoved = self._unmoved or not moved_all
        return moved_all

    def _write(self, log: WriteAheadLog) -> None:
        with self._turn, self._writing:
            _in_thread(log.restart)


def _file_with_log(engine: Engine) -> str | None:
    """The database's file, links followed as SQLite does, if it has a write-ahead log."""
    if engine.dialect.name != "sqlite" or in_memory(engine):
        return None
    with reading(engine) as connection:
        if connection.scalar(text("PRAGMA journal_mode")) != "wal":
            return None
        return str(connection.scalar(text("SELECT file FROM pragma_database_list WHERE name = 'main'")))


def _in_thread(step: Callable[[], bool | None]) -> bool:
    """What `step` answers, run in a native thread; False, and a line in the log, if the database refuses."""
    answer = gevent.get_hub().threadpool.apply(_attempt, (step,))
    if isinstance(answer, Exception):
        logger.warning("looking after the write-ahead log failed: {}", answer)
        return False
    return bool(answer)


def _attempt(step: Callable[[], bool | None]) -> bool | Exception | None:
    """An error comes back as a value: gevent would print one that is raised."""
    try:
        return step()
    except (sqlite3.Error, OSError) as error:
        return error
