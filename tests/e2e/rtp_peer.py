"""The test's own telephone ears and mouths: one RTP socket per caller, each with a tone of its own.

A peer says nothing until the first packet comes, and then sends its tone to where that came from (symmetric
RTP); when nothing has come for half a second the call is over for it, and it is silent for good, so that no
later call hears it. Arrival times are the kernel's (`SO_TIMESTAMPNS`): how busy the test is does not matter.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from tests.e2e import tones

PACKET_SECONDS = 0.02
SILENT_AFTER_SECONDS = 0.5
SO_TIMESTAMPNS = 35
"""Linux: struct timespec of the arrival with each datagram (asm-generic/socket.h)."""


@dataclass(frozen=True)
class Arrival:
    """One RTP packet that came (RFC 3550 5.1); `time` is in seconds since the epoch."""

    time: float
    sequence: int
    timestamp: int
    ssrc: int
    payload_type: int
    marker: bool
    payload: bytes


def parse_packet(datagram: bytes, arrived_at: float) -> Arrival | None:
    """The packet in a datagram, or None when it is not RTP version 2 without extensions."""
    if len(datagram) < 12 or datagram[0] & 0xF0 != 0x80:
        return None
    first, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", datagram)
    return Arrival(
        time=arrived_at,
        sequence=sequence,
        timestamp=timestamp,
        ssrc=ssrc,
        payload_type=second & 0x7F,
        marker=bool(second & 0x80),
        payload=datagram[12 + 4 * (first & 0x0F) :],
    )


def longest_gap(times: Sequence[float]) -> float:
    """The longest time between two neighbours, in seconds; 0 with fewer than two."""
    return max((later - earlier for earlier, later in itertools.pairwise(times)), default=0.0)


def is_unbroken(arrivals: Sequence[Arrival]) -> bool:
    """Whether one source sent all of it, numbered without a hole, its timestamps never going back."""
    return len({arrival.ssrc for arrival in arrivals}) <= 1 and all(
        later.sequence == (earlier.sequence + 1) % 0x10000
        and 0 < (later.timestamp - earlier.timestamp) % 0x100000000 < 0x80000000
        for earlier, later in itertools.pairwise(arrivals)
    )


def _even_socket(host: str) -> socket.socket:
    """A bound UDP socket on a free even port, as RTP wants it (RFC 3550 11)."""
    while True:
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.bind((host, 0))
        if bound.getsockname()[1] % 2 == 0:
            return bound
        bound.close()


@dataclass
class RtpPeer:
    """One caller's RTP: a socket, what came on it, and when it sent."""

    frequency: int
    host: str = "127.0.0.1"
    arrivals: list[Arrival] = field(default_factory=list)
    sent_at: list[float] = field(default_factory=list)
    remote: tuple[str, int] | None = None
    over: bool = False
    patience: float = SILENT_AFTER_SECONDS
    """Seconds of silence after which the call is over for it."""

    def __post_init__(self) -> None:
        self.socket = _even_socket(self.host)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.port: int = self.socket.getsockname()[1]
        self._payload = tones.tone_payload(self.frequency)
        self._ssrc = 0x10000000 + self.port

    def receive(self) -> None:
        """Take everything that has come."""
        while True:
            try:
                datagram, ancillary, _flags, source = self.socket.recvmsg(2048, 64)
            except BlockingIOError:
                return
            except OSError:  # the other end's port is closed (ICMP): there is nothing to take
                continue
            arrival = parse_packet(datagram, _kernel_time(ancillary))
            if arrival is not None:
                self.remote = self.remote or source
                self.arrivals.append(arrival)

    def send(self, number: int) -> None:
        """Send the tone's 20 ms with that number, if there is somebody to hear it."""
        if self.remote is None or self.over:
            return
        if time.time() - self.arrivals[-1].time > self.patience:
            self.over = True
            return
        header = struct.pack("!BBHII", 0x80, 0, number % 0x10000, number * tones.PACKET_SAMPLES, self._ssrc)
        try:
            self.socket.sendto(header + self._payload, self.remote)
        except OSError:
            return
        self.sent_at.append(time.time())

    def between(self, start: float, end: float) -> list[Arrival]:
        """What came from `start` until `end`, in seconds since the epoch."""
        return [arrival for arrival in self.arrivals if start <= arrival.time <= end]

    def heard(self, start: float, end: float) -> list[int]:
        """The samples that came from `start` until `end`, in the order of their arrival."""
        return [sample for arrival in self.between(start, end) for sample in tones.decoded(arrival.payload)]


def _kernel_time(ancillary: Iterable[tuple[int, int, bytes]]) -> float:
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("@qq", content[:16])
            return float(seconds + nanoseconds / 1e9)
    return time.time()


class RtpPeers:
    """Peers that listen and speak between entering and leaving the `with` block, on two threads."""

    def __init__(self, frequencies: Iterable[int], *, patience: float = SILENT_AFTER_SECONDS) -> None:
        self.peers = [RtpPeer(frequency, patience=patience) for frequency in frequencies]
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._listen, name="rtp listen", daemon=True),
            threading.Thread(target=self._speak, name="rtp speak", daemon=True),
        ]

    def __enter__(self) -> RtpPeers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(5)
        for peer in self.peers:
            peer.socket.close()

    def _listen(self) -> None:
        with selectors.DefaultSelector() as selector:
            for peer in self.peers:
                selector.register(peer.socket, selectors.EVENT_READ, peer)
            while not self._stopping.is_set():
                for key, _events in selector.select(0.1):
                    key.data.receive()

    def _speak(self) -> None:
        """Send every 20 ms by absolute times, so that lateness never adds up.

        As in a real phone this thread goes first, where that is allowed.
        """
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        start, number = time.monotonic(), 0
        while not self._stopping.is_set():
            for peer in self.peers:
                peer.send(number)
            number += 1
            time.sleep(max(0.0, start + number * PACKET_SECONDS - time.monotonic()))
