import pytest

from callengine.media.rtp import RtpPacket
from callengine.media.stream import OutgoingStream

SSRC = 0xABCDEF01


class Phone:
    """Sends packets through a stream and reads what comes out."""

    def __init__(self, *, sequence: int = 100, timestamp: int = 1000) -> None:
        self.stream = OutgoingStream(ssrc=SSRC, sequence=sequence, timestamp=timestamp, now=0.0)

    def send(
        self, sequence: int, timestamp: int, ssrc: int, now: float, *, kind: int = 0, event: bool = False
    ) -> RtpPacket | None:
        packet = bytearray(bytes(RtpPacket(0, sequence, timestamp, ssrc, b"payload")))
        if not self.stream.rewrite(packet, kind, sequence, timestamp, ssrc, now, event):
            return None
        out = RtpPacket.parse(bytes(packet))
        assert out.ssrc == SSRC
        assert out.payload == b"payload"
        return out

    def numbers(self, *packets: tuple[int, int, int, float]) -> list[tuple[int, int, bool] | None]:
        sent = [self.send(*packet) for packet in packets]
        return [(out.sequence, out.timestamp, out.marker) if out else None for out in sent]


def test_one_source_passes_with_a_constant_added_and_one_marker() -> None:
    numbers = Phone().numbers((7, 50, 1, 0.02), (8, 210, 1, 0.04), (9, 370, 1, 0.06))
    assert numbers == [(101, 1160, True), (102, 1320, False), (103, 1480, False)]


def test_another_source_continues_in_sequence_and_in_time() -> None:
    numbers = Phone().numbers((7, 50, 1, 0.02), (8, 210, 1, 0.04), (60000, 9, 2, 0.10), (60001, 169, 2, 0.12))
    assert numbers[1:] == [(102, 1320, False), (103, 1800, True), (104, 1960, False)]


def test_the_same_source_again_after_a_change_is_anchored_too() -> None:
    phone = Phone()
    phone.numbers((7, 50, 1, 0.02))
    phone.stream.change_source()
    assert phone.numbers((8, 210, 1, 2.0)) == [(102, 1000 + 16000, True)]


def test_the_timestamp_never_goes_back_at_a_change() -> None:
    phone = Phone()
    phone.numbers((7, 0, 1, 0.0), (8, 4000, 1, 0.02))  # half a second ahead of our clock
    assert phone.numbers((1, 0, 2, 0.04)) == [(102 + 1, 1160 + 4000 + 160, True)]


def test_numbers_wrap() -> None:
    phone = Phone(sequence=65535, timestamp=2**32 - 100)
    numbers = phone.numbers((65535, 2**32 - 10, 1, 0.02), (0, 150, 1, 0.04))
    assert numbers == [(0, 60, True), (1, 220, False)]


def test_loss_stays_loss_and_disorder_stays_disorder() -> None:
    numbers = Phone().numbers((7, 0, 1, 0.0), (9, 320, 1, 0.04), (8, 160, 1, 0.05), (10, 480, 1, 0.06))
    assert [number and number[0] for number in numbers] == [101, 103, 102, 104]
    assert [number and number[1] - 1160 for number in numbers] == [0, 320, 160, 480]


def test_a_repeated_packet_is_refused() -> None:
    assert Phone().numbers((7, 0, 1, 0.0), (7, 0, 1, 0.0))[1] is None


def test_what_is_late_from_before_a_change_is_refused() -> None:
    phone = Phone()
    phone.numbers((7, 0, 1, 0.0), (8, 160, 1, 0.02))
    phone.stream.change_source()
    assert phone.numbers((12, 800, 1, 0.1), (11, 640, 1, 0.1), (13, 960, 1, 0.12)) == [
        (103, 1800, True),
        None,
        (104, 1960, False),
    ]


def test_a_jump_in_sequence_is_a_new_start() -> None:
    numbers = Phone().numbers((7, 0, 1, 0.0), (30000, 160, 1, 0.02), (30001, 320, 1, 0.04))
    assert [number and number[0] for number in numbers] == [101, 102, 103]
    assert numbers[1] is not None
    assert numbers[1][2]


def test_a_pause_in_speech_keeps_its_length() -> None:
    phone = Phone()
    numbers = phone.numbers((7, 0, 1, 0.0), (8, 40_000, 1, 5.0))
    assert numbers == [(101, 1160, True), (102, 41_160, False)]


@pytest.mark.parametrize("timestamp", [2**31, 2**32 - 160, 90_000])
def test_a_timestamp_that_contradicts_time_is_a_new_start(timestamp: int) -> None:
    numbers = Phone().numbers((7, 0, 1, 0.0), (8, timestamp, 1, 0.5))
    assert numbers[1] == (102, 5000, True)


def test_a_packet_that_is_not_sent_on_leaves_no_hole() -> None:
    phone = Phone()
    phone.numbers((7, 0, 1, 0.0))
    phone.stream.pass_over(8, 1)
    phone.stream.pass_over(9, 1)
    phone.stream.pass_over(10, 99)
    phone.stream.pass_over(50, 1)
    assert phone.numbers((10, 480, 1, 0.06)) == [(102, 1640, False)]


def test_the_source_s_own_marker_passes() -> None:
    phone = Phone()
    phone.send(7, 0, 1, 0.0)
    packet = phone.send(8, 160, 1, 0.02, kind=0x80 | 8)
    assert packet is not None
    assert (packet.marker, packet.payload_type) == (True, 8)


def test_telephone_events_stand_still_in_time_while_sequence_goes_on() -> None:
    phone = Phone()
    phone.send(7, 16_000, 1, 0.0)
    events = [
        phone.send(8 + n, 16_160, 1, 0.02 * (n + 1), kind=101 | (0x80 if n == 0 else 0), event=True)
        for n in range(4)
    ]
    assert [event and event.timestamp for event in events] == [1320] * 4
    assert [event and event.sequence for event in events] == [102, 103, 104, 105]
    assert [event and event.marker for event in events] == [True, False, False, False]
    assert phone.numbers((12, 16_800, 1, 0.1)) == [(106, 1960, False)]


def test_the_marker_of_a_change_waits_for_audio() -> None:
    phone = Phone()
    event = phone.send(7, 0, 1, 0.0, kind=101, event=True)
    audio = phone.send(8, 160, 1, 0.02)
    assert event is not None
    assert audio is not None
    assert (event.marker, audio.marker) == (False, True)


def test_a_stream_that_comes_back_to_us_is_refused() -> None:
    assert Phone().numbers((7, 0, 1, 0.0), (8, 160, SSRC, 0.02), (8, 160, 1, 0.02)) == [
        (101, 1160, True),
        None,
        (102, 1320, False),
    ]
