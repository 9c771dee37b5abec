"""The log: loguru's lines, written by a thread of their own, so that no disk or terminal holds up a call.

A line is put into a bounded queue in memory; one native thread writes. When it cannot keep up, lines are
dropped, counted, and the count is told as soon as writing succeeds again. (loguru's own `enqueue=True` is no
way: it freezes a process whose threads are monkey-patched.)
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import sys
import traceback
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING, Any

import greenlet
from gevent.monkey import get_original
from loguru import logger

if TYPE_CHECKING:
    from loguru import Message, Record

CAPACITY = 10_000
"""How many lines may wait for the writer."""

KEPT_FILES = 5
"""How many full log files are kept beside the present one, as FILE.1 (the newest) to FILE.5."""

_STANDARD_ERROR = 2
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127)} | {9: "\t", 10: "\\n", 13: "\\r"}


def configure(
    *, level: str = "INFO", format: str = "text", file: str = "", rotation_bytes: int = 100_000_000
) -> None:
    """Send the log to `file`, or to standard error when that is empty; may be called again.

    `format` is "text" or "json" (a document a line). Raises OSError if the file cannot be opened.
    """
    global _writer
    writer = Writer(file, rotation_bytes=rotation_bytes)
    stop()
    _writer = writer
    render = _as_json if format == "json" else _as_text
    logger.remove()
    logger.add(
        lambda message: writer.put(render(message)),
        level=level,
        format="{message}",
        backtrace=False,
        diagnose=False,  # it would print the values of variables, passwords among them
    )
    logging.basicConfig(handlers=[_Standard()], level=logging.WARNING, force=True)
    writer.start()


def stop(timeout: float = 2.0) -> None:
    """Write what is waiting, for at most `timeout` seconds; later lines are lost until `configure`."""
    global _writer
    if _writer is not None:
        _writer.stop(timeout)
        _writer = None


@contextlib.contextmanager
def call_context(call_id: str) -> Iterator[None]:
    """Lines written inside, here and in greenlets spawned from here, carry the call's id."""
    with logger.contextualize(call=call_id):
        yield


def from_native_thread(level: str, message: str) -> None:
    """Log from a thread that is not the hub's, where loguru's (monkey-patched) lock must not be touched."""
    writer = _writer
    if writer is None:
        return
    now = datetime.now().astimezone()
    frame: FrameType = sys._getframe(1)
    module = f"{frame.f_globals.get('__name__')}:{frame.f_lineno}"
    writer.put(_text(now, level, module, "thread", "", message))


def dropped() -> int:
    """How many lines were lost since `configure` because they could not be written in time."""
    return 0 if _writer is None else _writer.dropped


class Writer:
    """A bounded queue of lines and the native thread that writes them to a file or to standard error."""

    def __init__(
        self, file: str = "", *, rotation_bytes: int = 100_000_000, capacity: int = CAPACITY
    ) -> None:
        self.dropped = 0
        self._file = file
        self._rotation_bytes = rotation_bytes
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

    def put(self, line: str) -> None:
        """Queue a line, from any thread; never waits."""
        if len(self._lines) >= self._capacity:
            self.dropped += 1
            return
        self._lines.append(line)
        with contextlib.suppress(RuntimeError):  # the writer is awake already
            self._wake.release()

    def stop(self, timeout: float) -> None:
        """Write what is queued, for at most `timeout` seconds, and end the thread."""
        self._stopping = True
        with contextlib.suppress(RuntimeError):
            self._wake.release()
        self._done.acquire(timeout=timeout)

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
            batch = [self._lines.popleft() for _ in range(min(len(self._lines), 500))]
            lost = self.dropped
            try:
                self._rotate_if_full()
                self._write(_loss(lost - self._told) + "".join(batch))
            except OSError:
                self.dropped += len(batch)
                if not self._lines:
                    return
            else:
                self._told = lost

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
        """Whether the file under the name is still the one we write to."""
        try:
            return os.path.samestat(os.stat(self._file), os.fstat(self._output))
        except FileNotFoundError:
            return False

    def _reopen(self) -> None:
        fresh = self._open()
        os.close(self._output)
        self._output = fresh


def _loss(lost: int) -> str:
    """The line about lost lines; none if there are none."""
    if not lost:
        return ""
    now = datetime.now().astimezone()
    return _text(now, "WARNING", __name__, "thread", "", f"{lost} log lines were lost: too slow to write")


class _Standard(logging.Handler):
    """Takes the lines of libraries that use the standard library's logging."""

    def emit(self, record: logging.LogRecord) -> None:
        level: str | int = record.levelname if record.levelname in _LEVELS else record.levelno
        name = f"{record.name}:{record.lineno}"
        logger.opt(exception=record.exc_info).bind(module=name).log(level, "{}", record.getMessage())


_LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})
_writer: Writer | None = None
atexit.register(stop)


def _as_text(message: Message) -> str:
    record = message.record
    extra = record["extra"]
    line = _text(
        record["time"],
        record["level"].name,
        _module(record),
        _greenlet_name(),
        extra.get("call", ""),
        record["message"],
    )
    return line + _trace(record)


def _text(time: datetime, level: str, module: str, name: str, call: str, message: str) -> str:
    """One line; control characters are escaped, so that nobody outside can forge a line."""
    stamp = f"{time:%Y-%m-%d %H:%M:%S}.{time.microsecond // 1000:03d}"
    return f"{stamp} {level:<7} {module} [{name}] {call or '-'} {message.translate(_CONTROL)}\n"


def _as_json(message: Message) -> str:
    record = message.record
    extra = dict(record["extra"])
    document: dict[str, Any] = {
        "time": record["time"].astimezone(UTC).isoformat(timespec="milliseconds"),
        "level": record["level"].name,
        "module": _module(record),
        "greenlet": _greenlet_name(),
        "message": record["message"],
    }
    extra.pop("module", None)
    if trace := _trace(record):
        document["exception"] = trace
    return json.dumps(document | extra, default=str) + "\n"


def _module(record: Record) -> str:
    given = record["extra"].get("module")
    return str(given) if given else f"{record['name']}:{record['line']}"


def _trace(record: Record) -> str:
    exception = record["exception"]
    if exception is None:
        return ""
    return "".join(traceback.format_exception(exception.type, exception.value, exception.traceback))


def _greenlet_name() -> str:
    """The name that `greenlets.spawn` gave; the greenlet that a process starts with has none."""
    return getattr(greenlet.getcurrent(), "name", "") or "main"
