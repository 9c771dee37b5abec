"""Packets in their places, whatever order and holes they come with."""

from callengine.softphone.recording import Recording

PACKET = b"\x01\x00" * 160


def _added(
    recording: Recording, timestamp: int, *, ssrc: int = 1, at: float = 0.0, samples: bytes = PACKET
) -> int:
    recording.add(ssrc=ssrc, timestamp=timestamp, samples=samples, arrived_at=at)
    return len(recording.samples()) // 2


def test_packets_follow_each_other_by_timestamp() -> None:
    recording = Recording()
    assert [_added(recording, 5000 + 160 * number) for number in range(3)] == [160, 320, 480]
    assert recording.samples() == PACKET * 3


def test_what_did_not_come_is_silence() -> None:
    recording = Recording()
    _added(recording, 0)
    _added(recording, 320)
    assert recording.samples() == PACKET + bytes(320) + PACKET


def test_a_late_packet_takes_its_place() -> None:
    recording = Recording()
    for timestamp in (0, 320, 160):
        _added(recording, timestamp)
    assert recording.samples() == PACKET * 3


def test_timestamps_go_on_across_their_wrap() -> None:
    recording = Recording()
    assert _added(recording, 0xFFFFFFFF - 159) == 160
    assert _added(recording, 0) == 320


def test_another_source_begins_at_its_arrival() -> None:
    recording = Recording()
    _added(recording, 0, at=10.0)
    assert _added(recording, 99999, ssrc=2, at=11.0) == 8160
    assert _added(recording, 99999 + 160, ssrc=2, at=11.5) == 8320


def test_a_wild_timestamp_is_not_believed() -> None:
    recording = Recording()
    _added(recording, 0, at=10.0)
    assert _added(recording, 0x40000000, at=10.02) == 320


def test_nothing_heard_is_an_empty_recording() -> None:
    assert Recording().samples() == b""
