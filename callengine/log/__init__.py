"""The log: loguru's lines, written by a thread of their own, so that no disk or terminal holds up a call.

A line is put into a bounded queue in memory; one native thread writes. (loguru's own `enqueue=True` is no
way: it freezes a process whose threads are monkey-patched.)
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import sys
import traceback
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import greenlet
from loguru import logger

from callengine.log.lines import Line, as_json, as_text
from callengine.log.writer import Writer

if TYPE_CHECKING:
    from loguru import Message, Record

_LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})
_writer: Writer | None = None


def configure(
    *, level: str = "INFO", format: str = "text", file: str = "", rotation_bytes: int = 100_000_000
) -> None:
    """Send the log to `file`, or to standard error when that is empty; may be called again.

    `format` is "text" or "json" (a document a line). A file of `rotation_bytes` is set aside. Raises OSError
    if the file cannot be opened, and leaves the log as it was.
    """
    global _writer
    render = as_json if format == "json" else as_text
    writer = Writer(file, rotation_bytes=rotation_bytes, render=render)
    stop()
    _writer = writer
    set_level(level)
    logging.basicConfig(handlers=[_Standard()], level=logging.WARNING, force=True)
    writer.start()


def set_level(level: str) -> None:
    """Log lines of this level and above from now on, to where `configure` said."""
    logger.remove()
    logger.add(
        _put,
        level=level,
        format="{message}",
        backtrace=False,
        diagnose=False,  # it would print the values of variables, passwords among them
    )


def stop(timeout: float = 2.0) -> None:
    """Write what is waiting, for at most `timeout` seconds; later lines are lost until `configure`."""
    global _writer
    if _writer is not None:
        _writer.stop(timeout)
        _writer = None


atexit.register(stop)


@contextlib.contextmanager
def call_context(call_id: str) -> Iterator[None]:
    """Lines written inside, here and in greenlets spawned from here, carry the call's id."""
    with logger.contextualize(call=call_id):
        yield


def from_native_thread(level: str, message: str, detail: str = "") -> None:
    """Log from a thread that is not the hub's, where loguru's (monkey-patched) lock must not be touched.

    `detail` is text of several lines, such as a stack. Such a line is written whatever the level.
    """
    if _writer is not None:
        caller = sys._getframe(1)
        module = f"{caller.f_globals.get('__name__')}:{caller.f_lineno}"
        now = datetime.now().astimezone()
        _writer.put(Line(now, level, module, "thread", message, detail=detail))


def dropped() -> int:
    """How many lines were lost since `configure` because they could not be written in time."""
    return 0 if _writer is None else _writer.dropped


class _Standard(logging.Handler):
    """Takes the lines of libraries that use the standard library's logging."""

    def emit(self, record: logging.LogRecord) -> None:
        level: str | int = record.levelname if record.levelname in _LEVELS else record.levelno
        named = logger.opt(exception=record.exc_info).bind(module=f"{record.name}:{record.lineno}")
        named.log(level, "{}", record.getMessage())


def _put(message: Message) -> None:
    if _writer is not None:
        _writer.put(_line(message))


def _line(message: Message) -> Line:
    record = message.record
    extra = dict(record["extra"])
    return Line(
        time=record["time"],
        level=record["level"].name,
        module=extra.pop("module", "") or f"{record['name']}:{record['line']}",
        greenlet=getattr(greenlet.getcurrent(), "name", "") or "main",
        call=extra.pop("call", ""),
        message=record["message"],
        detail=_trace(record),
        extra=extra,
    )


def _trace(record: Record) -> str:
    exception = record["exception"]
    if exception is None:
        return ""
    return "".join(traceback.format_exception(exception.type, exception.value, exception.traceback))
