"""What a test says and hears: tones as G.711 mu-law, and which tones sound in what came back.

This is the test's own opinion: it shares no code with `callengine.media`. All signals are 8000 samples a
second. Frequencies are multiples of 50 Hz, so that 20 ms hold whole periods (each packet of a tone is the
same) and a window of 60 ms tells them apart without leakage.
"""

from __future__ import annotations

import math
import struct
import wave
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

RATE = 8000
PACKET_SAMPLES = 160
WINDOW_SAMPLES = 480
AMPLITUDE = 8000.0
"""How loud the test's own tones are, in 16-bit sample units."""
SOUNDS_FROM = 800.0
"""A tone this loud is heard: 20 dB below what was sent, far above quantisation noise."""


def _expanded(byte: int) -> int:
    """The 16-bit sample of a mu-law byte (ITU-T G.711 table 2)."""
    inverted = ~byte & 0xFF
    magnitude = (((inverted & 0x0F) << 3) + 0x84) << ((inverted & 0x70) >> 4)
    return 0x84 - magnitude if inverted & 0x80 else magnitude - 0x84


EXPANDED = tuple(_expanded(byte) for byte in range(256))
_ASCENDING = sorted((sample, byte) for byte, sample in enumerate(EXPANDED))
_LEVELS = [sample for sample, _byte in _ASCENDING]


def _compressed(sample: float) -> int:
    """The mu-law byte whose sample is nearest."""
    place = min(max(bisect_left(_LEVELS, sample), 1), len(_LEVELS) - 1)
    below, above = _ASCENDING[place - 1], _ASCENDING[place]
    return (below if sample - below[0] <= above[0] - sample else above)[1]


def tone_payload(frequency: int) -> bytes:
    """The mu-law payload of 20 ms of a tone; `frequency` is in Hz, a multiple of 50."""
    if frequency % 50:
        raise ValueError("20 ms hold whole periods of multiples of 50 Hz only")
    step = 2 * math.pi * frequency / RATE
    return bytes(_compressed(AMPLITUDE * math.sin(step * index)) for index in range(PACKET_SAMPLES))


def decoded(payload: bytes) -> list[int]:
    """The samples of a mu-law payload."""
    return [EXPANDED[byte] for byte in payload]


def loudness(samples: Sequence[int], frequency: int) -> float:
    """The amplitude of one frequency in the samples, in sample units, by Goertzel's recurrence."""
    if not samples:
        return 0.0
    factor = 2 * math.cos(2 * math.pi * frequency / RATE)
    before, last = 0.0, 0.0
    for sample in samples:
        before, last = last, sample + factor * last - before
    power = last * last + before * before - factor * last * before
    return 2 * math.sqrt(max(power, 0.0)) / len(samples)


def windows(samples: Sequence[int], size: int = WINDOW_SAMPLES) -> Iterable[Sequence[int]]:
    """The whole windows of the samples, one after another; what is left at the end is not judged."""
    return (samples[start : start + size] for start in range(0, len(samples) - size + 1, size))


def heard_shares(samples: Sequence[int], frequencies: Iterable[int]) -> Mapping[int, float]:
    """For each frequency the share, 0.0 to 1.0, of the 60 ms windows in which it sounds."""
    parts = list(windows(samples))
    return {
        frequency: sum(loudness(part, frequency) >= SOUNDS_FROM for part in parts) / max(len(parts), 1)
        for frequency in frequencies
    }


def read_wav(path: Path) -> list[int]:
    """The samples of a recording: 16-bit, mono, 8000 a second."""
    with wave.open(str(path), "rb") as recording:
        form = (recording.getnchannels(), recording.getsampwidth(), recording.getframerate())
        if form != (1, 2, RATE):
            raise ValueError(f"{path.name} is not 16-bit mono at {RATE} Hz: {form}")
        frames = recording.readframes(recording.getnframes())
    return list(struct.unpack(f"<{len(frames) // 2}h", frames))
