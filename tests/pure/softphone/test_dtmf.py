"""Digits as telephone events, sent and heard."""

import pytest

from callengine.softphone.dtmf import DIGITS, DigitListener, TelephoneEvent, press


def test_an_event_is_four_bytes_both_ways() -> None:
    event = TelephoneEvent(code=11, is_end=True, duration=800)
    assert bytes(event) == b"\x0b\x8a\x03\x20"
    assert TelephoneEvent.parse(bytes(event)) == event


def test_a_short_payload_is_no_event() -> None:
    assert TelephoneEvent.parse(b"\x01\x0a\x00") is None


def test_a_press_grows_and_its_end_comes_three_times() -> None:
    events = list(press("5"))
    assert [event.duration for event in events] == [160, 320, 480, 640, 800, 800, 800, 800]
    assert [event.is_end for event in events] == [False] * 5 + [True] * 3
    assert {event.code for event in events} == {5}


def test_letters_are_digits_in_either_case() -> None:
    assert next(iter(press("d"))).code == 15


def test_what_is_no_digit_is_refused() -> None:
    with pytest.raises(ValueError, match="substring"):
        list(press("x"))


@pytest.mark.parametrize("digit", DIGITS)
def test_each_digit_is_heard_once(digit: str) -> None:
    listener = DigitListener()
    heard = [listener.hear(8000, bytes(event)) for event in press(digit)]
    assert heard == [digit] + [None] * 7


def test_a_digit_is_heard_though_its_first_packets_are_lost() -> None:
    listener = DigitListener()
    assert [listener.hear(8000, bytes(event)) for event in list(press("7"))[6:]] == ["7", None]


def test_the_same_digit_again_has_another_timestamp() -> None:
    listener = DigitListener()
    heard = [listener.hear(stamp, bytes(event)) for stamp in (0, 1600) for event in press("1")]
    assert "".join(digit for digit in heard if digit) == "11"


def test_events_that_are_no_digits_are_not_told() -> None:
    assert DigitListener().hear(0, bytes(TelephoneEvent(16, False, 160))) is None
    assert DigitListener().hear(0, b"") is None
