"""Virtual time: every sleep, timeout and timer of gevent, and both clocks, go by hand; nothing is slept.

The event loop is the real one, but for its timers: these wait in a heap until `advance` comes to them. So a
whole service, with its phones, lives through an hour in the time that its work takes, in an order that only
the test decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from typing import Any

import gevent
import pytest
from gevent.hub import get_hub

from callengine.clock import SystemClock


class _Timer:
    """What `loop.timer` gives: calls back once, when its time has come."""

    def __init__(self, loop: _Loop, seconds: float) -> None:
        self._loop = loop
        self._seconds = max(0.0, seconds)
        self.callback: Callable[..., object] | None = None
        self.args: tuple[Any, ...] = ()

    @property
    def active(self) -> bool:
        return self.callback is not None

    @property
    def pending(self) -> bool:
        return False

    def start(self, callback: Callable[..., object], *arguments: Any, update: object = None) -> None:  # noqa: ARG002
        self.callback, self.args = callback, arguments
        self._loop.add(self, self._seconds)

    def stop(self) -> None:
        self.callback, self.args = None, ()

    def close(self) -> None:
        self.stop()

    def __enter__(self) -> _Timer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fire(self) -> None:
        """Its time has come; in the hub, where the loop would call back."""
        callback, arguments = self.callback, self.args
        self.stop()
        if callback is not None:
            callback(*arguments)


class _Loop:
    """The hub's own loop, with timers that go by hand."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.passed = 0.0
        """Virtual seconds since the beginning."""
        self._timers: list[tuple[float, int, _Timer]] = []
        self._count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def timer(
        self,
        after: float,
        repeat: float = 0.0,  # noqa: ARG002 - the loop's signature
        ref: bool = True,  # noqa: ARG002
        priority: int | None = None,  # noqa: ARG002
    ) -> _Timer:
        return _Timer(self, after)

    def add(self, timer: _Timer, seconds: float) -> None:
        """Fire it so many virtual seconds from now, after those that are due at the same time."""
        self._count += 1
        heappush(self._timers, (self.passed + seconds, self._count, timer))

    def take_due(self, until: float) -> _Timer | None:
        """The next timer that is due by `until`; the time is then the one that it was set for."""
        while self._timers and (not self._timers[0][2].active or self._timers[0][0] <= until):
            at, _, timer = heappop(self._timers)
            if timer.active:
                self.passed = max(self.passed, at)
                return timer
        return None


class VirtualTime:
    """A clock that moves only by `advance`, and takes all timers with it.

    `settle` is called before each timer fires, so that what the one before has set off is over; it returns
    when there is nothing more to do without time passing.
    """

    def __init__(self, loop: _Loop, settle: Callable[[], None] = gevent.idle) -> None:
        self._loop = loop
        self._set_by = 0.0
        self.settle = settle

    def now(self) -> float:
        return 1_700_000_000.0 + self._set_by + self._loop.passed

    def monotonic(self) -> float:
        return 1000.0 + self._loop.passed

    def set_by(self, seconds: float) -> None:
        """Somebody sets the wall clock; no time passes."""
        self._set_by += seconds

    def advance(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        end = self._loop.passed + seconds
        self.settle()
        while (timer := self._loop.take_due(end)) is not None:
            self._loop.run_callback(timer.fire)
            self.settle()
        self._loop.passed = end

    def wait_really(self, seconds: float) -> None:
        """Let the machine go on, for whatever it does in real time (a database server, a thread)."""
        with self._loop.real.timer(seconds) as timer:
            get_hub().wait(timer)


@contextmanager
def virtual_time(patch: pytest.MonkeyPatch) -> Iterator[VirtualTime]:
    """From here to the end of the block time goes by hand; `patch` makes the system's clock go so too."""
    hub = get_hub()
    loop = _Loop(hub.loop)
    time = VirtualTime(loop)
    with patch.context() as patched:
        patched.setattr(hub, "loop", loop)
        patched.setattr(SystemClock, "now", lambda _: time.now())
        patched.setattr(SystemClock, "monotonic", lambda _: time.monotonic())
        yield time
