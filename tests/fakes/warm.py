"""Starts the command `callengine` in processes of its own, without the time that its imports take.

One process (`forking.py`) has imported everything and waits; each command runs in a fork of it. What a test
judges stays the same: a process with its own environment, files and death. How the program starts by itself
is left to the end-to-end tests. `scripts/test.sh` starts one such process for all, named in `TEST_FORKING`,
and has its lanes run in forks of it too:

    python -m tests.fakes.warm ARGUMENTS...     runs pytest there, monkey-patched
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile

VARIABLE = "TEST_FORKING"
"""Names the process that forks for all."""
_TRIES, _TRY_AGAIN_SECONDS = 100, 0.1


def is_shared() -> bool:
    """Whether one process forks for all, so that a fork costs nothing but itself."""
    return VARIABLE in os.environ


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
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended; raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            self._news.settimeout(timeout)
            try:
                self.returncode = int(self._news.recv(16))
            except (BlockingIOError, TimeoutError):
                raise subprocess.TimeoutExpired("callengine", timeout or 0) from None
            self._news.close()
        return self.returncode

    def terminate(self) -> None:
        """Unless it has ended."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Unless it has ended."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: signal.Signals) -> None:
        """Unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


def start(
    *arguments: str,
    environment: Mapping[str, str],
    directory: Path | None = None,
    before: str = "",
    module: str = "callengine",
    output: int | None = None,
    errors: int | None = None,
) -> Started:
    """Run `python -m MODULE ARGUMENTS` in `directory`, or here; it runs the Python of `before` first.

    `output` is the file that gets what it says, without one it is silent; `errors` gets its standard error
    instead.
    """
    news, reply = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    wanted = {
        "module": module,
        "arguments": arguments,
        "environment": dict(environment),
        "directory": str(directory or Path.cwd()),
        "before": before,
    }
    files = [reply.fileno(), *(file for file in (output, errors) if file is not None)]
    with reply, _forking() as forking:
        socket.send_fds(forking, [json.dumps(wanted).encode()], files)
    return Started(news)


def run(
    *arguments: str,
    environment: Mapping[str, str],
    directory: Path | None = None,
    before: str = "",
    timeout: float = 40,
) -> subprocess.CompletedProcess[str]:
    """The same to its end: its exit code, and what it has said."""
    with TemporaryFile("w+") as said, TemporaryFile("w+") as complained:
        started = start(
            *arguments,
            environment=environment,
            directory=directory,
            before=before,
            output=said.fileno(),
            errors=complained.fileno(),
        )
        code = started.wait(timeout)
        said.seek(0)
        complained.seek(0)
        return subprocess.CompletedProcess(arguments, code, said.read(), complained.read())


def _forking() -> AbstractContextManager[socket.socket]:
    """Leads to the process that forks."""
    name = os.environ.get(VARIABLE)
    if name is None:
        return nullcontext(_our_own())
    shared = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for _ in range(_TRIES):
        if shared.connect_ex(f"\0{name}") == 0:
            break
        time.sleep(_TRY_AGAIN_SECONDS)  # it has only just been started
    return shared


@cache
def _our_own() -> socket.socket:
    """The one that ends with this process."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        subprocess.Popen([sys.executable, "-m", "tests.fakes.forking"], stdin=its.fileno())
    return ours


if __name__ == "__main__":
    sys.exit(start(*sys.argv[1:], environment=os.environ, module="pytest", output=1).wait())
