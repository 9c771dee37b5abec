"""Digits as telephone events in RTP (RFC 4733): the packets of one that is pressed, and hearing one.

All packets of one digit carry the timestamp of its beginning and a growing duration; the last is sent three
times, with the end bit, because any one may be lost (RFC 4733 2.5.1.4).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

DIGITS = "0123456789*#ABCD"
"""Each digit at the place that is its event code (RFC 4733 3.2)."""

PACKET_SAMPLES = 160
PRESS_PACKETS = 5
"""100 ms a digit: well over the 40 ms that receivers ask for."""
END_PACKETS = 3
PAUSE_PACKETS = 5
"""100 ms without an event between two digits."""
_VOLUME = 10
"""Minus 10 dBm0."""


@dataclass(frozen=True)
class TelephoneEvent:
    """The payload of one event packet (RFC 4733 2.3); `duration` is in samples."""

    code: int
    is_end: bool
    duration: int

    def __bytes__(self) -> bytes:
        return struct.pack("!BBH", self.code, (0x80 if self.is_end else 0) | _VOLUME, self.duration)

    @classmethod
    def parse(cls, payload: bytes) -> TelephoneEvent | None:
        """The event in a payload, or None when it is too short to be one."""
        if len(payload) < 4:
            return None
        code, flags, duration = struct.unpack_from("!BBH", payload)
        return cls(code, bool(flags & 0x80), duration)


def press(digit: str) -> Iterator[TelephoneEvent]:
    """The events of one pressed digit, to be sent one every 20 ms; raises ValueError if it is no digit."""
    code = DIGITS.index(digit.upper())
    for number in range(1, PRESS_PACKETS + 1):
        yield TelephoneEvent(code, False, number * PACKET_SAMPLES)
    for _copy in range(END_PACKETS):
        yield TelephoneEvent(code, True, PRESS_PACKETS * PACKET_SAMPLES)


class DigitListener:
    """Tells each digit once, however many of its packets come; one digit is one RTP timestamp."""

    def __init__(self) -> None:
        self._heard_at: int | None = None

    def hear(self, timestamp: int, payload: bytes) -> str | None:
        """The digit that begins with this packet, or None."""
        event = TelephoneEvent.parse(payload)
        if event is None or event.code >= len(DIGITS) or timestamp == self._heard_at:
            return None
        self._heard_at = timestamp
        return DIGITS[event.code]
