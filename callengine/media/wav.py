"""WAV files: any of PCM, A-law or mu-law, mono or stereo, to 8 kHz mono samples, and those back to a file.

Read from bytes, in linear time and without trust: every length is checked against what is there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from callengine.errors import MediaError
from callengine.media.codecs import linear

_PCM, _ALAW, _ULAW, _EXTENSIBLE = 1, 6, 7, 0xFFFE
_LOWEST_RATE, _HIGHEST_RATE = 4000, 192_000


@dataclass(frozen=True)
class _Format:
    tag: int
    channels: int
    rate: int
    sample_bits: int


def read(content: bytes) -> bytes:
    """The samples of a WAV file, 16-bit mono at 8000 Hz.

    Raises MediaError for what is no WAV file, holds no samples, or is in a format that is not read.
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise MediaError("not a WAV file")
    layout: _Format | None = None
    for name, chunk in _chunks(content):
        if name == b"fmt ":
            layout = _read_format(chunk)
        elif name == b"data":
            if layout is None:
                raise MediaError("a WAV file whose samples come before their format")
            return _read_samples(chunk, layout)
    raise MediaError("a WAV file without samples")


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a RIFF file; one that claims to be longer than the file ends with it."""
    position = 12
    while position + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, position)
        yield name, content[position + 8 : position + 8 + size]
        position += 8 + size + size % 2


def _read_format(chunk: bytes) -> _Format:
    if len(chunk) < 16:
        raise MediaError("a WAV file with a broken format")
    tag, channels, rate, _, _, sample_bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        (tag,) = struct.unpack_from("<H", chunk, 24)
    if channels not in (1, 2):
        raise MediaError(f"a WAV file with {channels} channels; only mono and stereo are read")
    if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        raise MediaError(f"a WAV file with {rate} samples a second")
    return _Format(tag, channels, rate, sample_bits)


def _read_samples(chunk: bytes, layout: _Format) -> bytes:
    octets = layout.sample_bits // 8
    whole = octets * layout.channels
    if not whole or len(chunk) < whole:
        raise MediaError("a WAV file without samples")
    samples = _decode(chunk[: len(chunk) - len(chunk) % whole], layout.tag, octets)
    if layout.channels == 2:
        samples = linear.to_mono(samples)
    return linear.to_rate(samples, layout.rate)


def _decode(encoded: bytes, tag: int, octets: int) -> bytes:
    if tag == _PCM and octets in (1, 2, 3, 4):
        return linear.to_width(encoded, octets)
    if tag == _ALAW and octets == 1:
        return linear.from_alaw(encoded)
    if tag == _ULAW and octets == 1:
        return linear.from_ulaw(encoded)
    raise MediaError(f"a WAV file in format {tag} with {octets} octets a sample, which is not read")


def write(samples: bytes) -> bytes:
    """A WAV file of 16-bit mono samples at 8000 Hz."""
    rate, width = linear.SAMPLE_RATE, linear.SAMPLE_WIDTH
    layout = struct.pack("<HHIIHH", _PCM, 1, rate, rate * width, width, 8 * width)
    body = b"WAVEfmt " + struct.pack("<I", len(layout)) + layout
    body += b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body
