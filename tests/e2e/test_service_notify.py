"""A test holds NOTIFY_SOCKET of the real service: what is said, and when."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.service import ROOT, Service, until

_BEAT_SECONDS = 0.5


class Listener:
    """Hears what is sent, and whether /ready said so when READY=1 came."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(os.fspath(path))

    def lines(self, seconds: float, *, until_line: str | None = None) -> list[str]:
        """The lines that come within `seconds`, or until one of them is `until_line`."""
        found: list[str] = []
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and until_line not in found:
            self._socket.settimeout(left)
            try:
                found += self._socket.recv(4096).decode().split("\n")
            except TimeoutError:
                break
        return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    listener = Listener(tmp_path / "notify")
    yield listener
    listener.close()


def is_ready(service: Service) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{service.api_port}/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def test_what_the_service_manager_hears(tmp_path: Path, listener: Listener) -> None:
    service = Service(tmp_path / "service", agents=[])
    service.prepare()
    variables = {
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": str(int(_BEAT_SECONDS * 2_000_000)),
        "HOLD_SECONDS": "4",
    }
    with (tmp_path / "out").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.blockable"],
            cwd=ROOT,
            env=service.environment | variables,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        said = listener.lines(30, until_line="READY=1")
        assert "READY=1" in said, (tmp_path / "out").read_text()
        assert is_ready(service)
        assert "WATCHDOG=1" not in said[: said.index("READY=1")]
        assert "WATCHDOG=1" in listener.lines(10, until_line="WATCHDOG=1")
        process.send_signal(signal.SIGUSR1)
        assert until(lambda: "WATCHDOG=1" not in listener.lines(1.5), 5), "held: nothing is said"
        assert "WATCHDOG=1" in listener.lines(20, until_line="WATCHDOG=1"), "it turns again"
        process.send_signal(signal.SIGTERM)
        assert "STOPPING=1" in listener.lines(20, until_line="STOPPING=1")
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.effect("media.start")
def test_no_ready_without_media(tmp_path: Path, listener: Listener) -> None:
    service = Service(tmp_path / "service", agents=[], settings={"MEDIA__START": "false"})
    service.prepare()
    process = subprocess.run(
        [sys.executable, "-m", "callengine", "serve"],
        env=service.environment | {"NOTIFY_SOCKET": str(tmp_path / "notify")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 1
    assert "no media process answers on" in process.stderr
    assert "READY=1" not in listener.lines(0.2)
