"""Callers by SIPp: starts it on a scenario, and reads its statistics and its log of messages."""

from __future__ import annotations

import csv
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.ports import free_port, free_udp_range

SCENARIOS = Path(__file__).with_name("scenarios")


@dataclass(frozen=True)
class Caller:
    """One row of the injection file: who calls, and where its RTP is."""

    number: str
    media_port: int


@dataclass(frozen=True)
class LoggedMessage:
    """One line of SIPp's short message log; `time` is in seconds since the epoch."""

    time: float
    sent: bool
    call_id: str
    cseq: str
    first_line: str

    @property
    def call_number(self) -> int:
        """Which call of the run it belongs to, from 1, as SIPp's own Call-IDs begin with it."""
        return int(self.call_id.split("-", 1)[0])


@dataclass(frozen=True)
class SippResult:
    """What a run came to: exit code 0 means that every call went as the scenario says."""

    exit_code: int
    statistics: dict[str, str]
    messages: list[LoggedMessage]
    output: str

    def count(self, name: str) -> int:
        """A cumulative counter of the run, such as `Retransmissions` or `SuccessfulCall`."""
        return int(self.statistics[f"{name}(C)"])

    def time_of(self, call_number: int, first_line: str, *, sent: bool) -> float:
        """When the first message of that call beginning so was sent or came, seconds since the epoch."""
        return next(
            message.time
            for message in self.messages
            if message.call_number == call_number
            and message.sent is sent
            and message.first_line.startswith(first_line)
        )

    def requests_seen_twice(self) -> list[str]:
        """Requests that came or went more than once: same call, CSeq, direction and first line."""
        seen = Counter(
            (message.call_id, message.cseq, message.sent, message.first_line)
            for message in self.messages
            if not message.first_line.startswith("SIP/2.0")
        )
        return [" ".join(map(str, key)) for key, times in seen.items() if times > 1]


class Sipp:
    """A running SIPp; `wait` gives its result."""

    def __init__(
        self,
        directory: Path,
        *,
        server: str,
        service: str = "support",
        scenario: str | None = "caller.xml",
        callers: Sequence[Caller] = (),
        calls: int | None = None,
        talk_milliseconds: int = 0,
        at_once: int = 10,
        transport: str = "udp",
    ) -> None:
        """`scenario` None is SIPp's built-in client; `callers` are the injected rows, one call each.

        Over TCP all calls share one connection.
        """
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        command = ["sipp", server, "-s", service, "-i", "127.0.0.1", "-p", str(free_port())]
        command += ["-mi", "127.0.0.1", "-mp", str(free_udp_range(4)[0]), "-nostdin", "-timeout", "60"]
        command += ["-timeout_error", "-m", str(calls or len(callers)), "-l", str(at_once), "-r", "1000"]
        command += ["-d", str(talk_milliseconds), "-trace_stat", "-stf", "statistics.csv", "-fd", "1"]
        command += ["-trace_shortmsg", "-shortmessage_file", "messages.log"]
        command += ["-trace_err", "-error_file", "errors.log"]
        command += ["-t", "t1" if transport == "tcp" else "u1"]
        command += ["-sn", "uac"] if scenario is None else ["-sf", str(SCENARIOS / scenario)]
        if callers:
            rows = "".join(f"{caller.number};{caller.media_port}\n" for caller in callers)
            (directory / "callers.csv").write_text("SEQUENTIAL\n" + rows, encoding="utf-8")
            command += ["-inf", "callers.csv"]
        self._process = subprocess.Popen(
            command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def wait(self, timeout: float = 70.0) -> SippResult:
        """The result when all calls are over; raises `subprocess.TimeoutExpired` after `timeout` seconds."""
        try:
            output, _ = self._process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.stop()
            raise
        return SippResult(
            exit_code=self._process.returncode,
            statistics=last_statistics(self.directory / "statistics.csv"),
            messages=read_messages(self.directory / "messages.log"),
            output=self._errors() + output[-2000:],
        )

    def runs(self) -> bool:
        """Whether some call is not over."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it at once, whatever its calls are doing."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def _errors(self) -> str:
        log = self.directory / "errors.log"
        return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""


def last_statistics(path: Path) -> dict[str, str]:
    """The last row of SIPp's statistics, by column name."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.reader(lines, delimiter=";"))
    return dict(zip(rows[0], rows[-1]))


def read_messages(path: Path) -> list[LoggedMessage]:
    """SIPp's short message log: date, time, seconds since the epoch, S or R, Call-ID, CSeq, first line."""
    if not path.exists():
        return []
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    return [
        LoggedMessage(float(row[2]), row[3] == "S", row[4], row[5].removeprefix("CSeq:"), row[6])
        for row in rows
        if len(row) >= 7
    ]
