"""A real `callengine softphone` in a process of its own, and the events that it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.e2e.audio_first import goes_first
from tests.e2e.service import PASSWORD, ROOT
from tests.fakes import warm

Event = dict[str, Any]


class Phone:
    """A softphone and what it has said so far; use it in a `with` block, which ends it."""

    def __init__(
        self,
        name: str,
        *options: str,
        server: str,
        password: str | None = PASSWORD,
        is_program: bool = False,
    ) -> None:
        """`options` are further options of the command, as typed; without a password it does not register.

        `is_program`: it is never a fork of a process that has imported everything (`tests/fakes/warm.py`).
        """
        self.name = name
        self.events: list[Event] = []
        self._said = threading.Condition()
        own = [] if password is None else ["--password", password]
        heard, told = os.pipe()
        start = _fork if warm.is_shared() and not is_program else _program
        self.process = start("softphone", name, "--server", server, "--json", *options, *own, output=told)
        os.close(told)
        self._heard = os.fdopen(heard, encoding="utf-8")
        self._reader = threading.Thread(target=self._read, name=f"phone {name}", daemon=True)
        self._reader.start()

    def __enter__(self) -> Phone:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def _read(self) -> None:
        for line in self._heard:
            if not self.events:  # from now on it does nothing but telephone
                goes_first(self.process.pid)
            with self._said:
                self.events.append(json.loads(line))
                self._said.notify_all()

    def said(self, event: str) -> list[Event]:
        """The events of that name, in order."""
        with self._said:
            return [found for found in self.events if found["event"] == event]

    def wait_for(self, event: str, count: int = 1, timeout: float = 10.0) -> Event:
        """The `count`-th event of that name; raises AssertionError when it does not come in time."""
        deadline = time.monotonic() + timeout
        with self._said:
            while True:
                found = [said for said in self.events if said["event"] == event]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                if left <= 0 or (self.process.poll() is not None and not self._said.wait(0.5)):
                    raise AssertionError(f"{self.name}: no {event} number {count}; said {self.events}")
                self._said.wait(min(left, 0.5))

    def stop(self, timeout: float = 15.0) -> int:
        """End it as a user would (SIGTERM); gives its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._close()
        return code

    def vanish(self) -> None:
        """End it as a power cut would (SIGKILL): nobody is told."""
        self.process.kill()
        self.process.wait()
        self._close()

    def _close(self) -> None:
        self._reader.join(5)
        self._heard.close()


def _fork(*arguments: str, output: int) -> subprocess.Popen[bytes] | warm.Started:
    with open(os.devnull, "wb") as nothing:
        return warm.start(
            *arguments,
            environment=os.environ,
            directory=Path("/"),
            output=output,
            errors=nothing.fileno(),
        )


def _program(*arguments: str, output: int) -> subprocess.Popen[bytes] | warm.Started:
    return subprocess.Popen(
        [sys.executable, "-m", "callengine", *arguments],
        cwd=Path("/"),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.DEVNULL,
    )
