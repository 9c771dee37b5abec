"""A second media process, loaded and waiting for its word: it can take the place of one that dies at once."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from loguru import logger

WORD, GOODBYE = b"\n", b"."
"""What lets it go on, on its standard input, and what ends it, as does the end of that."""


class Standby:
    """At most one process that waits; `command` is to read its word before it takes the socket.

    It has a session of its own, and ends with us, or when it is dismissed. One pipe serves all of them, one
    after another: nothing that we hold depends on whether one waits at the moment.
    """

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> None:
        self._command = tuple(command)
        self._environment = environment
        self._waiting: subprocess.Popen[bytes] | None = None
        self._reading, self._writing = os.pipe()
        self._is_dismissed = False

    @property
    def is_wanted(self) -> bool:
        """Whether none waits."""
        return not self._is_dismissed and (self._waiting is None or self._waiting.poll() is not None)

    def prepare(self) -> None:
        """Start one, if none waits. A failure is logged: then the next is started when it is needed."""
        if not self.is_wanted:
            return
        try:
            started = subprocess.Popen(
                self._command, stdin=self._reading, start_new_session=True, env=self._environment
            )
        except OSError as error:
            logger.warning("no media process can be kept in reserve: {}", error)
            return
        if self._is_dismissed:  # meanwhile
            started.kill()
            started.wait()
        else:
            self._waiting = started

    def release(self) -> subprocess.Popen[bytes] | None:
        """Let the one that waits serve, and give it away; None if there is none."""
        waiting, self._waiting = self._waiting, None
        if waiting is None or waiting.poll() is not None:
            return None
        os.write(self._writing, WORD)
        return waiting

    def dismiss(self, seconds: float) -> None:
        """End the one that waits, by force after `seconds`; there will be no other."""
        if self._is_dismissed:
            return
        self._is_dismissed = True
        if self._waiting is not None and self._waiting.poll() is None:
            os.write(self._writing, GOODBYE)
            _end(self._waiting, seconds)
        os.close(self._writing)
        os.close(self._reading)


def _end(ending: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        ending.wait(seconds)
    except subprocess.TimeoutExpired:
        ending.kill()
        ending.wait()


def await_word() -> bool:
    """In the process that waits: True when it is to serve, False when it is to end. Holds up everything."""
    return os.read(0, len(WORD)) == WORD
