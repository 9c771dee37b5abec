"""The audio of one call: a paced RTP stream to the far end, and all that comes from there."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import gevent
from gevent.pool import Group

from callengine import greenlets
from callengine.clock import Clock
from callengine.errors import MediaError, ProtocolError
from callengine.media.codecs import g711, linear
from callengine.media.pacing import Schedule
from callengine.media.rtp import LARGEST_PACKET, RtpPacket
from callengine.sdp.negotiation import Agreement
from callengine.softphone import dtmf
from callengine.softphone.dtmf import DigitListener, TelephoneEvent
from callengine.softphone.recording import Recording
from callengine.softphone.sound import SILENCE, Sound

_BIND_ATTEMPTS = 100
_SO_TIMESTAMPNS = 35
"""Linux (asm-generic/socket.h): each datagram comes with the time of its arrival, a struct timespec."""
_ANCILLARY_BYTES = 64
_TIMESPEC = struct.Struct("@qq")


@dataclass
class AudioReport:
    """What one call's audio came to; times are in seconds.

    Where the kernel tells when a packet arrived, that counts, and not when this process got round to it.
    """

    packets_sent: int = 0
    packets_received: int = 0
    first_packet: float | None = None
    """From the start of the audio to the first packet."""
    longest_gap: float = 0.0
    """The longest time between two packets that followed each other."""
    sequence_breaks: int = 0
    """How often a packet did not carry the number after the one before it."""
    sources: set[int] = field(default_factory=set)
    """The SSRCs that were heard."""


class Audio:
    """One RTP socket: says `sound`, listens, records if asked; `on_digit` is called for each digit heard."""

    def __init__(
        self,
        *,
        host: str,
        clock: Clock,
        sound: Sound = SILENCE,
        recording: Recording | None = None,
        on_digit: Callable[[str], None] = lambda _digit: None,
    ) -> None:
        """Bind an even port of `host` (RFC 3550 section 11); raises MediaError if there is none."""
        self._socket = _bound(host)
        self.port: int = self._socket.getsockname()[1]
        self.report = AudioReport()
        self._clock = clock
        self._sound = sound
        self._recording = recording
        self._on_digit = on_digit
        self._listener = DigitListener()
        self._events: deque[TelephoneEvent | None] = deque()
        self._event_timestamp = 0
        self._ssrc = random.getrandbits(32)
        self._sequence = random.getrandbits(16)
        self._first_timestamp = random.getrandbits(32)
        self._agreement: Agreement | None = None
        self._last: tuple[int, float] | None = None
        self._started_at = 0.0
        self._closing = False
        self._group = Group()

    def start(self, agreement: Agreement) -> None:
        """Begin to send and to listen as agreed."""
        self._agreement = agreement
        self._started_at = self._clock.now()
        greenlets.spawn("audio_send", self._send, owner=self._group)
        greenlets.spawn("audio_receive", self._receive, owner=self._group)

    def change(self, agreement: Agreement) -> None:
        """Go on as agreed anew."""
        self._agreement = agreement

    def press(self, digits: str) -> None:
        """Send digits as telephone events, one after another; nothing if the far end takes none."""
        for digit in digits:
            self._events.extend(dtmf.press(digit))
            self._events.extend([None] * dtmf.PAUSE_PACKETS)

    def close(self) -> AudioReport:
        """Stop, give the port back, and tell what it came to."""
        self._closing = True
        self._socket.close()
        self._group.join()
        return self.report

    def _send(self) -> None:
        schedule = Schedule(self._clock.monotonic())
        number = 0
        while not self._closing:
            skipped, due = schedule.due(self._clock.monotonic())
            number += skipped
            for _frame in range(due):
                self._send_frame(number)
                number += 1
            gevent.sleep(schedule.wait(self._clock.monotonic()))

    def _send_frame(self, number: int) -> None:
        agreement = self._agreement
        if agreement is None or agreement.direction not in ("sendrecv", "sendonly"):
            return
        timestamp = (self._first_timestamp + number * linear.FRAME_SAMPLES) % 0x100000000
        event = self._events.popleft() if self._events else None
        if event is not None and agreement.telephone_event is not None:
            is_first = event.duration == dtmf.PACKET_SAMPLES
            if is_first:
                self._event_timestamp = timestamp
            packet = self._packet(agreement.telephone_event, self._event_timestamp, bytes(event), is_first)
        else:
            payload = g711.encode(agreement.codec, self._sound[number % len(self._sound)])
            packet = self._packet(agreement.payload_type, timestamp, payload, not self.report.packets_sent)
        self._put(packet, agreement)

    def _packet(self, payload_type: int, timestamp: int, payload: bytes, marker: bool) -> RtpPacket:
        self._sequence = (self._sequence + 1) % 0x10000
        return RtpPacket(payload_type, self._sequence, timestamp, self._ssrc, payload, marker)

    def _put(self, packet: RtpPacket, agreement: Agreement) -> None:
        """Send, or lose it: a network that takes nothing at the moment must not stop the call."""
        try:
            self._socket.sendto(bytes(packet), (agreement.host, agreement.port))
        except OSError:
            return
        self.report.packets_sent += 1

    def _receive(self) -> None:
        while not self._closing:
            try:
                datagram, ancillary, _flags, _source = self._socket.recvmsg(LARGEST_PACKET, _ANCILLARY_BYTES)
            except OSError:
                return
            try:
                self._take(RtpPacket.parse(datagram), _arrival(ancillary) or self._clock.now())
            except ProtocolError:
                continue

    def _take(self, packet: RtpPacket, arrived_at: float) -> None:
        agreement = self._agreement
        if agreement is None:
            return
        if packet.payload_type == agreement.receive_telephone_event:
            self._count(packet, arrived_at)
            digit = self._listener.hear(packet.timestamp, packet.payload)
            if digit is not None:
                self._on_digit(digit)
        elif packet.payload_type == agreement.receive_payload_type:
            self._count(packet, arrived_at)
            if self._recording is not None:
                self._recording.add(
                    ssrc=packet.ssrc,
                    timestamp=packet.timestamp,
                    samples=g711.decode(agreement.codec, packet.payload),
                    arrived_at=arrived_at,
                )

    def _count(self, packet: RtpPacket, arrived_at: float) -> None:
        report = self.report
        if self._last is None:
            report.first_packet = arrived_at - self._started_at
        else:
            sequence, before = self._last
            report.longest_gap = max(report.longest_gap, arrived_at - before)
            report.sequence_breaks += packet.sequence != (sequence + 1) % 0x10000
        self._last = packet.sequence, arrived_at
        report.packets_received += 1
        report.sources.add(packet.ssrc)


def _bound(host: str) -> socket.socket:
    for _attempt in range(_BIND_ATTEMPTS):
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.bind((host, 0))
        if bound.getsockname()[1] % 2 == 0:
            with contextlib.suppress(OSError):
                bound.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            return bound
        bound.close()
    raise MediaError(f"no free even port on {host}")


def _arrival(ancillary: Iterable[tuple[int, int, bytes]]) -> float | None:
    """When the kernel took the datagram, in seconds since the epoch; None if it does not say."""
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS) and len(content) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(content)
            return float(seconds + nanoseconds / 1e9)
    return None
