"""Watches that no greenlet keeps all others waiting; logs the stack of one that does.

A timer in the hub's loop beats; a native thread sees when the beat stays away too long, takes the stack of
the hub's thread at that moment and logs it. A hub that merely waits for something to happen is not blocked,
however late the machine lets it run.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

import gevent
from gevent.monkey import get_original

from callengine import log

_BEATS_PER_LIMIT = 4
_DEPTH = 30
"""How many innermost frames of the blocking stack are logged."""


class HubWatchdog:
    """Watches the hub of the thread it is started in.

    `blocked_after_seconds` is how long one greenlet may run, or wait in a system call, without letting the
    others run. `report(message, stack)` is called in a native thread: it must not wait, nor touch anything of
    gevent.
    """

    def __init__(
        self, *, blocked_after_seconds: float = 0.1, report: Callable[[str, str], None] | None = None
    ) -> None:
        self.blocked_seconds = 0.0
        """The time in all that the hub was found blocked; grows when a block is over."""
        self.blocks = 0
        """How often the hub was found blocked."""
        self._limit = blocked_after_seconds
        self._report = report or _log
        self._monotonic: Callable[[], float] = get_original("time", "monotonic")
        self._sleep: Callable[[float], None] = get_original("time", "sleep")
        self._beat = 0.0
        self._caught = False
        self._running = False
        self._timer: Any = None
        self._thread_id = 0

    def start(self) -> None:
        """Begin to watch the current thread's hub."""
        self._running = True
        self._thread_id = get_original("_thread", "get_ident")()
        self._beat = self._monotonic()
        interval = self._limit / _BEATS_PER_LIMIT
        self._timer = gevent.get_hub().loop.timer(interval, interval, ref=False)
        self._timer.start(self._on_beat, update=True)
        get_original("_thread", "start_new_thread")(self._watch, ())

    def stop(self) -> None:
        """Watch no longer."""
        self._running = False
        if self._timer is not None:
            self._timer.close()
            self._timer = None

    def _on_beat(self) -> None:
        now = self._monotonic()
        if self._caught:
            self._caught = False
            self.blocked_seconds += now - self._beat
        self._beat = now

    def _watch(self) -> None:
        while self._running:
            self._sleep(self._limit / _BEATS_PER_LIMIT)
            late = self._monotonic() - self._beat
            if late > self._limit and not self._caught and self._running:
                frame = sys._current_frames().get(self._thread_id)
                if frame is not None and not _waits(frame):
                    self._catch(frame, late)

    def _catch(self, frame: FrameType, late: float) -> None:
        self.blocks += 1
        self._caught = True
        stack = "".join(traceback.format_stack(frame, _DEPTH))
        self._report(f"all greenlets have been waiting for {late * 1000:.0f} ms for this one:", stack)


def _waits(frame: FrameType) -> bool:
    """Whether the hub itself is on top: it is in its loop, and waits for events."""
    return frame.f_code.co_name == "run" and frame.f_globals.get("__name__") == "gevent.hub"


def _log(message: str, stack: str) -> None:
    log.from_native_thread("WARNING", message, stack)
