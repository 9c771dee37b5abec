"""The media process: a `LocalEngine` behind a Unix socket, which outlives the process that uses it.

One connection at a time is the owner's: the one that adopted last. It alone may change anything and gets the
events. When it ends, the legs go on relaying on their lease, and the same owner's next life may adopt them.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import gevent
from gevent.event import Event
from gevent.pool import Group
from loguru import logger

from callengine import greenlets
from callengine.clock import Clock, SystemClock
from callengine.errors import CallCenterError, MediaError, NotAllowed
from callengine.media import control
from callengine.media.engine import MediaEvent
from callengine.media.lines import LineConnection
from callengine.media.local import LocalEngine
from callengine.media.port_pool import PortPool

SOCKET_MODE = 0o660
MOST_CONNECTIONS = 32
_BACKLOG = 128
_PROBE_SECONDS = 1.0
_LOOK_SECONDS = 1.0
_RETRY_SECONDS = 0.1


def run(
    *,
    socket_path: str,
    host: str = "127.0.0.1",
    port_first: int = 16384,
    port_last: int = 32767,
    timeout_seconds: float = 60.0,
    lease_seconds: float = 120.0,
    ownerless_seconds: float | None = 120.0,
    socket_mode: int = SOCKET_MODE,
    hub_blocked: Callable[[], float] = lambda: 0.0,
    clock: Clock | None = None,
    on_listening: Callable[[], None] = lambda: None,
    on_stopping: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGTERM or SIGINT, or until there has been no owner for `ownerless_seconds` (None: ever).

    `host` is the numeric IPv4 address for RTP. Without an owner legs are kept for `lease_seconds`, and the
    process stays as long as they may. `on_listening` is called once the socket can be had, `on_stopping` when
    the end begins.
    Raises MediaError if the socket cannot be had, for one because another media process listens on it.
    """
    clock = clock or SystemClock()
    raise_descriptor_limit()
    if ownerless_seconds is not None:
        ownerless_seconds = max(ownerless_seconds, lease_seconds)
    worker = Worker(clock=clock, ownerless_seconds=ownerless_seconds)
    engine = LocalEngine(
        host=host,
        ports=PortPool(port_first, port_last),
        timeout_seconds=timeout_seconds,
        lease_seconds=lease_seconds,
        clock=clock,
        on_event=worker.report,
        hub_blocked=hub_blocked,
    )
    stop = Event()
    stop.rawlink(lambda _: on_stopping())
    watchers = [gevent.signal_handler(number, stop.set) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        listener = listen(socket_path, mode=socket_mode)
        on_listening()
        worker.serve(engine, listener, stop)
    finally:
        for watcher in watchers:
            watcher.cancel()


def raise_descriptor_limit() -> None:
    """Allow as many open sockets as the system lets this process have: each leg is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def listen(path: str, *, mode: int = SOCKET_MODE) -> socket.socket:
    """A listening Unix socket with just the permissions `mode`, in place of a stale one.

    Raises MediaError if another process listens there, something else has that name, or it can't be made.
    """
    if "\0" in path:
        raise MediaError(f"cannot listen on {path!r}: it is no name of a file")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear_stale(path)
        mask = os.umask(0o777 & ~mode)
        try:
            listener.bind(path)
        finally:
            os.umask(mask)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise MediaError(f"cannot listen on {path}: {error}") from None
    except MediaError:
        listener.close()
        raise
    return listener


def _clear_stale(path: str) -> None:
    if not os.path.lexists(path):
        return
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        raise MediaError(f"cannot listen on {path}: it exists and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except OSError:
            pass
    raise MediaError(f"another media process listens on {path}")


class Worker:
    """Serves one engine on one socket."""

    def __init__(self, *, clock: Clock, ownerless_seconds: float | None = 120.0) -> None:
        self._monotonic = clock.monotonic
        self._ownerless_seconds = ownerless_seconds
        self._ownerless_since = clock.monotonic()
        self._connections: set[LineConnection] = set()
        self._owner: LineConnection | None = None
        self._group = Group()

    def report(self, event: MediaEvent) -> None:
        """Send an event to the owner, if there is one."""
        if self._owner is not None:
            self._owner.post(control.write_event(event))

    def serve(self, engine: LocalEngine, listener: socket.socket, stop: Event) -> None:
        """Answer until `stop` is set or nobody has owned us for too long; then close everything."""
        path = listener.getsockname()
        accepting = greenlets.spawn("control_accept", self._accept, engine, listener)
        look_seconds = min(_LOOK_SECONDS, (self._ownerless_seconds or _LOOK_SECONDS) / 4)
        while not stop.wait(look_seconds) and not self._abandoned():
            pass
        accepting.kill()
        listener.close()
        with suppress(OSError):
            os.unlink(path)
        for connection in tuple(self._connections):
            connection.end()
        self._group.join()
        engine.shut_down()

    def _abandoned(self) -> bool:
        if self._owner is not None or self._ownerless_seconds is None:
            return False
        return self._monotonic() - self._ownerless_since >= self._ownerless_seconds

    def _accept(self, engine: LocalEngine, listener: socket.socket) -> None:
        while True:
            try:
                connected, _ = listener.accept()
            except OSError as error:
                logger.warning("cannot accept a connection on the media socket: {}", error)
                gevent.sleep(_RETRY_SECONDS)
                continue
            if len(self._connections) >= MOST_CONNECTIONS:
                connected.close()
                continue
            connection = LineConnection(connected, name="control_writer", owner=self._group)
            self._connections.add(connection)
            greenlets.spawn("control", self._converse, engine, connection, owner=self._group)

    def _converse(self, engine: LocalEngine, connection: LineConnection) -> None:
        """Answer one connection's requests; relays have their turn after each."""
        try:
            for line in connection.lines(longest=control.LONGEST_LINE):
                connection.post(self._answer(engine, connection, line))
                gevent.sleep(0)
        finally:
            self._connections.discard(connection)
            if self._owner is connection:
                self._owner = None
                self._ownerless_since = self._monotonic()
                engine.release()
            connection.close()

    def _answer(self, engine: LocalEngine, connection: LineConnection, line: bytes | None) -> bytes:
        number: int | None = None
        try:
            if line is None:
                raise MediaError(f"a line may have {control.LONGEST_LINE} octets at most")
            request = control.read_request(line)
            number = request.id
            return control.write_result(number, self._perform(engine, connection, request))
        except control.BadRequest as error:
            return control.write_error(error.id, error)
        except CallCenterError as error:
            return control.write_error(number, error)
        except Exception as error:
            logger.exception("a request to the media process failed")
            return control.write_error(number, MediaError(f"the media process failed: {error!r}"))

    def _perform(self, engine: LocalEngine, connection: LineConnection, request: control.Request) -> Any:
        if request.call not in control.FREE_CALLS and connection is not self._owner:
            raise NotAllowed(f"{request.call} needs an owner: adopt first")
        if request.call == "close":
            return engine.close(*request.arguments["leg_ids"])
        result = getattr(engine, request.call)(**request.arguments)
        if request.call == "adopt":
            self._change_owner(connection)
        return result

    def _change_owner(self, connection: LineConnection) -> None:
        before, self._owner = self._owner, connection
        if before is not None and before is not connection:
            before.end()
