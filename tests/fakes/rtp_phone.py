"""A telephone's media side: sends RTP every 20 ms and keeps what it receives with the time it came."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, replace
from itertools import pairwise

import gevent

from callengine.media.codecs import g711
from callengine.media.codecs.linear import FRAME_SAMPLES
from callengine.media.engine import RemoteMedia
from callengine.media.rtp import LARGEST_PACKET, RtpPacket
from callengine.media.tones import sine

HOST = "127.0.0.1"
BEAT_SECONDS = 0.01


@dataclass(frozen=True)
class Heard:
    """A packet and when it was read, in monotonic seconds."""

    at: float
    packet: RtpPacket
    source: tuple[str, int]
    stalled: float
    """How long the machine kept the phone from running, all in all until then: no fault of who sent."""
    waited: float
    """How long it kept the phone from running just before: for so long the packet may have lain there."""


class RtpPhone:
    """Bound to `port`, any if 0; `engine_port` is where it sends."""

    def __init__(
        self, *, codec: str = "PCMU", tone: float = 440.0, ssrc: int | None = None, port: int = 0
    ) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, port))
        self.port: int = self._socket.getsockname()[1]
        self.engine_port = 0
        self.codec = codec
        self.payload_type = 0 if codec == g711.PCMU else 8
        self.ssrc = self.port if ssrc is None else ssrc
        self.sequence = 65_500
        self.timestamp = 2**32 - 1600
        self.heard: list[Heard] = []
        self._sent = 0
        self._stalled = 0.0
        self._last_stall = (0.0, 0.0)
        self._beat_due = time.monotonic() + BEAT_SECONDS
        tone_encoded = g711.encode(codec, sine(tone, 1.0))
        self._frames = [
            tone_encoded[n : n + FRAME_SAMPLES] for n in range(0, len(tone_encoded), FRAME_SAMPLES)
        ]
        self._speaking: gevent.Greenlet[..., None] | None = None
        self._living = [gevent.spawn(self._beat), gevent.spawn(self._listen)]

    def remote(self, **changes: object) -> RemoteMedia:
        """What its session description says."""
        agreed = RemoteMedia(HOST, self.port, self.codec, self.payload_type, self.payload_type)
        return replace(agreed, **changes)  # type: ignore[arg-type]

    def send(self, **changes: object) -> RtpPacket:
        """Send the next packet of its stream, with some fields changed."""
        packet = RtpPacket(
            payload_type=self.payload_type,
            sequence=self.sequence,
            timestamp=self.timestamp,
            ssrc=self.ssrc,
            payload=self._frames[self._sent % len(self._frames)],
        )
        packet = replace(packet, **changes)  # type: ignore[arg-type]
        self.send_bytes(bytes(packet))
        self._sent += 1
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + FRAME_SAMPLES) & 0xFFFFFFFF
        return packet

    def send_bytes(self, datagram: bytes) -> None:
        self._socket.sendto(datagram, (HOST, self.engine_port))

    def speak(self) -> None:
        """Send a packet every 20 ms from now on."""
        self._speaking = gevent.spawn(self._speak)

    def be_silent(self) -> None:
        if self._speaking is not None:
            self._speaking.kill()
            self._speaking = None

    def close(self) -> None:
        self.be_silent()
        gevent.killall(self._living)
        self._socket.close()

    def wait_for(self, count: int, *, timeout: float = 5.0) -> list[Heard]:
        """Wait until it has heard `count` packets in all; return all that it has heard."""
        with gevent.Timeout(timeout, AssertionError(f"heard {len(self.heard)} of {count} packets")):
            while len(self.heard) < count:
                gevent.sleep(0.005)
        return self.heard

    def samples(self, *, since: int = 0) -> bytes:
        """What its speaker has played, from packet number `since` on."""
        return b"".join(g711.decode(self.codec, heard.packet.payload) for heard in self.heard[since:])

    def _speak(self) -> None:
        due = time.monotonic()
        while True:
            self.send()
            due += 0.02
            gevent.sleep(max(0.0, due - time.monotonic()))

    def _listen(self) -> None:
        while True:
            datagram, source = self._socket.recvfrom(LARGEST_PACKET)
            now = time.monotonic()
            self.heard.append(
                Heard(
                    now,
                    RtpPacket.parse(datagram),
                    source,
                    stalled=self._stalled + self._late(now),
                    waited=self._late(now) or self._just_over(now),
                )
            )

    def _beat(self) -> None:
        while True:
            self._beat_due = time.monotonic() + BEAT_SECONDS
            gevent.sleep(BEAT_SECONDS)
            now = time.monotonic()
            if late := self._late(now):
                self._stalled += late
                self._last_stall = (now, late)

    def _late(self, now: float) -> float:
        late = now - self._beat_due
        return late if late > BEAT_SECONDS / 2 else 0.0

    def _just_over(self, now: float) -> float:
        """The stall after which the phone has only now come to its socket."""
        ended, seconds = self._last_stall
        return seconds if now - ended < BEAT_SECONDS else 0.0


def longest_gap(heard: list[Heard]) -> float:
    """Seconds between the two packets that came furthest apart, less what the machine is to blame for."""
    return max(after.at - before.at - (after.stalled - before.stalled) for before, after in pairwise(heard))


def assert_one_stream(heard: list[Heard]) -> None:
    """One SSRC, no hole in the sequence, and a timestamp that goes with the time of arrival (to 60 ms)."""
    first = heard[0]
    for number, one in enumerate(heard):
        assert one.packet.ssrc == first.packet.ssrc
        assert one.packet.sequence == (first.packet.sequence + number) & 0xFFFF
        advanced = ((one.packet.timestamp - first.packet.timestamp) & 0xFFFFFFFF) / 8000
        allowed = 0.06 + first.waited + one.stalled - first.stalled
        assert abs(advanced - (one.at - first.at)) < allowed, f"packet {number} of {len(heard)}"
