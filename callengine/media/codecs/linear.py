"""Linear 16-bit samples in native byte order, and the one place that imports `audioop`.

`audioop` is in the standard library up to Python 3.12 and comes from the package audioop-lts after that.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

SAMPLE_RATE = 8000
"""Samples a second of everything that callengine plays or stores."""
SAMPLE_WIDTH = 2
"""Octets in a linear sample."""
FRAME_SAMPLES = 160
"""Samples in 20 ms, what one RTP packet carries (RFC 3551 section 4.2)."""


def to_width(samples: bytes, width: int) -> bytes:
    """Samples of 1 (unsigned), 2, 3 or 4 octets as 16-bit samples."""
    if width == 1:
        samples = audioop.bias(samples, 1, -128)
    return audioop.lin2lin(samples, width, SAMPLE_WIDTH) if width != SAMPLE_WIDTH else samples


def to_mono(samples: bytes) -> bytes:
    """Interleaved stereo as the mean of both channels."""
    return audioop.tomono(samples, SAMPLE_WIDTH, 0.5, 0.5)


def to_rate(samples: bytes, rate: int) -> bytes:
    """Mono samples taken `rate` times a second, at 8000 Hz (interpolated, not filtered)."""
    if rate == SAMPLE_RATE:
        return samples
    converted, _ = audioop.ratecv(samples, SAMPLE_WIDTH, 1, rate, SAMPLE_RATE, None)
    return converted


def from_ulaw(encoded: bytes) -> bytes:
    return audioop.ulaw2lin(encoded, SAMPLE_WIDTH)


def to_ulaw(samples: bytes) -> bytes:
    return audioop.lin2ulaw(samples, SAMPLE_WIDTH)


def from_alaw(encoded: bytes) -> bytes:
    return audioop.alaw2lin(encoded, SAMPLE_WIDTH)


def to_alaw(samples: bytes) -> bytes:
    return audioop.lin2alaw(samples, SAMPLE_WIDTH)
