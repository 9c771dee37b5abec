"""The audio of all phones of a chaos run, in one process: `python -m tests.e2e.recovery.audio SOCKET COUNT`.

Each phone has a number below COUNT. `{"phone": 3, "alive": true, "port": 4002}` opens its RTP port. What it
is to do comes as JSON datagrams on the Unix socket SOCKET: `{"phone": 3, "call": "...", "to": ["127.0.0.1",
4000]}` lets it speak, with `"to": null` it is silent; `"alive": false` closes its port, as if the phone had
lost its power, and `"frozen": true` lets it neither read nor send. Standard output tells, a line of JSON
each, of every pause in what a phone hears that is longer than `GAP_SECONDS`, of every new source, and of
every time that this process itself was late. `{"ask": 7}` is answered with when each phone that is in a
call has heard something last. `{"watch": 4711}` names a process: of each pause it is told for how long that
process was ready to run meanwhile, and the machine did not let it (`run_delay` in /proc/PID/schedstat).

Arrival times are the kernel's (`SO_TIMESTAMPNS`), so nothing depends on when this process reads. One loop
does it all: a quarter of the phones each 5 ms, by absolute times.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

GAP_SECONDS = 0.05
LATE_SECONDS = 0.008
_TICK_SECONDS = 0.005
_GROUPS = 4
_SO_TIMESTAMPNS = 35
_HEADER = struct.Struct("!BBHII")
_TIMESPEC = struct.Struct("@qq")
_PAYLOAD = bytes([0xFF, 0x7F] * 80)
_MOST_READ = 400
_LOOKS = 2000
_OLDEST_SECONDS = 0.001


@dataclass
class Line:
    """What one phone hears and says; `heard` is arrival, sequence number and source of the last packet."""

    number: int
    socket: socket.socket | None = None
    call: str | None = None
    to: tuple[str, int] | None = None
    is_frozen: bool = False
    sequence: int = 0
    started_at: float = 0.0
    heard: tuple[float, int, int] | None = None
    pauses: list[dict[str, Any]] = field(default_factory=list)

    def set_alive(self, port: int | None) -> None:
        """Open a port, or close the one there is without a word."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None
        self.call = self.to = self.heard = None
        if port is not None:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self.socket.setblocking(False)
            self.socket.bind(("127.0.0.1", port))

    def talk(self, call: str | None, to: Sequence[Any] | None) -> None:
        """Another call, or the same with its audio elsewhere."""
        self.receive()
        if call != self.call:
            self.heard = None
            self.started_at = time.time()
        self.call = call
        self.to = (str(to[0]), int(to[1])) if to else None

    def send(self) -> None:
        """One packet of 20 ms, if there is somebody to hear it."""
        if self.socket is None or self.to is None:
            return
        self.sequence = (self.sequence + 1) % 0x10000
        packet = _HEADER.pack(0x80, 0, self.sequence, self.sequence * 160, self.number) + _PAYLOAD
        with contextlib.suppress(OSError):
            self.socket.sendto(packet, self.to)

    def receive(self) -> None:
        """Take all that has come."""
        if self.socket is None:
            return
        for _ in range(_MOST_READ):
            try:
                datagram, ancillary, _flags, source = self.socket.recvmsg(512, 64)
            except BlockingIOError:
                return
            except OSError:  # nobody listens any more where this phone sends to
                continue
            if source == self.to and len(datagram) >= _HEADER.size:  # not of another test on this machine
                seconds, nanoseconds = _TIMESPEC.unpack_from(ancillary[0][2])
                self._note(datagram, seconds + nanoseconds / 1e9)

    def _note(self, datagram: bytes, arrived_at: float) -> None:
        if arrived_at < self.started_at - _OLDEST_SECONDS:
            return  # it was waiting here since the call before
        _first, _second, sequence, _timestamp, source = _HEADER.unpack_from(datagram)
        if self.heard is not None:
            before, number, known = self.heard
            is_new = source != known
            if is_new or arrived_at - before > GAP_SECONDS:
                lost = (sequence - number - 1) % 0x10000
                pause = {"phone": self.number, "call": self.call, "from": before, "to": arrived_at}
                self.pauses.append({**pause, "lost": -1 if is_new else lost, "is_new": is_new})
        self.heard = (arrived_at, sequence, source)


class Waiting:
    """How long processes have waited for a processor, looked at again and again."""

    def __init__(self) -> None:
        self._looks: dict[int, deque[tuple[float, float]]] = {}

    def watch(self, pid: int) -> None:
        """One more."""
        self._looks.setdefault(pid, deque(maxlen=_LOOKS))

    def look(self) -> None:
        """Once for every tick."""
        for pid, looks in self._looks.items():
            with (
                contextlib.suppress(OSError, IndexError),
                open(f"/proc/{pid}/schedstat", encoding="ascii") as file,
            ):
                looks.append((time.time(), int(file.read().split()[1]) / 1e9))

    def between(self, start: float, end: float) -> dict[int, float]:
        """The seconds that each waited between these times, from the look before to the one after."""
        return {pid: _grown(looks, start, end) for pid, looks in self._looks.items()}


def _grown(looks: Sequence[tuple[float, float]], start: float, end: float) -> float:
    if not looks or looks[-1][0] < start or looks[0][0] > end:
        return 0.0
    before = next((waited for at, waited in reversed(looks) if at <= start), looks[0][1])
    after = next((waited for at, waited in looks if at >= end), looks[-1][1])
    return after - before


class Exchange:
    """All lines, and the socket on which they are told what to do."""

    def __init__(self, path: str, count: int) -> None:
        self.lines = [Line(number) for number in range(count)]
        self.waiting = Waiting()
        self.control = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.control.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.control.bind(path)
        self.control.setblocking(False)

    def run(self) -> None:
        """Speak and listen until standard output is closed or whoever started this is gone."""
        parent, tick, next_at = os.getppid(), 0, time.monotonic()
        while tick % 200 or os.getppid() == parent:
            late = time.monotonic() - next_at
            if late > LATE_SECONDS:
                now = time.time()
                _tell({"late_from": now - late, "late_to": now})
            self._obey()
            self.waiting.look()
            for line in self.lines[tick % _GROUPS :: _GROUPS]:
                if not line.is_frozen:
                    line.receive()
                    line.send()
                    for pause in line.pauses:
                        _tell({**pause, "waited": self.waiting.between(pause["from"], pause["to"])})
                    line.pauses.clear()
            tick, next_at = tick + 1, next_at + _TICK_SECONDS
            time.sleep(max(0.0, next_at - time.monotonic()))

    def _obey(self) -> None:
        while True:
            try:
                order = json.loads(self.control.recv(4096))
            except BlockingIOError:
                return
            if "ask" in order:
                _tell({"asked": order["ask"], "heard": self._heard()})
                continue
            if "watch" in order:
                self.waiting.watch(order["watch"])
                continue
            line = self.lines[order["phone"]]
            if "alive" in order:
                line.set_alive(order.get("port"))
            elif "frozen" in order:
                line.is_frozen = order["frozen"]
            else:
                line.talk(order.get("call"), order.get("to"))

    def _heard(self) -> list[tuple[int, str, float]]:
        """Phone, call, and when it heard something last, or began to listen."""
        talking = [line for line in self.lines if line.call is not None and not line.is_frozen]
        for line in talking:
            line.receive()
        return [
            (line.number, line.call or "", line.heard[0] if line.heard else line.started_at)
            for line in talking
        ]


def _tell(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    with contextlib.suppress(BrokenPipeError):
        Exchange(sys.argv[1], int(sys.argv[2])).run()
