"""Tones: making a sine, and telling how strong one frequency is in what was heard (Goertzel)."""

from __future__ import annotations

import math
from array import array

from callengine.media.codecs import linear

_FULL_SCALE = 32767

SIGNAL_SECONDS = 0.4
"""How long each of the two signals lasts."""
_RISING = (660.0, 880.0)
_LOW = 220.0


def sine(frequency: float, seconds: float, *, level: float = 0.5) -> bytes:
    """16-bit samples at 8000 Hz of a sine of `frequency` Hz; `level` 1.0 is full scale."""
    step = 2 * math.pi * frequency / linear.SAMPLE_RATE
    count = round(seconds * linear.SAMPLE_RATE)
    return array("h", (round(_FULL_SCALE * level * math.sin(step * n)) for n in range(count))).tobytes()


def done() -> bytes:
    """The signal for what was done: two rising tones."""
    return b"".join(sine(frequency, SIGNAL_SECONDS / len(_RISING), level=0.3) for frequency in _RISING)


def refused() -> bytes:
    """The signal for what was not: one low tone."""
    return sine(_LOW, SIGNAL_SECONDS, level=0.3)


def strength(samples: bytes, frequency: float) -> float:
    """How much of the samples' power is in one frequency, from 0.0 to about 1.0; 0.0 for silence.

    `samples` are 16-bit at 8000 Hz. The frequency's neighbourhood is 8000 / count Hz wide, so 50 ms (400
    samples) tell tones apart that differ by 40 Hz or more (Goertzel 1958).
    """
    values = array("h", samples)
    power = sum(value * value for value in values)
    if not power:
        return 0.0
    coefficient = 2 * math.cos(2 * math.pi * frequency / linear.SAMPLE_RATE)
    before, last = 0.0, 0.0
    for value in values:
        before, last = last, value + coefficient * last - before
    energy = last * last + before * before - coefficient * last * before
    return 2 * energy / (power * len(values))


def detect(samples: bytes, frequencies: list[float], *, threshold: float = 0.5) -> float | None:
    """Which of `frequencies` holds more than `threshold` of the samples' power; None if none does."""
    best = max(frequencies, key=lambda frequency: strength(samples, frequency), default=None)
    if best is None or strength(samples, best) < threshold:
        return None
    return best
