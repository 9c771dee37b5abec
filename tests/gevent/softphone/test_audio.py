"""Two ends of a call's audio that speak with each other over loopback."""

from __future__ import annotations

import socket
from array import array

import gevent
import pytest

from callengine.clock import SystemClock
from callengine.media import tones
from callengine.media.rtp import RtpPacket
from callengine.sdp.negotiation import Agreement
from callengine.softphone.audio import Audio
from callengine.softphone.recording import Recording
from callengine.softphone.sound import Sound, load

HOST = "127.0.0.1"


class Listener:
    """An end of a call that records and takes down digits."""

    def __init__(self, *, sound: Sound = (bytes(320),)) -> None:
        self.recording = Recording()
        self.digits: list[str] = []
        self.audio = Audio(
            host=HOST,
            clock=SystemClock(),
            sound=sound,
            recording=self.recording,
            on_digit=self.digits.append,
        )


def _agreement(
    port: int, *, codec: str = "PCMU", event: int | None = 101, direction: str = "sendrecv"
) -> Agreement:
    number = {"PCMU": 0, "PCMA": 8}[codec]
    return Agreement(HOST, port, codec, number, number, event, event, direction, 20)


def _wait_for_packets(audio: Audio, count: int) -> None:
    with gevent.Timeout(5):
        while audio.report.packets_received < count:
            gevent.sleep(0.01)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_a_tone_is_heard_at_the_other_end(codec: str) -> None:
    one, other = Listener(sound=load("tone:1000")), Listener()
    one.audio.start(_agreement(other.audio.port, codec=codec))
    other.audio.start(_agreement(one.audio.port, codec=codec))
    _wait_for_packets(other.audio, 10)
    sent, heard = one.audio.close(), other.audio.close()
    assert tones.strength(other.recording.samples(), 1000) > 0.9
    assert heard.packets_received <= sent.packets_sent
    assert heard.sequence_breaks == 0
    assert len(heard.sources) == 1
    assert heard.longest_gap > 0
    assert max(array("h", one.recording.samples()), default=0) < 16


def test_pressed_digits_come_once_each() -> None:
    one, other = Listener(), Listener()
    one.audio.start(_agreement(other.audio.port))
    other.audio.start(_agreement(one.audio.port))
    one.audio.press("11#")
    _wait_for_packets(other.audio, 3 * (8 + 5))
    one.audio.close()
    other.audio.close()
    assert other.digits == ["1", "1", "#"]


def test_nothing_is_pressed_for_an_end_that_takes_no_digits() -> None:
    one, other = Listener(), Listener()
    one.audio.start(_agreement(other.audio.port, event=None))
    other.audio.start(_agreement(one.audio.port))
    one.audio.press("1")
    _wait_for_packets(other.audio, 10)
    one.audio.close()
    other.audio.close()
    assert other.digits == []


def test_on_hold_nothing_is_sent() -> None:
    one, other = Listener(), Listener()
    one.audio.start(_agreement(other.audio.port, direction="recvonly"))
    other.audio.start(_agreement(one.audio.port))
    _wait_for_packets(one.audio, 3)
    assert one.audio.close().packets_sent == 0
    assert other.audio.close().packets_received == 0


def test_what_was_not_agreed_is_not_counted() -> None:
    listener = Listener()
    listener.audio.start(_agreement(9))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for datagram in (b"", b"noise", bytes(RtpPacket(8, 1, 0, 7, b"x" * 160))):
            stranger.sendto(datagram, (HOST, listener.audio.port))
        stranger.sendto(bytes(RtpPacket(0, 5, 160, 7, b"x" * 160)), (HOST, listener.audio.port))
    _wait_for_packets(listener.audio, 1)
    assert listener.audio.close().packets_received == 1


def test_a_hole_in_the_numbers_and_another_source_are_told() -> None:
    listener = Listener()
    listener.audio.start(_agreement(9))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for sequence, source in ((0xFFFF, 7), (0, 7), (2, 7), (3, 8)):
            packet = RtpPacket(0, sequence, sequence * 160, source, b"x" * 160)
            sender.sendto(bytes(packet), (HOST, listener.audio.port))
    _wait_for_packets(listener.audio, 4)
    report = listener.audio.close()
    assert (report.sequence_breaks, report.sources) == (1, {7, 8})


def test_the_port_is_even_and_given_back() -> None:
    listener = Listener()
    assert listener.audio.port % 2 == 0
    listener.audio.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind((HOST, listener.audio.port))
