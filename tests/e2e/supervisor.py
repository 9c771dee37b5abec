"""Does with a service what its unit file says, since no systemd runs where the tests do.

What it obeys: ExecStartPre, ExecStart, ExecReload, Environment, Type=notify, NotifyAccess=main, WatchdogSec,
Restart, RestartSec, TimeoutStartSec, TimeoutStopSec, EXTEND_TIMEOUT_USEC, KillMode (mixed, control-group),
KillSignal, RuntimeDirectory with Mode and Preserve, StateDirectory. A process group stands for the control
group.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.service import until
from tests.e2e.unit_file import UnitFile

_TURN_SECONDS = 0.05


class Supervisor:
    """One unit: start it, ask it, stop it; a thread watches over it in between. `root` stands for /."""

    def __init__(self, unit: UnitFile, *, root: Path, environment: Mapping[str, str]) -> None:
        self.unit = unit
        self.history: list[str] = []
        """What came to pass, each a word: ready, stopping, watchdog, exited, killed, restarted."""
        self.statuses: list[str] = []
        self._root = root
        self._environment = {**environment, **unit.environment(), **self._directories()}
        self._process: subprocess.Popen[bytes] | None = None
        self._notify: socket.socket | None = None
        self._watching: threading.Thread | None = None
        self._stop_wanted = threading.Event()
        self._is_ready = threading.Event()
        self._heard_at = 0.0
        self._stop_seconds = unit.seconds("TimeoutStopSec", 90.0)

    @property
    def pid(self) -> int:
        """The main process."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_active(self) -> bool:
        """Whether it has said READY=1 and still runs."""
        return self._is_ready.is_set() and self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """`systemctl start`: returns when it is ready; raises RuntimeError if it is not in time."""
        self._make_directories()
        self._open_notify()
        self._stop_wanted.clear()
        self._begin()
        self._watching = threading.Thread(target=self._watch, daemon=True)
        self._watching.start()
        if not self._is_ready.wait(self.unit.seconds("TimeoutStartSec", 90.0)):
            self.stop()
            raise RuntimeError(f"{self.unit.name} is not ready in time: {self.history}")

    def stop(self) -> None:
        """`systemctl stop`: KillSignal, and SIGKILL for all that is left after TimeoutStopSec."""
        self._stop_wanted.set()
        if self._watching is not None:
            self._end()
            self._watching.join()
            self._watching = None
        if self._notify is not None:
            self._notify.close()
            self._notify = None
        if self.unit.one("RuntimeDirectoryPreserve", "no") == "no":
            for directory in self._paths("RuntimeDirectory", "run"):
                shutil.rmtree(directory, ignore_errors=True)

    def restart(self) -> None:
        """`systemctl restart`."""
        self.stop()
        self.start()

    def reload(self) -> None:
        """`systemctl reload`: ExecReload with the id of the main process."""
        for command in self.unit.commands("ExecReload"):
            words = [word.replace("$MAINPID", str(self.pid)) for word in command]
            subprocess.run(words, check=True, timeout=30)

    def await_history(self, word: str, count: int = 1, timeout: float = 30.0) -> bool:
        """Whether `word` comes to stand in the history `count` times within `timeout` seconds."""
        return until(lambda: self.history.count(word) >= count, timeout)

    def _begin(self) -> None:
        for command in self.unit.commands("ExecStartPre"):
            subprocess.run(command, env=self._environment, cwd=self._root, check=True, timeout=120)
        self._is_ready.clear()
        (command,) = self.unit.commands("ExecStart")
        with (self._root / f"{self.unit.name}.out").open("ab") as output:
            self._process = subprocess.Popen(
                command,
                env=self._environment | self._notify_variables(),
                cwd=self._root,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._heard_at = time.monotonic()

    def _notify_variables(self) -> dict[str, str]:
        variables = {"NOTIFY_SOCKET": f"@{self._address[1:]}"}
        if watchdog := self.unit.seconds("WatchdogSec", 0.0):
            variables["WATCHDOG_USEC"] = str(int(watchdog * 1_000_000))
        return variables

    @property
    def _address(self) -> str:
        return f"\0callengine-test-{os.getpid()}-{id(self)}"

    def _open_notify(self) -> None:
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._notify.settimeout(_TURN_SECONDS)
        self._notify.bind(self._address)

    def _watch(self) -> None:
        """Hear what it says, see whether it lives, and start it again where Restart says so."""
        watchdog = self.unit.seconds("WatchdogSec", 0.0)
        while True:
            self._hear()
            assert self._process is not None
            if self._process.poll() is not None:
                self.history.append("exited" if self._process.returncode >= 0 else "killed")
                self._kill_group()
                if self._stop_wanted.is_set() or not self._is_to_restart(self._process.returncode):
                    return
                time.sleep(self.unit.seconds("RestartSec", 0.1))
                if self._stop_wanted.is_set():
                    return
                self._begin()
                self.history.append("restarted")
            elif watchdog and self._is_ready.is_set() and time.monotonic() - self._heard_at > watchdog:
                self.history.append("watchdog")
                self._kill_group(signal.SIGABRT)
                self._heard_at = time.monotonic() + self._stop_seconds

    def _is_to_restart(self, code: int) -> bool:
        """As in the table of systemd.service(5): a signal that is no request to end counts as a failure."""
        clean = code == 0 or -code in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)
        return {"no": False, "always": True, "on-failure": not clean}[self.unit.one("Restart", "no")]

    def _hear(self) -> None:
        assert self._notify is not None
        try:
            message, ancillary, _, _ = self._notify.recvmsg(4096, socket.CMSG_SPACE(12))
        except (TimeoutError, OSError):
            return
        sender = int.from_bytes(ancillary[0][2][:4], "little")
        if self.unit.one("NotifyAccess", "main") == "main" and sender != self.pid:
            return
        for line in message.decode().split("\n"):
            self._take(*line.partition("=")[::2])

    def _take(self, name: str, value: str) -> None:
        if name == "READY":
            self._heard_at = time.monotonic()
            self._is_ready.set()
            self.history.append("ready")
        elif name == "WATCHDOG":
            self._heard_at = time.monotonic()
        elif name == "STATUS":
            self.statuses.append(value)
        elif name == "EXTEND_TIMEOUT_USEC":
            self._stop_seconds = max(self._stop_seconds, int(value) / 1_000_000)
        elif name in ("STOPPING", "RELOADING"):
            self.history.append(name.lower())

    def _end(self) -> None:
        assert self._process is not None
        wanted = signal.Signals[self.unit.one("KillSignal", "SIGTERM")]
        if self._process.poll() is None:
            if self.unit.one("KillMode", "control-group") == "mixed":
                self._process.send_signal(wanted)
            else:
                self._kill_group(wanted)
        began = time.monotonic()
        while self._process.poll() is None and time.monotonic() - began < self._stop_seconds:
            time.sleep(_TURN_SECONDS)
        self._kill_group()

    def _kill_group(self, number: signal.Signals = signal.SIGKILL) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass

    def _paths(self, name: str, base: str) -> list[Path]:
        return [self._root / base / directory for directory in self.unit.one(name).split()]

    def _directories(self) -> dict[str, str]:
        found = {
            "RUNTIME_DIRECTORY": ("RuntimeDirectory", "run"),
            "STATE_DIRECTORY": ("StateDirectory", "var/lib"),
        }
        return {key: ":".join(map(str, self._paths(*place))) for key, place in found.items()}

    def _make_directories(self) -> None:
        for name, base in (("RuntimeDirectory", "run"), ("StateDirectory", "var/lib")):
            for path in self._paths(name, base):
                path.mkdir(parents=True, exist_ok=True)
                path.chmod(int(self.unit.one(f"{name}Mode", "0755"), 8))
