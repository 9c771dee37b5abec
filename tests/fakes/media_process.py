"""A real media process for tests, on a socket and ports of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import gevent

ROOT = Path(__file__).resolve().parents[2]
PORT_FIRST, PORT_LAST = 29000, 29099


def command(socket_path: str, **options: object) -> list[str]:
    """What starts one; `options` are those of `callengine.media.worker.run`."""
    arguments = {"socket_path": socket_path, "port_first": PORT_FIRST, "port_last": PORT_LAST, **options}
    program = (
        "from gevent import monkey; monkey.patch_all(); import sys; "
        f"sys.path.insert(0, {os.fspath(ROOT)!r}); "
        f"from callengine.media.worker import run; run(**{arguments!r})"
    )
    return [sys.executable, "-c", program]


class RunningMedia:
    """A media process as a child of the test."""

    def __init__(self, socket_path: str, **options: object) -> None:
        self.path = socket_path
        self.process = subprocess.Popen(command(socket_path, **options))
        wait_until_answering(socket_path)

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def wait(self, timeout: float = 5.0) -> int:
        """Wait for it to end by itself; return its exit code."""
        return self.process.wait(timeout)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def wait_until_answering(path: str, *, timeout: float = 10.0) -> None:
    give_up = time.monotonic() + timeout
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(path)
                return
            except OSError:
                assert time.monotonic() < give_up, f"nothing listens on {path}"
        gevent.sleep(0.02)


def descriptors(pid: int) -> int:
    """How many files and sockets a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))
