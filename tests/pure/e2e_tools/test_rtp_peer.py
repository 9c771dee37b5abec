"""What the test's own RTP ends make of packets, without any socket."""

import struct

from tests.e2e.rtp_peer import Arrival, is_unbroken, longest_gap, parse_packet


def _arrival(sequence: int, *, timestamp: int | None = None, ssrc: int = 7) -> Arrival:
    stamp = sequence * 160 if timestamp is None else timestamp
    return Arrival(0.0, sequence % 0x10000, stamp % 0x100000000, ssrc, 0, False, b"")


def test_a_packet_is_read() -> None:
    datagram = struct.pack("!BBHII", 0x80, 0x80 | 8, 513, 160, 99) + b"audio"
    assert parse_packet(datagram, 12.5) == Arrival(12.5, 513, 160, 99, 8, True, b"audio")


def test_contributing_sources_are_no_payload() -> None:
    datagram = struct.pack("!BBHII", 0x82, 0, 1, 160, 99) + bytes(8) + b"audio"
    packet = parse_packet(datagram, 0.0)
    assert packet is not None
    assert packet.payload == b"audio"


def test_what_is_no_packet_is_none() -> None:
    assert parse_packet(b"", 0.0) is None
    assert parse_packet(b"SIP/2.0 200 OK\r\n", 0.0) is None


def test_the_longest_gap_is_between_neighbours() -> None:
    assert longest_gap([]) == 0.0
    assert longest_gap([5.0]) == 0.0
    assert longest_gap([1.0, 1.25, 2.0, 2.25]) == 0.75


def test_a_stream_across_the_wraps_is_unbroken() -> None:
    first = 0x100000000 - 160
    arrivals = [_arrival(0xFFFF + step, timestamp=first + step * 160) for step in range(4)]
    assert is_unbroken(arrivals)
    assert is_unbroken([])


def test_a_hole_another_source_or_a_timestamp_going_back_breaks_it() -> None:
    assert not is_unbroken([_arrival(1), _arrival(3)])
    assert not is_unbroken([_arrival(1), _arrival(1)])
    assert not is_unbroken([_arrival(1), _arrival(2, ssrc=8)])
    assert not is_unbroken([_arrival(1), _arrival(2, timestamp=0)])
