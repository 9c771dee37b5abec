"""Writes lines to a file or to standard error from a native thread, so that whoever logs never waits."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from datetime import datetime

from gevent.monkey import get_original

from callengine.log.lines import Line, Render, as_text

CAPACITY = 10_000
"""How many lines may wait for the writer."""

KEPT_FILES = 5
"""How many full files are kept beside the present one, as FILE.1 (the newest) to FILE.5."""

_STANDARD_ERROR = 2
_AT_ONCE = 500


class Writer:
    """A bounded queue of lines and the thread that empties it.

    Lines that find the queue full, or that the disk refuses, are dropped and counted in `dropped`; the count
    is told in the log as soon as writing succeeds. A file of `rotation_bytes` is set aside.
    """

    def __init__(
        self,
        file: str = "",
        *,
        rotation_bytes: int = 100_000_000,
        render: Render = as_text,
        capacity: int = CAPACITY,
    ) -> None:
        """Raises OSError if the file cannot be opened."""
        self.dropped = 0
        self._file = file
        self._rotation_bytes = rotation_bytes
        self._render = render
        self._capacity = capacity
        self._lines: deque[str] = deque()
        self._told = 0
        self._stopping = False
        native_lock = get_original("_thread", "allocate_lock")
        self._wake = native_lock()
        self._done = native_lock()
        self._output = self._open() if file else _STANDARD_ERROR

    def start(self) -> None:
        """Begin to write; what was put before is not lost."""
        self._done.acquire()
        get_original("_thread", "start_new_thread")(self._run, ())

    def put(self, line: Line) -> None:
        """Queue a line, from any thread; never waits."""
        if len(self._lines) >= self._capacity:
            self.dropped += 1
            return
        self._lines.append(self._render(line))
        self._wake_up()

    def stop(self, timeout: float) -> None:
        """Write what is queued, for at most `timeout` seconds, and end the thread."""
        self._stopping = True
        self._wake_up()
        self._done.acquire(timeout=timeout)

    def _wake_up(self) -> None:
        with contextlib.suppress(RuntimeError):  # the lock is free: the thread is awake already
            self._wake.release()

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._wake.acquire()
                self._write_waiting()
            self._write_waiting()
        finally:
            if self._file:
                os.close(self._output)
            self._done.release()

    def _write_waiting(self) -> None:
        while self._lines or self._told < self.dropped:
            batch = [self._lines.popleft() for _ in range(min(len(self._lines), _AT_ONCE))]
            lost = self.dropped
            try:
                self._rotate_if_full()
                self._write(self._loss(lost - self._told) + "".join(batch))
            except OSError:
                self.dropped += len(batch)
                if not self._lines:
                    return
            else:
                self._told = lost

    def _loss(self, lost: int) -> str:
        if not lost:
            return ""
        now = datetime.now().astimezone()
        message = f"{lost} log lines were lost: too slow to write"
        return self._render(Line(now, "WARNING", __name__, "thread", message))

    def _write(self, text: str) -> None:
        rest = text.encode("utf-8", "backslashreplace")
        while rest:
            rest = rest[os.write(self._output, rest) :]

    def _open(self) -> int:
        return os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def _rotate_if_full(self) -> None:
        """Set a full file aside; the service and its media process may share one, so either may do it."""
        if not self._file:
            return
        if not self._is_current():
            self._reopen()
        if os.fstat(self._output).st_size < self._rotation_bytes:
            return
        for number in range(KEPT_FILES - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{self._file}.{number}", f"{self._file}.{number + 1}")
        os.replace(self._file, f"{self._file}.1")
        self._reopen()

    def _is_current(self) -> bool:
        """Whether the file under the name is still the one that we write to."""
        try:
            return os.path.samestat(os.stat(self._file), os.fstat(self._output))
        except FileNotFoundError:
            return False

    def _reopen(self) -> None:
        fresh = self._open()
        os.close(self._output)
        self._output = fresh
