"""What a phone says into a call: silence, a tone, or a WAV file, in frames of 20 ms, over and over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from callengine.errors import MediaError
from callengine.media import tones, wav
from callengine.media.codecs import linear

Sound = Sequence[bytes]
"""Frames of 160 linear samples each; after the last comes the first again."""

FRAME_BYTES = linear.FRAME_SAMPLES * linear.SAMPLE_WIDTH
TONE_PREFIX = "tone:"
TONE_SECONDS = 1.0
TONE_LEVEL = 0.25
"""Of full scale: as loud as somebody who speaks clearly."""
LOWEST_TONE, HIGHEST_TONE = 50, 3800
"""In Hz: what G.711 carries."""

SILENCE: Sound = (bytes(FRAME_BYTES),)


def load(what: str) -> Sound:
    """The sound of `tone:HZ` or of a WAV file; raises MediaError, saying why, if there is none."""
    if what.startswith(TONE_PREFIX):
        return _frames(tones.sine(_frequency(what), TONE_SECONDS, level=TONE_LEVEL))
    try:
        content = Path(what).read_bytes()
    except OSError as error:
        raise MediaError(f"{what}: {error.strerror}") from error
    return _frames(wav.read(content))


def _frequency(what: str) -> int:
    """Whole Hz, so that a second holds whole periods and its end joins its beginning."""
    text = what.removeprefix(TONE_PREFIX)
    if not (text.isascii() and text.isdigit() and len(text) < 6 and LOWEST_TONE <= int(text) <= HIGHEST_TONE):
        raise MediaError(f"{what}: a tone has {LOWEST_TONE} to {HIGHEST_TONE} whole Hz")
    return int(text)


def _frames(samples: bytes) -> Sound:
    """The samples cut into frames, the last one filled up with silence."""
    return tuple(
        samples[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")
        for start in range(0, len(samples), FRAME_BYTES)
    )
