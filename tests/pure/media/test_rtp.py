import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.errors import ProtocolError
from callengine.media.rtp import HEADER_SIZE, LARGEST_PACKET, RtpPacket, make_plain, payload_bounds

PLAIN = RtpPacket(payload_type=0, sequence=65535, timestamp=2**32 - 1, ssrc=0xDEADBEEF, payload=b"audio")
RICH = RtpPacket(
    payload_type=101,
    sequence=1,
    timestamp=2,
    ssrc=3,
    payload=b"event",
    marker=True,
    sources=(4, 5, 6),
    extension=(0xBEDE, b"\x10\xff\x00\x00"),
)

packets = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 127),
    sequence=st.integers(0, 2**16 - 1),
    timestamp=st.integers(0, 2**32 - 1),
    ssrc=st.integers(0, 2**32 - 1),
    payload=st.binary(max_size=200),
    marker=st.booleans(),
    sources=st.lists(st.integers(0, 2**32 - 1), max_size=15).map(tuple),
    extension=st.none()
    | st.tuples(st.integers(0, 2**16 - 1), st.binary(max_size=10).map(lambda words: words * 4)),
)


@given(packets)
def test_what_is_written_is_read(packet: RtpPacket) -> None:
    assert RtpPacket.parse(bytes(packet)) == packet


def test_a_packet_has_the_octets_of_the_rfc() -> None:
    assert bytes(PLAIN) == bytes.fromhex("8000ffffffffffffdeadbeef") + b"audio"
    assert bytes(RICH)[:2] == bytes([0x93, 0xE5])


def test_padding_is_left_out() -> None:
    padded = bytearray(bytes(PLAIN) + b"\x00\x00\x03")
    padded[0] |= 0x20
    assert RtpPacket.parse(bytes(padded)) == PLAIN


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\x80",
        bytes(PLAIN)[:11],
        b"\x00" + bytes(PLAIN)[1:],
        b"\x40" + bytes(PLAIN)[1:],
        b"\x8f" + bytes(PLAIN)[1:],
        b"\x90" + bytes(PLAIN)[1:],
        b"\xa0" + bytes(PLAIN)[1:-1] + b"\x00",
        b"\xa0" + bytes(PLAIN)[1:-1] + b"\xff",
        bytes(RICH)[:26],
    ],
)
def test_what_is_no_rtp_is_refused(datagram: bytes) -> None:
    with pytest.raises(ProtocolError):
        RtpPacket.parse(datagram)
    assert payload_bounds(datagram, len(datagram)) == (0, -1)
    assert make_plain(bytearray(datagram), len(datagram)) == 0


@given(packets)
def test_any_packet_becomes_plain_with_its_payload(packet: RtpPacket) -> None:
    buffer = bytearray(LARGEST_PACKET)
    datagram = bytes(packet)
    buffer[: len(datagram)] = datagram
    size = make_plain(buffer, len(datagram))
    assert size == (HEADER_SIZE + len(packet.payload) if packet.payload else 0)
    if size:
        plain = RtpPacket.parse(bytes(buffer[:size]))
        assert (plain.payload, plain.sources, plain.extension) == (packet.payload, (), None)
        assert (plain.sequence, plain.ssrc, plain.marker) == (packet.sequence, packet.ssrc, packet.marker)


def test_a_buffer_keeps_its_length_and_what_lies_behind_the_packet_is_not_read() -> None:
    buffer = bytearray(LARGEST_PACKET)
    datagram = bytes(RICH)
    buffer[: len(datagram)] = datagram
    make_plain(buffer, len(datagram))
    assert len(buffer) == LARGEST_PACKET
    assert make_plain(bytearray(bytes(PLAIN)), HEADER_SIZE) == 0


def test_garbage_never_raises_anything_else() -> None:
    dice = random.Random(7)
    for _ in range(2000):
        garbage = dice.randbytes(dice.randrange(60))
        try:
            RtpPacket.parse(garbage)
        except ProtocolError:
            pass
        assert 0 <= make_plain(bytearray(garbage), len(garbage)) <= len(garbage)
