"""Starts the command `callengine` in processes of its own, without the time that its imports take.

One process (`forking.py`) has imported everything and waits; each command runs in a fork of it. What a test
judges stays the same: a process with its own environment, files and death. How the program starts by itself
is left to the end-to-end tests.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from tempfile import NamedTemporaryFile


class Started:
    """A command that runs, or has ended; its methods are those of `subprocess.Popen`."""

    def __init__(self, news: socket.socket) -> None:
        """`news` brings its process id, and its exit code at the end."""
        self._news = news
        self.pid = int(news.recv(16))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        try:
            return self.wait(timeout=0)
        except (BlockingIOError, TimeoutError):
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended; raises TimeoutError."""
        if self.returncode is None:
            self._news.settimeout(timeout)
            self.returncode = int(self._news.recv(16))
            self._news.close()
        return self.returncode

    def terminate(self) -> None:
        """Unless it has ended."""
        self.send_signal(signal.SIGTERM)

    def send_signal(self, number: signal.Signals) -> None:
        """Unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


def start(*arguments: str, environment: Mapping[str, str], before: str = "") -> Started:
    """Run `callengine ARGUMENTS`, silently; `before` is Python that its process runs first."""
    news, reply = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    wanted = {"arguments": arguments, "environment": dict(environment), "before": before}
    with reply:
        socket.send_fds(_forking(), [json.dumps(wanted).encode()], [reply.fileno()])
    return Started(news)


def run(
    *arguments: str, environment: Mapping[str, str], before: str = "", timeout: float = 40
) -> subprocess.CompletedProcess[str]:
    """The same to its end: its exit code, and what it has written to standard error."""
    with NamedTemporaryFile() as said:
        redirect = f"import os; os.dup2(os.open({said.name!r}, os.O_WRONLY), 2)\n"
        started = start(*arguments, environment=environment, before=redirect + before)
        return subprocess.CompletedProcess(arguments, started.wait(timeout), stderr=said.read().decode())


@cache
def _forking() -> socket.socket:
    """Leads to the process that forks, which ends with this one."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        subprocess.Popen([sys.executable, "-m", "tests.fakes.forking"], stdin=its.fileno())
    return ours
