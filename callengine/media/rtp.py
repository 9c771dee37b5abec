"""RTP packets (RFC 3550 section 5.1): one as a value, and the bare header functions of the relay.

The relay keeps one buffer and makes no object of a packet: it looks at the first octet, and for the plain
header that nearly every phone sends (version 2, no padding, no extension, no contributing sources) the
payload begins at octet 12. Anything else goes through `make_plain` first.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from callengine.errors import ProtocolError

HEADER_SIZE = 12
PLAIN = 0x80
"""The first octet of a packet with the plain header."""
MARKER = 0x80
"""The marker bit in the second octet."""
LARGEST_PACKET = 2048
"""Size of a receive buffer; no Ethernet brings more in one datagram."""

_VERSION_MASK = 0xC0
_PADDING = 0x20
_EXTENSION = 0x10
_SOURCES_MASK = 0x0F

_HEADER = struct.Struct("!BBHII")


@dataclass(frozen=True)
class RtpPacket:
    """One RTP packet with its fields under the names of RFC 3550; padding is removed when it is read."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    sources: tuple[int, ...] = ()
    """Contributing sources, at most 15."""
    extension: tuple[int, bytes] | None = None
    """Profile and content (whole 32-bit words) of the header extension (section 5.3.1)."""

    @classmethod
    def parse(cls, datagram: bytes) -> RtpPacket:
        """Read a packet; raises ProtocolError for what is none."""
        start, end = payload_bounds(datagram, len(datagram))
        if end < 0:
            raise ProtocolError("not an RTP packet")
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(datagram)
        sources = struct.unpack_from(f"!{first & _SOURCES_MASK}I", datagram, HEADER_SIZE)
        return cls(
            payload_type=second & 0x7F,
            sequence=sequence,
            timestamp=timestamp,
            ssrc=ssrc,
            payload=datagram[start:end],
            marker=bool(second & MARKER),
            sources=sources,
            extension=_extension(datagram, start, HEADER_SIZE + 4 * len(sources)),
        )

    def __bytes__(self) -> bytes:
        first = PLAIN | len(self.sources) | (_EXTENSION if self.extension else 0)
        second = self.payload_type | (MARKER if self.marker else 0)
        header = _HEADER.pack(first, second, self.sequence, self.timestamp, self.ssrc)
        sources = struct.pack(f"!{len(self.sources)}I", *self.sources)
        extension = b""
        if self.extension:
            profile, content = self.extension
            extension = struct.pack("!HH", profile, len(content) // 4) + content
        return header + sources + extension + self.payload


def _extension(datagram: bytes, payload_start: int, extension_start: int) -> tuple[int, bytes] | None:
    if not datagram[0] & _EXTENSION:
        return None
    (profile,) = struct.unpack_from("!H", datagram, extension_start)
    return profile, datagram[extension_start + 4 : payload_start]


def payload_bounds(packet: bytes | bytearray, size: int) -> tuple[int, int]:
    """Where the payload of the `size` octets in `packet` begins and ends; (0, -1) if they are no RTP.

    Looks past contributing sources and extension, and leaves out padding (section 5.1).
    """
    if size < HEADER_SIZE or packet[0] & _VERSION_MASK != PLAIN:
        return 0, -1
    first = packet[0]
    start = HEADER_SIZE + 4 * (first & _SOURCES_MASK)
    if first & _EXTENSION:
        if size < start + 4:
            return 0, -1
        start += 4 + 4 * (packet[start + 2] << 8 | packet[start + 3])
    end = size
    if first & _PADDING:
        padding = packet[size - 1]
        if not padding:
            return 0, -1
        end -= padding
    return (start, end) if start <= end else (0, -1)


def make_plain(packet: bytearray, size: int) -> int:
    """Give the `size` octets in `packet` the plain header, in place; return the new size, 0 if no RTP.

    A packet without payload counts as none: there is nothing in it to hear. Header extensions are agreed
    with one phone and mean nothing to another, and we vouch for the stream as its only source.
    """
    start, end = payload_bounds(packet, size)
    if end <= start:
        return 0
    packet[HEADER_SIZE : HEADER_SIZE + end - start] = packet[start:end]
    packet[0] = PLAIN
    return HEADER_SIZE + end - start
