"""Tells the service manager how this process fares: sd_notify(3), by the socket that NOTIFY_SOCKET names.

READY=1 goes out once there is nothing against it. From then on a greenlet says WATCHDOG=1 twice in the time
that WATCHDOG_USEC allows, so that a hub on which nothing turns any more says none, and the manager acts.
Without a manager, and towards one that is gone, everything here does nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

import gevent
from gevent import Greenlet, socket

from callengine import greenlets

NOTIFY_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""The variables that are meant for one process alone, and not for those that it starts."""

_LOOK_SECONDS = 0.1
_STATUS_SECONDS = 10.0


class ServiceNotifier:
    """The line to the service manager that started this process, if one did."""

    def __init__(self, environ: Mapping[str, str] = os.environ, *, pid: int | None = None) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._beat_seconds = _beat_seconds(environ, os.getpid() if pid is None else pid)
        self._watching: Greenlet[..., object] | None = None
        self._is_stopping = False

    def watch(self, unready: Callable[[], Collection[str]], status: Callable[[], str]) -> None:
        """Say READY=1 as soon as `unready` names no reason, then that we live; never waits.

        `status` is one line about the present, for `systemctl status`.
        """
        if self._address and self._watching is None:
            self._watching = greenlets.spawn("service_notify", self._watch, unready, status)

    def stopping(self, within_seconds: float = 0) -> None:
        """Say STOPPING=1: the end has begun, and it may take so long, whatever TimeoutStopSec is."""
        self._is_stopping = True
        microseconds = int(within_seconds * 1_000_000)
        extend = [f"EXTEND_TIMEOUT_USEC={microseconds}"] if microseconds else []
        self._tell("STOPPING=1", "STATUS=ends", *extend)

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """Around taking over new settings: RELOADING=1 with the time of now, READY=1 whatever came of it."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._tell("RELOADING=1", f"MONOTONIC_USEC={microseconds}")
        try:
            yield
        finally:
            self._tell("READY=1")

    def end(self) -> None:
        """Say nothing more."""
        if self._watching is not None:
            self._watching.kill()
            self._watching = None

    def _watch(self, unready: Callable[[], Collection[str]], status: Callable[[], str]) -> None:
        told: Collection[str] = ()
        while reasons := unready():
            if reasons != told:
                self._tell(f"STATUS=not ready: {'; '.join(reasons)}")
                told = reasons
            gevent.sleep(_LOOK_SECONDS)
        self._tell("READY=1", f"STATUS={status()}")
        while True:
            if self._beat_seconds:
                self._tell("WATCHDOG=1")
            gevent.sleep(min(self._beat_seconds or _STATUS_SECONDS, _STATUS_SECONDS))
            if not self._is_stopping:
                self._tell(f"STATUS={status()}")

    def _tell(self, *lines: str) -> None:
        """Send one datagram; what cannot be sent at once is left out."""
        if not self._address:
            return
        message = "\n".join(line.replace("\n", " ") for line in lines)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.setblocking(False)
            try:
                line.sendto(message.encode(), self._address)
            except OSError:
                return


def _address(name: str) -> str:
    """The socket's address: a path, or behind an @ an abstract name (unix(7)); empty for any other."""
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else ""


def _beat_seconds(environ: Mapping[str, str], pid: int) -> float:
    """Half of the time after which the manager takes us for dead; 0 if it does not watch this process."""
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return 0.0
    microseconds = environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 2_000_000 if microseconds.isascii() and microseconds.isdigit() else 0.0
