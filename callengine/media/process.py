"""Starting the media process, watching it, starting it again when it dies or does nothing, and ending it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

import gevent
from gevent.event import Event
from gevent.pool import Group
from loguru import logger

from callengine import greenlets
from callengine.errors import MediaError, MediaUnavailable
from callengine.media.pulse import ask, drain, falls_silent, is_gone, state_of
from callengine.media.standby import Standby
from callengine.unix_peer import peer_of

_TRY_SECONDS = 0.02
_LOOK_SECONDS = 0.01
_END_SECONDS = 0.5
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0


class MediaProcess:
    """The media process behind `socket_path`: one that is alive there, or a child started with `command`.

    Without a `command` somebody else starts it, again too when it dies, and ends it: here it is only waited
    for. A child has a session of its own: what ends this process does not end it. `start_seconds` bounds
    the wait for its first answer, `stop_seconds` the wait for an orderly end. It is asked again and again;
    one that is frozen, or does not answer within `frozen_seconds`, is ended by force, whosever it is, and
    counts as dead. With a `standby_command` another one is kept in reserve (`standby.py`), from
    `standby_seconds` after a beginning on. `environment` is the children's, ours by default. `on_death` and
    `on_restart` are called in the watching greenlet and must not wait: when the process and its legs are
    gone, and once another answers.
    """

    def __init__(
        self,
        command: Sequence[str] | None,
        *,
        socket_path: str,
        start_seconds: float = 10.0,
        stop_seconds: float = 5.0,
        frozen_seconds: float = 2.0,
        standby_command: Sequence[str] | None = None,
        standby_seconds: float = 1.0,
        environment: Mapping[str, str] | None = None,
        on_death: Callable[[], None] = lambda: None,
        on_restart: Callable[[], None] = lambda: None,
    ) -> None:
        self._command = None if command is None else tuple(command)
        self._path = socket_path
        self._start_seconds = start_seconds
        self._stop_seconds = stop_seconds
        self._frozen_seconds = frozen_seconds
        self._environment = environment
        self._on_death = on_death
        self._on_restart = on_restart
        self._standby_command = standby_command
        self._standby: Standby | None = None
        self._standby_seconds = standby_seconds
        self._began_at = 0.0
        self._child: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._stopping = Event()
        self._group = Group()
        self.pid = 0
        """The media process's id; another after a restart."""

    def start(self) -> None:
        """Find or start the process, wait until it answers, and watch it; raises MediaUnavailable."""
        self._begin()
        if self._standby_command is not None:
            self._standby = Standby(self._standby_command, environment=self._environment)
        greenlets.spawn("media_watch", self._watch, owner=self._group)

    def stop(self) -> None:
        """End the process, unless it is somebody else's: SIGTERM, and SIGKILL after `stop_seconds`."""
        self._stopping.set()
        if self._standby is not None:
            self._standby.dismiss(self._stop_seconds)
        if self._command is None:
            self._let_go()
            return
        self._signal(signal.SIGTERM)
        if not self._group.join(timeout=self._stop_seconds):
            logger.warning("the media process {} does not end by itself", self.pid)
            self._signal(signal.SIGKILL)
            self._group.join()

    def _let_go(self) -> None:
        """Watch no longer: the connection's end looks like the end of the process."""
        self._hang_up()
        self._group.join()

    def _hang_up(self) -> None:
        if self._line is not None:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def _begin(self) -> None:
        try:
            self._line = self._wait_for_answer()
        except MediaError:
            self._end_child()
            raise
        self.pid = peer_of(self._line).pid
        self._began_at = time.monotonic()

    def _wait_for_answer(self) -> socket.socket:
        """A connection over which a process has answered, one that we start if nobody listens."""
        give_up = time.monotonic() + self._start_seconds
        while (left := give_up - time.monotonic()) > 0:
            try:
                return ask(self._path, left)
            except (ConnectionRefusedError, FileNotFoundError):
                if self._command is not None:
                    self._see_to_child(self._command)
            except OSError as error:
                logger.debug("the media process on {} does not answer: {}", self._path, error)
            gevent.sleep(_TRY_SECONDS)
        raise MediaUnavailable(f"no media process answers on {self._path} within {self._start_seconds} s")

    def _see_to_child(self, command: Sequence[str]) -> None:
        """Start a child unless one is on its way; raises MediaUnavailable if that one has ended."""
        if self._child is None:
            reserve = self._standby.release() if self._standby else None
            self._child = reserve or self._start_child(command)
        elif self._child.poll() is not None:
            raise MediaUnavailable(f"the media process ended with exit code {self._child.returncode}")

    def _start_child(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, start_new_session=True, env=self._environment
            )
        except OSError as error:
            raise MediaUnavailable(f"the media process cannot be started: {error}") from None

    def _watch(self) -> None:
        """Wait for the end of the process again and again, each time starting another."""
        while self._line is not None:
            self._wait_for_end(self._line)
            self._line.close()
            self._line = None
            if self._stopping.is_set():
                self._reap()
                return
            self._on_death()
            self._reap()
            self._await_its_end()
            what = "waiting for" if self._command is None else "starting"
            logger.warning("the media process {} has died; {} another", self.pid, what)
            self._begin_again()

    def _wait_for_end(self, line: socket.socket) -> None:
        """Wait until the process is gone; one that does nothing any more is ended."""
        state = partial(state_of, self.pid)
        is_silent = falls_silent(line, self._frozen_seconds, state=state, on_beat=self._see_to_standby)
        if is_silent and not self._stopping.is_set():
            logger.error("the media process {} does not answer any more; it is ended", self.pid)
            self._signal(signal.SIGKILL)
        drain(line)

    def _see_to_standby(self) -> None:
        """Have one in reserve, but not while the present one gets its legs."""
        if self._standby is not None and time.monotonic() - self._began_at > self._standby_seconds:
            self._standby.prepare()

    def _await_its_end(self) -> None:
        """A process that drops us is ending, and holds its ports until it has."""
        give_up = time.monotonic() + _END_SECONDS
        while not is_gone(self.pid) and time.monotonic() < give_up:
            gevent.sleep(_LOOK_SECONDS)

    def _begin_again(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            try:
                self._begin()
            except MediaError as error:
                logger.error("the media process cannot be started again: {}", error)
                self._stopping.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
                continue
            if self._stopping.is_set():
                self._end_late()
            else:
                self._on_restart()
            return

    def _end_late(self) -> None:
        """`stop` came while a process was on its way, and found none to end."""
        if self._command is None:
            self._hang_up()
        else:
            self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, as long as the connection shows that the id is still its own."""
        if self._line is not None:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass
            except PermissionError as error:
                logger.error("the media process {} cannot be ended: {}", self.pid, error)

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._reap()

    def _reap(self) -> None:
        """Take the exit code of a child that has ended; one that only dropped us stays our child."""
        if self._child is not None:
            try:
                self._child.wait(self._stop_seconds)
            except subprocess.TimeoutExpired:
                return
            self._child = None
