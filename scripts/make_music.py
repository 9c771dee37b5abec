"""Make the hold music, callengine/media/sounds/music.wav: calm broken chords, composed and played here.

Nothing in it is random. Run from the top of the tree: python scripts/make_music.py
"""

from __future__ import annotations

import math
import sys
from array import array
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from callengine.media import wav
from callengine.media.codecs.linear import SAMPLE_RATE

MUSIC = Path(__file__).resolve().parent.parent / "callengine" / "media" / "sounds" / "music.wav"

STEP_SECONDS = 0.375
"""One note of the broken chords; eight are a bar of 3 s, eight bars the loop of 24 s."""
NOTES_A_BAR = 8
PATTERN = (0, 1, 2, 3, 2, 3, 1, 2)
"""Which tone of the chord sounds at each step."""

CHORDS = (
    (130.81, (261.63, 329.63, 392.00, 493.88)),  # C major seventh
    (110.00, (261.63, 329.63, 392.00, 440.00)),  # A minor seventh
    (174.61, (261.63, 329.63, 349.23, 440.00)),  # F major seventh
    (98.00, (246.94, 293.66, 349.23, 392.00)),  # G seventh
    (164.81, (246.94, 293.66, 329.63, 392.00)),  # E minor seventh
    (110.00, (261.63, 329.63, 392.00, 440.00)),  # A minor seventh
    (146.83, (261.63, 293.66, 349.23, 440.00)),  # D minor seventh
    (98.00, (246.94, 293.66, 392.00, 440.00)),  # G ninth
)

PARTIALS = ((1.0, 1.0, 1.0), (2.0, 0.35, 1.8), (3.0, 0.12, 2.6))
"""Of a plucked note: multiple of the frequency, strength, and how much faster it fades."""
PLUCK_SECONDS, BASS_SECONDS = 1.6, 3.2
ATTACK_SECONDS = 0.012
PEAK = 9000
"""Of 32767: music for a telephone must not be loud."""


def pluck(mixture: list[float], start: float, frequency: float, level: float, seconds: float) -> None:
    """Add one fading note to the loop; what rings past its end is heard at its beginning."""
    first, count = round(start * SAMPLE_RATE), round(seconds * SAMPLE_RATE)
    for n in range(count):
        time = n / SAMPLE_RATE
        attack = min(1.0, time / ATTACK_SECONDS)
        release = min(1.0, (seconds - time) / 0.05)
        value = sum(
            strength
            * math.exp(-3.0 * fading * time / seconds)
            * math.sin(2 * math.pi * frequency * multiple * time)
            for multiple, strength, fading in PARTIALS
        )
        mixture[(first + n) % len(mixture)] += level * attack * release * value


def compose() -> list[float]:
    bar_seconds = STEP_SECONDS * NOTES_A_BAR
    mixture = [0.0] * round(len(CHORDS) * bar_seconds * SAMPLE_RATE)
    for bar, (bass, tones) in enumerate(CHORDS):
        pluck(mixture, bar * bar_seconds, bass, 0.8, BASS_SECONDS)
        for step, tone in enumerate(PATTERN):
            level = 0.6 if step % 4 == 0 else 0.45
            pluck(mixture, bar * bar_seconds + step * STEP_SECONDS, tones[tone], level, PLUCK_SECONDS)
        pluck(mixture, (bar + 0.5) * bar_seconds, tones[bar % 3 + 1] * 2, 0.3, BASS_SECONDS)
    return mixture


def main() -> None:
    mixture = compose()
    scale = PEAK / max(abs(value) for value in mixture)
    samples = array("h", (round(value * scale) for value in mixture))
    MUSIC.parent.mkdir(exist_ok=True)
    MUSIC.write_bytes(wav.write(samples.tobytes()))
    print(f"{MUSIC}: {len(samples) / SAMPLE_RATE:g} s")


if __name__ == "__main__":
    main()
