"""What a phone heard in one call, each packet at the time that its RTP timestamp gives."""

from __future__ import annotations

SAMPLE_BYTES = 2
RATE = 8000
FURTHEST_JUMP = 10 * RATE
"""In samples: a timestamp that leads further than this from the end is not believed; arrival time is."""


class Recording:
    """16-bit mono samples at 8000 a second; what did not come is silence."""

    def __init__(self) -> None:
        self._samples = bytearray()
        self._ssrc: int | None = None
        self._origin = 0
        self._started_at = 0.0

    def add(self, *, ssrc: int, timestamp: int, samples: bytes, arrived_at: float) -> None:
        """Put one packet's samples in their place; `arrived_at` is in seconds, on any clock that runs on."""
        if self._ssrc is None:
            self._started_at = arrived_at
        place = (timestamp - self._origin) % 0x100000000
        end = len(self._samples) // SAMPLE_BYTES
        if ssrc != self._ssrc or place > end + FURTHEST_JUMP:
            place = max(end, round((arrived_at - self._started_at) * RATE))
            self._ssrc = ssrc
            self._origin = (timestamp - place) % 0x100000000
        self._put(place * SAMPLE_BYTES, samples)

    def samples(self) -> bytes:
        """Everything heard so far."""
        return bytes(self._samples)

    def _put(self, start: int, samples: bytes) -> None:
        if start > len(self._samples):
            self._samples.extend(bytes(start - len(self._samples)))
        self._samples[start : start + len(samples)] = samples
