"""The real call center in a directory of its own: started, asked, looked at from outside, ended.

Nothing of it is imported here: it is the command `callengine`, the program or a fork that runs the same, with
a fresh database, free ports and settings by environment variables, and what is known of it is what anybody
could see: its status, its records, its log, its processes' files and sockets.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from tests.e2e.audio_first import goes_first
from tests.e2e.ports import free_port, free_udp_range
from tests.fakes import warm

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "e2e-secret"
_ENTRY = re.compile(r"^(?=\d{4}-\d\d-\d\d \d\d:)", re.MULTILINE)
"""Where a line of the log begins that is not the continuation of another."""
SECRETS = re.compile(
    rf"{PASSWORD}|\bresponse=|\bnonce=|\bcnonce=|\bnextnonce=|(Proxy-)?Authorization:"
    r"|\bha1(_md5|_sha256)?\b\W{1,4}[0-9a-f]{32}",
    re.IGNORECASE,
)
"""What no log may hold: passwords, and what a digest is made of (RFC 7616)."""
_TROUBLE = re.compile(r"\b(WARNING|ERROR|CRITICAL)\b|Traceback")


class Service:
    """A private `callengine serve`; use it in a `with` block, which ends what it started."""

    def __init__(
        self,
        directory: Path,
        *,
        agents: Sequence[str] = ("alice", "bob"),
        settings: Mapping[str, str] | None = None,
        is_program: bool = False,
    ) -> None:
        """`settings` are further variables without their prefix, such as `QUEUES__SUPPORT__CAPACITY`.

        `is_program`: it is never a fork of a process that has imported everything (`tests/fakes/warm.py`).
        """
        self.directory = directory
        self.agents = tuple(agents)
        self.sip_port = free_port()
        self.api_port = free_port()
        self.database = directory / "call_center.db"
        self.log = directory / "callengine.log"
        first, last = free_udp_range(200)
        own = {
            "GENERAL__DOMAIN": "127.0.0.1",
            "GENERAL__CONTROL_SOCKET": str(directory / "control.sock"),
            "GENERAL__DRAIN_SECONDS": "0",
            "SIP__PORT": str(self.sip_port),
            "API__PORT": str(self.api_port),
            "DATABASE__URL": f"sqlite:///{self.database}",
            "MEDIA__PORT_FIRST": str(first),
            "MEDIA__PORT_LAST": str(last),
            # Only where media processes die; to start another one takes as long as some of the tests.
            "MEDIA__RESERVE": "false",
            "SECURITY__OPEN_INBOUND": "true",
            "LOG__FILE": str(self.log),
            "LOG__LEVEL": "DEBUG",
            # The machine of the tests is shared: what it holds up for longer than this is ours.
            "LOG__HUB_BLOCKED_MS": "1000",
        }
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("CALLENGINE_")}
        prefixed = {f"CALLENGINE_{key}": value for key, value in {**own, **(settings or {})}.items()}
        self.environment = inherited | prefixed | {"CALLENGINE_ENV": "testing", "PYTHONPATH": str(ROOT)}
        self._is_fork = warm.is_shared() and not is_program
        self._process: subprocess.Popen[bytes] | warm.Started | None = None
        self.worker_pids: list[int] = []

    @property
    def server(self) -> str:
        """Where SIP is spoken, `HOST:PORT`."""
        return f"127.0.0.1:{self.sip_port}"

    @property
    def pid(self) -> int:
        """The process of `serve`."""
        assert self._process is not None
        return self._process.pid

    @property
    def pids(self) -> list[int]:
        """Its processes: `serve`, then the one that moves the audio."""
        return [self.pid, *self.worker_pids]

    def __enter__(self) -> Service:
        self.prepare()
        self.serve()
        return self

    def prepare(self, roster: Path | None = None) -> None:
        """Make the database and the agents, those of a file if there is one; nothing is started."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._quick_command("db", "upgrade")
        if roster is not None:
            self._quick_command("agents", "import", str(roster))
            return
        for agent in self.agents:
            self._quick_command("agents", "add", agent, "--password", PASSWORD, "--queue", "support")

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()
        for pid in self.worker_pids:
            end_process(pid)
        told = self.secrets_told()
        assert error is not None or not told, f"the log tells secrets: {told[:3]}"

    def serve(self, timeout: float = 20.0) -> None:
        """Start `serve` and wait until it is ready; raises RuntimeError with its output if it never is."""
        output = (self.directory / "serve.out").open("ab")
        with output:
            self._process = self._fork(output) if self._is_fork else self._program(output)
        if not until(self._is_ready, timeout):
            self.stop()
            raise RuntimeError(f"serve is not ready: {self.output()}")
        self.worker_pids = [self.media_pid()]
        goes_first(self.worker_pids[0])

    def _program(self, output: BinaryIO) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            _command("serve"),
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def _fork(self, output: BinaryIO) -> warm.Started:
        return warm.start(
            "serve", environment=self.environment, directory=self.directory, output=output.fileno()
        )

    def stop(self, timeout: float = 20.0) -> int | None:
        """End it orderly (SIGTERM), by force after `timeout` seconds; gives its exit code."""
        if self._process is None:
            return None
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def tell(self, number: signal.Signals) -> None:
        """Send `serve` a signal, and wait for nothing."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, timeout: float) -> int:
        """Wait until `serve` has ended by itself; gives its exit code."""
        assert self._process is not None
        return self._process.wait(timeout)

    def kill(self) -> None:
        """End `serve` alone as a crash would (SIGKILL)."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def command(self, *arguments: str) -> str:
        """Run `callengine ...` with the same settings; gives its output, raises RuntimeError if it fails."""
        done = run_command(*arguments, directory=self.directory, environment=self.environment)
        if done.returncode:
            raise RuntimeError(f"callengine {' '.join(arguments)}: {done.stderr}{done.stdout}{self.output()}")
        return done.stdout

    def _quick_command(self, *arguments: str) -> None:
        """Run a command that only prepares, in a process that has imported everything already."""
        started = warm.start(*arguments, environment=self.environment, directory=self.directory)
        if started.wait(60):
            self.command(*arguments)  # fails again, and says why

    def status(self) -> dict[str, Any]:
        """The document of `callengine status --json`."""
        document: dict[str, Any] = json.loads(self.command("status", "--json"))
        return document

    def present(self) -> dict[str, Any]:
        """The same document, over HTTP: no command is started for it."""
        url = f"http://127.0.0.1:{self.api_port}/api/v1/status"
        with urllib.request.urlopen(url, timeout=10) as answer:
            document: dict[str, Any] = json.load(answer)
        return document

    def media_pid(self) -> int:
        """The process that moves the audio at present."""
        return int(self.present()["media_pid"])

    def trouble(self) -> list[str]:
        """What its log and output warn of, or tell of an error: each with the lines that belong to it."""
        text = self.output() + (self.log.read_text(encoding="utf-8") if self.log.exists() else "")
        return [entry for entry in _ENTRY.split(text) if _TROUBLE.search(entry)]

    def secrets_told(self) -> list[str]:
        """The lines of its log and output that tell a secret: a password, a digest, the stored HA1."""
        files = self.directory.glob("callengine.log*")
        text = self.output() + "".join(file.read_text(encoding="utf-8") for file in files)
        known = self._stored_secrets()
        return [
            line
            for line in text.splitlines()
            if SECRETS.search(line) or any(secret in line for secret in known)
        ]

    def _stored_secrets(self) -> list[str]:
        """Every agent's HA1, as the database has it."""
        if not self.database.exists():
            return []
        rows = self.rows("select ha1_md5, ha1_sha256 from agents")
        return [secret for row in rows for secret in row.values() if secret]

    def output(self) -> str:
        """What `serve` has printed."""
        path = self.directory / "serve.out"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query on its database, read only."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as database:
            database.row_factory = sqlite3.Row
            found = [dict(row) for row in database.execute(query)]
        database.close()
        return found

    def _is_ready(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"serve ended: {self.output()}")
        return self.answers()

    def answers(self) -> bool:
        """Whether something with these settings says that it is ready."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.api_port}/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


def run_command(
    *arguments: str, directory: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run `callengine ...` there to its end, in a minute at most."""
    if warm.is_shared():
        return warm.run(*arguments, environment=environment, directory=directory, timeout=60)
    return subprocess.run(
        _command(*arguments),
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "callengine", *arguments]


def until(condition: Callable[[], bool], timeout: float, pause: float = 0.1) -> bool:
    """Whether the condition came true before `timeout` seconds were over."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def children(pid: int) -> list[int]:
    """The processes that this one has started and that still live."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text(encoding="ascii").split())
    return sorted(found)


def open_files(pid: int) -> int:
    """How many file descriptors a process holds."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def udp_sockets(pids: Sequence[int]) -> int:
    """How many UDP sockets these processes hold, as `ss` tells it."""
    lines = subprocess.run(["ss", "-ulnpH"], capture_output=True, text=True, check=True).stdout.splitlines()
    return sum(any(f"pid={pid}," in line for pid in pids) for line in lines)


def end_process(pid: int, timeout: float = 10.0) -> None:
    """End a process that may live on without the one that started it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not is_alive(pid):
            return
        os.kill(pid, number)
        until(lambda: not is_alive(pid), timeout)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
