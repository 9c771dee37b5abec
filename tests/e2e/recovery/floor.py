"""The floor of a chaos run: its phones, what each has told, and how one is killed, frozen, brought back."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.e2e.ports import free_port
from tests.e2e.recovery.behaviour import Orders
from tests.e2e.service import PASSWORD, ROOT, until

Told = dict[str, Any]


@dataclass
class PhoneCall:
    """One call as its phone saw it; times are seconds since the epoch."""

    phone: int
    sip_call_id: str
    began_at: float
    answered_at: float | None = None
    hung_up_at: float | None = None
    """When the phone decided to end it."""
    ended_at: float | None = None
    by: str | None = None
    cause: str | None = None
    died_at: float | None = None
    """When its phone was killed."""

    @property
    def is_held(self) -> bool:
        """Whether the phone is in it, and has not begun to leave."""
        return self.answered_at is not None and not (self.hung_up_at or self.ended_at or self.died_at)


@dataclass
class PhoneSeen:
    """One phone from outside."""

    orders: Orders
    pid: int = 0
    lives: int = 0
    is_registered: bool = False
    is_closed: bool = False
    troubles: list[tuple[float, float]] = field(default_factory=list)
    """From when until when it was dead or frozen; `inf` while it is."""
    calls: dict[str, PhoneCall] = field(default_factory=dict)

    @property
    def is_well(self) -> bool:
        """Neither dead nor frozen at the moment."""
        return bool(self.pid) and not (self.troubles and self.troubles[-1][1] == float("inf"))

    def was_ill(self, start: float, end: float) -> bool:
        """Whether it was dead or frozen at some moment between these."""
        return any(begin <= end and over >= start for begin, over in self.troubles)

    @property
    def held(self) -> PhoneCall | None:
        """The call that it is in."""
        return next((call for call in reversed(list(self.calls.values())) if call.is_held), None)

    @property
    def is_engaged(self) -> bool:
        """Whether any call is not over for it."""
        return any(call.ended_at is None and call.died_at is None for call in list(self.calls.values()))


class Floor:
    """Agents first, then callers, by number; use it in a `with` block, which ends all of them."""

    def __init__(self, directory: Path, orders: Sequence[Orders]) -> None:
        self.phones = [PhoneSeen(each) for each in orders]
        self.told: list[Told] = []
        """What phones told of that is an error by itself, such as a second offer."""
        self.pauses: list[Told] = []
        self.lateness: list[tuple[float, float]] = []
        self.media_pids: set[int] = set()
        self._answers: dict[int, list[tuple[int, str, float]]] = {}
        self._questions = itertools.count(1)
        self._lock = threading.RLock()
        self._path = str(directory / "audio.sock")
        self._output = (directory / "phones.out").open("ab")
        self._audio = self._start("audio", self._path, str(len(orders)))
        assert until(lambda: os.path.exists(self._path), 10)
        self._control = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._control.connect(self._path)
        self._nursery = self._start("nursery")
        self._readers = [
            threading.Thread(target=self._read, args=(self._audio, self._take_of_audio), daemon=True),
            threading.Thread(target=self._read, args=(self._nursery, self._take_of_phone), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _start(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", f"tests.e2e.recovery.{program}", *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._output,
        )

    def __enter__(self) -> Floor:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for phone in self.phones:
            if phone.pid:
                with suppress(ProcessLookupError):
                    os.kill(phone.pid, signal.SIGKILL)
        for process in (self._nursery, self._audio):
            process.kill()
            process.wait()
        for reader in self._readers:
            reader.join(5)
        for process in (self._nursery, self._audio):
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
        self._control.close()
        self._output.close()

    def kinds(self, kind: str) -> list[PhoneSeen]:
        """The agents, or the callers."""
        return [phone for phone in self.phones if phone.orders.kind == kind]

    # What is done to phones

    def bear(self, phone: PhoneSeen, delay: float = 0.0) -> None:
        """Switch a phone on; a caller calls after `delay` seconds."""
        seed = f"{phone.orders.seed}-{phone.lives}"
        orders = replace(phone.orders, seed=seed, rtp_port=free_port(), start_after=delay)
        phone.lives += 1
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(json.dumps(asdict(orders)).encode() + b"\n")
        self._nursery.stdin.flush()

    def kill(self, phone: PhoneSeen) -> None:
        """As if the power was cut."""
        now = time.time()
        with self._lock:
            os.kill(phone.pid, signal.SIGKILL)
            phone.pid, phone.is_registered = 0, False
            phone.troubles.append((now, float("inf")))
            for call in phone.calls.values():
                if call.ended_at is None and call.died_at is None:
                    call.died_at = now
        self._order(phone, alive=False)

    def freeze(self, phone: PhoneSeen) -> None:
        """It neither reads nor sends, until it thaws."""
        with self._lock:
            phone.troubles.append((time.time(), float("inf")))
        os.kill(phone.pid, signal.SIGSTOP)
        self._order(phone, frozen=True)

    def thaw(self, phone: PhoneSeen) -> None:
        """It goes on where it was."""
        self._order(phone, frozen=False)
        os.kill(phone.pid, signal.SIGCONT)
        self.recovered(phone)

    def recovered(self, phone: PhoneSeen) -> None:
        """It is well from now on."""
        with self._lock:
            phone.troubles[-1] = (phone.troubles[-1][0], time.time())

    def close(self) -> None:
        """Let the callers hang up within some seconds, and call no more."""
        for phone in self.kinds("caller"):
            if phone.pid:
                os.kill(phone.pid, signal.SIGUSR1)

    def _order(self, phone: PhoneSeen, **what: Any) -> None:
        self._control.send(json.dumps({"phone": phone.orders.number, **what}).encode())

    # What phones tell

    def heard(self) -> list[tuple[int, str, float]]:
        """Phone, SIP call and last arrival for each phone that listens."""
        number = next(self._questions)
        self._control.send(json.dumps({"ask": number}).encode())
        assert until(lambda: number in self._answers, 10, 0.01), "the audio process does not answer"
        return self._answers.pop(number)

    def watch(self, pid: int, *, is_media: bool) -> None:
        """Name a process whose waiting for the machine is told with each pause."""
        if is_media:
            self.media_pids.add(pid)
        self._control.send(json.dumps({"watch": pid}).encode())

    def in_progress(self) -> int:
        """How many callers are in a call that was answered."""
        with self._lock:
            return sum(phone.held is not None for phone in self.kinds("caller"))

    def talking(self) -> int:
        """How many agents are."""
        with self._lock:
            return sum(phone.held is not None for phone in self.kinds("agent"))

    def calls(self, kind: str) -> list[PhoneCall]:
        """All calls of the phones of that kind, a copy of the list."""
        with self._lock:
            return [call for phone in self.kinds(kind) for call in phone.calls.values()]

    def _read(self, process: subprocess.Popen[bytes], take: Any) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with self._lock:
                take(json.loads(line))

    def _take_of_audio(self, told: Told) -> None:
        if "asked" in told:
            self._answers[told["asked"]] = [(phone, call, at) for phone, call, at in told["heard"]]
        elif "late_from" in told:
            self.lateness.append((told["late_from"], told["late_to"]))
        else:
            self.pauses.append(told)

    def _take_of_phone(self, told: Told) -> None:
        phone, event, at = self.phones[told["phone"]], told["event"], told["at"]
        call = phone.calls.get(told.get("call", ""))
        match event:
            case "born":
                phone.pid = told["pid"]
                if phone.troubles and phone.orders.kind == "caller":
                    self.recovered(phone)
            case "registration":
                phone.is_registered = told["good"]
                if told["good"] and not phone.is_well:
                    self.recovered(phone)
            case "closed":
                phone.is_closed = True
            case "calling" | "ringing":
                phone.calls[told["call"]] = PhoneCall(phone.orders.number, told["call"], at)
            case "answered" if call:
                call.answered_at = at
            case "hangs_up" | "gives_up" if call:
                call.hung_up_at = call.hung_up_at or at
            case "ended" if call:
                call.ended_at, call.by, call.cause = at, told["by"], told["cause"]
            case _:
                self.told.append(told)


def orders_for(
    *,
    agents: Sequence[str],
    callers: Sequence[str],
    ports: Sequence[int],
    server_port: int,
    directory: Path,
    seed: int,
    talk: tuple[float, float],
    patience: float,
) -> list[Orders]:
    """What each phone is told; `ports` are for SIP, one for each."""
    names = [("agent", name) for name in agents] + [("caller", name) for name in callers]
    return [
        Orders(
            number=number,
            kind=kind,
            name=name,
            password=PASSWORD,
            server_port=server_port,
            sip_port=ports[number],
            rtp_port=0,
            audio_socket=str(directory / "audio.sock"),
            seed=f"{seed}-{number}",
            shortest_talk=talk[0],
            longest_talk=talk[1],
            patience=patience,
        )
        for number, (kind, name) in enumerate(names)
    ]
