"""The relay between real sockets: what each phone hears of the other, and what it does not."""

from collections.abc import Callable

import gevent
import pytest

from callengine.media.local import LocalEngine
from callengine.media.rtp import RtpPacket
from callengine.media.tones import strength
from tests.fakes.rtp_phone import RtpPhone, assert_one_stream, longest_gap

Phones = Callable[..., RtpPhone]


def joined(engine: LocalEngine, one: RtpPhone, other: RtpPhone, **remote: object) -> None:
    one.engine_port = engine.open("one", remote=one.remote())
    other.engine_port = engine.open("other", remote=other.remote(**remote))
    engine.join("one", "other")


def test_joined_legs_hear_each_other(engine: LocalEngine, phones: Phones) -> None:
    one, other = phones(tone=440, ssrc=1), phones(tone=700, ssrc=2)
    joined(engine, one, other)
    one.speak()
    other.speak()
    one.wait_for(25)
    other.wait_for(25)
    assert strength(one.samples(), 700) > 0.9
    assert strength(other.samples(), 440) > 0.9
    for phone in (one, other):
        assert_one_stream(phone.heard)
        assert longest_gap(phone.heard) < 0.06
        assert phone.heard[0].source == ("127.0.0.1", phone.engine_port)
        assert [heard.packet.marker for heard in phone.heard[:3]] == [True, False, False]
    assert engine.totals().relays == 1
    assert engine.totals().greenlets["relay"] == 1


def test_header_is_ours_and_payload_is_theirs(engine: LocalEngine, phones: Phones) -> None:
    one, other = phones(ssrc=77), phones()
    joined(engine, one, other)
    sent = [one.send() for _ in range(5)]
    heard = [heard.packet for heard in other.wait_for(5)]
    assert [packet.payload for packet in heard] == [packet.payload for packet in sent]
    assert len({packet.ssrc for packet in heard}) == 1
    assert heard[0].ssrc != 77
    assert [packet.sequence - heard[0].sequence & 0xFFFF for packet in heard] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("one_codec", "other_codec"), [("PCMU", "PCMA"), ("PCMA", "PCMU")])
def test_a_law_and_mu_law_are_translated_both_ways(
    engine: LocalEngine, phones: Phones, one_codec: str, other_codec: str
) -> None:
    one, other = phones(codec=one_codec, tone=440), phones(codec=other_codec, tone=900)
    joined(engine, one, other)
    one.speak()
    other.speak()
    one.wait_for(20)
    other.wait_for(20)
    assert strength(one.samples(), 900) > 0.9
    assert strength(other.samples(), 440) > 0.9
    assert {heard.packet.payload_type for heard in one.heard} == {one.payload_type}
    assert {heard.packet.payload_type for heard in other.heard} == {other.payload_type}


def test_dynamic_payload_types_are_mapped(engine: LocalEngine, phones: Phones) -> None:
    one, other = phones(), phones()
    one.engine_port = engine.open("one", remote=one.remote(receive_payload_type=96, payload_type=97))
    other.engine_port = engine.open("other", remote=other.remote())
    engine.join("one", "other")
    one.send(payload_type=96)
    other.send()
    assert other.wait_for(1)[0].packet.payload_type == 0
    assert one.wait_for(1)[0].packet.payload_type == 97


def events_agreed(sends: int | None, takes: int | None) -> dict[str, object]:
    return {"receive_telephone_event": sends, "telephone_event": takes}


def test_telephone_events_are_mapped(engine: LocalEngine, phones: Phones) -> None:
    one, other = phones(), phones(codec="PCMA")
    one.engine_port = engine.open("one", remote=one.remote(**events_agreed(96, 96)))
    other.engine_port = engine.open("other", remote=other.remote(**events_agreed(101, 100)))
    engine.join("one", "other")
    one.send()
    digit = b"\x05\x0a\x00\xa0"
    start = one.timestamp
    for number in range(3):
        one.send(payload_type=96, timestamp=start, payload=digit, marker=number == 0)
    one.send()
    heard = [heard.packet for heard in other.wait_for(5)]
    assert [packet.payload_type for packet in heard] == [8, 100, 100, 100, 8]
    assert [packet.payload for packet in heard[1:4]] == [digit] * 3
    assert len({packet.timestamp for packet in heard[1:4]}) == 1
    assert [packet.marker for packet in heard] == [True, True, False, False, False]
    assert [packet.sequence - heard[0].sequence & 0xFFFF for packet in heard] == [0, 1, 2, 3, 4]


def test_telephone_events_are_dropped_where_none_are_taken(engine: LocalEngine, phones: Phones) -> None:
    one, other = phones(), phones()
    one.engine_port = engine.open("one", remote=one.remote(**events_agreed(101, 101)))
    other.engine_port = engine.open("other", remote=other.remote())
    engine.join("one", "other")
    one.send()
    for _ in range(3):
        one.send(payload_type=101, payload=b"\x05\x0a\x00\xa0")
    one.send()
    other.wait_for(2)
    gevent.sleep(0.05)
    assert [heard.packet.payload_type for heard in other.heard] == [0, 0]
    assert_one_stream(other.heard[:1])
    assert (other.heard[1].packet.sequence - other.heard[0].packet.sequence) & 0xFFFF == 1
    assert engine.statistics("one").packets_dropped == 3


def test_bad_packets_are_counted_and_change_nothing(engine: LocalEngine, phones: Phones) -> None:
    one, other = phones(), phones()
    joined(engine, one, other)
    stranger = phones()
    stranger.engine_port = one.engine_port
    for datagram in (b"", b"x", b"\r\n\r\n", b"\x00\x01" + bytes(18), bytes(2000), b"\xff" * 40):
        stranger.send_bytes(datagram)
    stranger.send(payload_type=18)
    stranger.send(payload=b"")
    one.send()
    one.send(payload_type=13)
    one.send()
    other.wait_for(2)
    gevent.sleep(0.05)
    statistics = engine.statistics("one")
    assert (statistics.packets_bad, statistics.packets_received, statistics.packets_stray) == (9, 2, 0)
    assert statistics.remote_port == one.port
    assert (other.heard[1].packet.sequence - other.heard[0].packet.sequence) & 0xFFFF == 1


def test_extensions_and_padding_are_left_behind(engine: LocalEngine, phones: Phones) -> None:
    one, other = phones(), phones()
    joined(engine, one, other)
    sent = one.send(extension=(0xBEDE, b"\x10\x20\x00\x00"), sources=(1, 2))
    padded = bytearray(bytes(RtpPacket(0, one.sequence, one.timestamp, one.ssrc, b"voice")) + b"\x00\x02")
    padded[0] |= 0x20
    one.send_bytes(bytes(padded))
    heard = [heard.packet for heard in other.wait_for(2)]
    assert (heard[0].payload, heard[0].extension, heard[0].sources) == (sent.payload, None, ())
    assert heard[1].payload == b"voice"


def test_a_phone_behind_nat_is_found_by_its_packets(engine: LocalEngine, phones: Phones) -> None:
    one, other = phones(), phones()
    one.engine_port = engine.open("one", remote=one.remote(host="127.0.0.9", port=9))
    other.engine_port = engine.open("other", remote=other.remote())
    engine.join("one", "other")
    assert not engine.statistics("one").latched
    one.send()
    other.wait_for(1)
    other.send()
    one.wait_for(1)
    statistics = engine.statistics("one")
    assert (statistics.latched, statistics.remote_host, statistics.remote_port) == (
        True,
        "127.0.0.1",
        one.port,
    )


def test_a_stray_source_is_neither_heard_nor_answered(engine: LocalEngine, phones: Phones) -> None:
    one, other, stray = phones(), phones(), phones(tone=1500)
    joined(engine, one, other)
    one.speak()
    other.speak()
    other.wait_for(5)
    stray.engine_port = one.engine_port
    stray.speak()
    other.wait_for(30)
    assert strength(other.samples(), 1500) < 0.01
    assert not stray.heard
    assert engine.statistics("one").packets_stray >= 10
    assert_one_stream(other.heard)


def test_the_phone_takes_its_place_back_from_a_stray_that_came_first(
    engine: LocalEngine, phones: Phones
) -> None:
    one, other, stray = phones(), phones(), phones()
    joined(engine, one, other)
    stray.engine_port = one.engine_port
    stray.send()
    other.wait_for(1)
    one.send()
    other.wait_for(2)
    assert engine.statistics("one").remote_port == one.port


def test_after_a_second_of_silence_the_phone_may_come_from_elsewhere(
    engine: LocalEngine, phones: Phones
) -> None:
    one, other, moved = phones(), phones(), phones()
    joined(engine, one, other)
    one.send()
    other.wait_for(1)
    moved.engine_port = one.engine_port
    moved.send()
    gevent.sleep(1.1)
    assert len(other.heard) == 1
    moved.send()
    other.wait_for(2)
    other.send()
    moved.wait_for(1)
    assert engine.statistics("one").packets_stray == 1
    assert other.heard[1].packet.marker
    assert_one_stream(other.heard)


def test_told_another_address_the_leg_sends_there_at_once(engine: LocalEngine, phones: Phones) -> None:
    one, other, moved = phones(), phones(), phones()
    joined(engine, one, other)
    one.send()
    other.send()
    one.wait_for(1)
    engine.set_remote("one", moved.remote())
    other.send()
    moved.wait_for(1)
    moved.engine_port = one.engine_port
    moved.send()
    other.wait_for(2)
    assert [heard.packet.sequence for heard in one.heard + moved.heard] == [
        one.heard[0].packet.sequence,
        one.heard[0].packet.sequence + 1 & 0xFFFF,
    ]


@pytest.mark.parametrize(
    ("direction", "other_hears", "other_is_heard"),
    [
        ("sendrecv", True, True),
        ("sendonly", True, False),
        ("recvonly", False, True),
        ("inactive", False, False),
    ],
)
def test_direction_is_honoured(
    engine: LocalEngine, phones: Phones, direction: str, other_hears: bool, other_is_heard: bool
) -> None:
    one, other = phones(), phones()
    joined(engine, one, other, direction=direction)
    one.speak()
    other.speak()
    gevent.sleep(0.2)
    assert bool(other.heard) == other_hears
    assert bool(one.heard) == other_is_heard
    assert engine.statistics("other").packets_received > 3


def test_hold_and_resume_keep_one_stream(engine: LocalEngine, phones: Phones) -> None:
    one, other = phones(), phones()
    joined(engine, one, other)
    one.speak()
    other.wait_for(5)
    engine.set_remote("other", other.remote(direction="inactive"))
    gevent.sleep(0.05)
    heard = len(other.heard)
    gevent.sleep(0.25)
    assert len(other.heard) == heard
    engine.set_remote("other", other.remote())
    other.wait_for(heard + 5)
    assert_one_stream(other.heard)


def test_an_all_zero_host_hears_nothing_and_is_found_again(engine: LocalEngine, phones: Phones) -> None:
    one, other = phones(), phones()
    joined(engine, one, other)
    one.speak()
    other.speak()
    other.wait_for(5)
    engine.set_remote("other", other.remote(host="0.0.0.0"))
    gevent.sleep(0.05)
    heard = len(other.heard)
    gevent.sleep(0.2)
    assert len(other.heard) == heard
    engine.set_remote("other", other.remote())
    other.wait_for(heard + 5)


def test_a_burst_is_drained_in_order(engine: LocalEngine, phones: Phones) -> None:
    one, other = phones(), phones()
    joined(engine, one, other)
    sent = [one.send() for _ in range(100)]
    heard = other.wait_for(100)
    assert [h.packet.payload for h in heard] == [packet.payload for packet in sent]
    assert [h.packet.sequence - heard[0].packet.sequence & 0xFFFF for h in heard] == list(range(100))


def test_what_the_network_refuses_is_counted(engine: LocalEngine, phones: Phones) -> None:
    one, other = phones(), phones()
    joined(engine, one, other, host="255.255.255.255")
    one.send()
    one.send()
    with gevent.Timeout(2):
        while engine.statistics("other").packets_dropped < 2:
            gevent.sleep(0.01)
    assert engine.statistics("other").packets_sent == 0


def test_phones_that_name_our_own_ports_make_no_endless_loop(engine: LocalEngine, phones: Phones) -> None:
    anyone = phones()
    one_port, other_port = engine.open("one"), engine.open("other")
    engine.set_remote("one", anyone.remote(port=other_port))
    engine.set_remote("other", anyone.remote(port=one_port))
    engine.join("one", "other")
    anyone.engine_port = other_port
    anyone.send()
    gevent.sleep(0.2)
    assert engine.totals().packets_sent <= 2
