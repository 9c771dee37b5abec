"""G.711 mu-law (PCMU) and A-law (PCMA): linear samples to octets and back, and octet to octet.

Between the two laws no audio is decoded on the way: a table of 256 octets for each direction says which
octet of the one stands nearest to each octet of the other, and `bytes.translate` applies it.
"""

from __future__ import annotations

from callengine.errors import MediaError
from callengine.media.codecs import linear

PCMU = "PCMU"
PCMA = "PCMA"
CODECS = (PCMU, PCMA)

_ALL_OCTETS = bytes(range(256))

ULAW_TO_ALAW = linear.to_alaw(linear.from_ulaw(_ALL_OCTETS))
ALAW_TO_ULAW = linear.to_ulaw(linear.from_alaw(_ALL_OCTETS))

_ENCODERS = {PCMU: linear.to_ulaw, PCMA: linear.to_alaw}
_DECODERS = {PCMU: linear.from_ulaw, PCMA: linear.from_alaw}
_TRANSLATIONS = {
    (PCMU, PCMU): None,
    (PCMA, PCMA): None,
    (PCMU, PCMA): ULAW_TO_ALAW,
    (PCMA, PCMU): ALAW_TO_ULAW,
}


def encode(codec: str, samples: bytes) -> bytes:
    """16-bit samples as one octet each; raises MediaError for a codec that is not G.711."""
    return _ENCODERS[check(codec)](samples)


def decode(codec: str, encoded: bytes) -> bytes:
    """Octets as 16-bit samples; raises MediaError for a codec that is not G.711."""
    return _DECODERS[check(codec)](encoded)


def translation(from_codec: str, to_codec: str) -> bytes | None:
    """The table for `bytes.translate` from one codec's octets to the other's; None if they are equal."""
    return _TRANSLATIONS[check(from_codec), check(to_codec)]


def silence(codec: str) -> bytes:
    """The one octet that stands for a sample of zero."""
    return encode(codec, bytes(linear.SAMPLE_WIDTH))


def check(codec: str) -> str:
    """Return the codec's name if it is one of ours, else raise MediaError."""
    if codec not in _ENCODERS:
        raise MediaError(f"codec {codec!r} is not served; it must be one of {', '.join(CODECS)}")
    return codec
