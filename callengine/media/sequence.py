"""Arithmetic on numbers that wrap: RTP sequence numbers (16 bits) and timestamps (32 bits)."""

SEQUENCE_MASK = 0xFFFF
TIMESTAMP_MASK = 0xFFFFFFFF

_HALF_SEQUENCE = 0x8000
_HALF_TIMESTAMP = 0x80000000


def sequence_difference(later: int, earlier: int) -> int:
    """How far `later` is after `earlier`, from -32768 to 32767 (RFC 1982 in 16 bits)."""
    return ((later - earlier + _HALF_SEQUENCE) & SEQUENCE_MASK) - _HALF_SEQUENCE


def timestamp_difference(later: int, earlier: int) -> int:
    """How far `later` is after `earlier`, from -2**31 to 2**31 - 1 (RFC 1982 in 32 bits)."""
    return ((later - earlier + _HALF_TIMESTAMP) & TIMESTAMP_MASK) - _HALF_TIMESTAMP
