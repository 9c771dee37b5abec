"""The load: customers and agents by SIPp, and what they saw."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.ports import free_port
from tests.e2e.sipp import LoggedMessage, last_statistics, read_messages

SCENARIOS = Path(__file__).with_name("scenarios")
HOST = "127.0.0.1"

_FIRST_ACTION = "INVITE "
_LAST_BYES_SECONDS = 10.0


class Incomplete(Exception):
    """The load could not be put on, or did not come to its end in time."""


@dataclass(frozen=True)
class Seen:
    """What the customers saw of one run, and the agents of all runs so far."""

    successful: int
    failed: int
    sent_again: int
    """Messages that SIPp's customers had to repeat."""
    messages: Sequence[LoggedMessage]

    def calls_per_second(self) -> float:
        """The rate at which they called."""
        began = sorted(_times(self.messages, _FIRST_ACTION, sent=True).values())
        return (len(began) - 1) / (began[-1] - began[0]) if len(began) > 1 else 0.0

    def answer_milliseconds(self) -> list[float]:
        """From each customer's INVITE to its 200, sorted."""
        began = _times(self.messages, _FIRST_ACTION, sent=True)
        answers = [m for m in self.messages if m.cseq.strip().endswith("INVITE")]
        answered = _times(answers, "SIP/2.0 200", sent=False)
        return _milliseconds(began, answered, {call_id: call_id for call_id in answered})

    def offer_milliseconds(
        self, agents: Sequence[LoggedMessage], customer_of: Mapping[str, str]
    ) -> list[float]:
        """From each customer's INVITE to the first INVITE to an agent, sorted.

        `customer_of` has the Call-ID of the customer by that of the agent.
        """
        began = _times(self.messages, _FIRST_ACTION, sent=True)
        return _milliseconds(began, _times(agents, _FIRST_ACTION, sent=False), customer_of)


def _times(messages: Sequence[LoggedMessage], beginning: str, *, sent: bool) -> dict[str, float]:
    """When the first message beginning so was seen in each call, by Call-ID."""
    times: dict[str, float] = {}
    for message in messages:
        if message.sent is sent and message.first_line.startswith(beginning):
            times.setdefault(message.call_id.strip(), message.time)
    return times


def _milliseconds(
    began: Mapping[str, float], happened: Mapping[str, float], beginning_of: Mapping[str, str]
) -> list[float]:
    pairs = ((beginning_of.get(call_id, ""), time) for call_id, time in happened.items())
    return sorted(1000 * (time - began[call_id]) for call_id, time in pairs if call_id in began)


class Agents:
    """One SIPp which is the phone of all agents; use it in a `with` block, which ends it."""

    def __init__(self, directory: Path, *, calls: int, talk_milliseconds: int) -> None:
        """After `calls` calls it ends by itself."""
        self.port = free_port()
        self._directory = directory / "agents"
        self._options = ["-m", str(calls), "-d", str(talk_milliseconds), "-p", str(self.port)]

    def __enter__(self) -> Agents:
        self._process = _start("agent.xml", self._directory, self._options)
        return self

    def __exit__(self, *_error: object) -> None:
        _end(self._process)

    def finish(self) -> int:
        """Wait until the last call is over, or for 10 s; how many calls they have served to the end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LAST_BYES_SECONDS)
        _end(self._process)
        return int(_statistics(self._directory)["SuccessfulCall(C)"])

    def messages(self) -> list[LoggedMessage]:
        """What went over their line until now."""
        return read_messages(self._directory / "messages.log")


def call(directory: Path, *, server: str, calls: int, rate: int, seconds: float) -> Seen:
    """Have `calls` customers call `support`, `rate` each second, and wait until all are hung up.

    Raises Incomplete if that takes longer than `seconds`.
    """
    options = [server, "-s", "support", "-m", str(calls), "-r", str(rate), "-l", str(calls)]
    options += ["-p", str(free_port())]
    process = _start("customer.xml", directory, options)
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise Incomplete(f"{calls} calls were not over within {seconds:.0f} s") from None
    finally:
        _end(process)
    if code not in (0, 1):
        output = (directory / "output").read_text(encoding="utf-8", errors="replace")
        raise Incomplete(f"sipp ended with {code}: {output[-2000:]}")
    statistics = _statistics(directory)
    return Seen(
        successful=int(statistics["SuccessfulCall(C)"]),
        failed=int(statistics["FailedCall(C)"]),
        sent_again=int(statistics["Retransmissions(C)"]),
        messages=read_messages(directory / "messages.log"),
    )


def _start(scenario: str, directory: Path, options: Sequence[str]) -> subprocess.Popen[bytes]:
    directory.mkdir(parents=True)
    command = ["sipp", "-sf", str(SCENARIOS / scenario), "-i", HOST, "-mi", HOST, "-nostdin", *options]
    command += ["-mp", str(free_port()), "-trace_stat", "-stf", "statistics.csv", "-fd", "1"]
    command += ["-trace_shortmsg", "-shortmessage_file", "messages.log"]
    command += ["-trace_err", "-error_file", "errors.log"]
    with (directory / "output").open("wb") as output:
        return subprocess.Popen(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


def _statistics(directory: Path) -> dict[str, str]:
    path = directory / "statistics.csv"
    if not path.exists():
        raise Incomplete(f"sipp has left no statistics: {(directory / 'output').read_text(errors='replace')}")
    return last_statistics(path)


@contextlib.contextmanager
def running(command: Sequence[str], *, directory: Path, environment: Mapping[str, str]) -> Iterator[int]:
    """A process that says `ready` when it is; gives its id, and ends it afterwards. Raises Incomplete."""
    process = subprocess.Popen(
        command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise Incomplete(f"{' '.join(command)} did not start")
        yield process.pid
    finally:
        _end(process)
        if process.stdout is not None:
            process.stdout.close()
