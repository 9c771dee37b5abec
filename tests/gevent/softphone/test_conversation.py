"""Offers and answers of one call, and the recording that is left of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from callengine.clock import SystemClock
from callengine.errors import BadSdp, NotAcceptable
from callengine.sdp.session import SessionDescription
from callengine.softphone.conversation import Conversation
from callengine.softphone.options import PhoneOptions

HOST = "127.0.0.1"


def _options(record: Path | None = None, codecs: tuple[str, ...] = ("PCMU", "PCMA")) -> PhoneOptions:
    return PhoneOptions(name="alice", domain=HOST, server=(HOST, 5060), record=record, codecs=codecs)


class Pair:
    """The two ends of a call, without SIP between them."""

    def __init__(self, record: Path | None = None) -> None:
        self.times_held = 0
        clock = SystemClock()
        self.caller = Conversation(_options(), number=1, host=HOST, clock=clock)
        self.callee = Conversation(_options(record), number=1, host=HOST, clock=clock, on_held=self._hold)

    def _hold(self) -> None:
        self.times_held += 1


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A pair whose audio ends with the test."""
    made = Pair()
    yield made
    made.caller.close()
    made.callee.close()


def _version(body: bytes) -> int:
    return SessionDescription.parse(body).origin.version


def test_both_ends_agree(pair: Pair) -> None:
    pair.caller.take_answer(pair.callee.answer(pair.caller.offer()))
    ours, theirs = pair.caller.agreement, pair.callee.agreement
    assert ours is not None
    assert theirs is not None
    assert (ours.port, theirs.port) == (pair.callee.audio.port, pair.caller.audio.port)
    assert ours.codec == theirs.codec == "PCMU"
    assert ours.telephone_event == theirs.receive_telephone_event == 101


def test_each_description_is_a_newer_version(pair: Pair) -> None:
    offers = [pair.caller.offer(), pair.caller.offer(direction="sendonly")]
    answers = [pair.callee.answer(offer) for offer in offers]
    assert [_version(body) for body in offers] == [1, 2]
    assert [_version(body) for body in answers] == [1, 2]


def test_being_held_is_noticed_and_being_taken_back_is_not(pair: Pair) -> None:
    pair.callee.answer(pair.caller.offer())
    status, _ = pair.callee.answer_again(pair.caller.offer(direction="sendonly"))
    assert (status, pair.times_held) == (200, 1)
    assert pair.callee.agreement is not None
    assert pair.callee.agreement.direction == "recvonly"
    pair.callee.answer_again(pair.caller.offer())
    assert pair.times_held == 1
    assert pair.callee.agreement.direction == "sendrecv"


def test_what_cannot_be_served_leaves_everything_as_it_was(pair: Pair) -> None:
    pair.callee.answer(pair.caller.offer())
    before = pair.callee.agreement
    assert pair.callee.answer_again(pair.caller.offer().replace(b"RTP/AVP", b"RTP/SAVP")) == (488, b"")
    assert pair.callee.answer_again(b"nonsense")[0] in (400, 488)
    assert pair.callee.agreement == before


def test_a_first_offer_without_a_codec_of_ours_is_an_error(pair: Pair) -> None:
    offer = pair.caller.offer().replace(b"PCMU", b"opus").replace(b"PCMA", b"G729")
    with pytest.raises((NotAcceptable, BadSdp)):
        pair.callee.answer(offer)
    assert pair.callee.agreement is None


def test_an_answer_without_an_offer_is_none(pair: Pair) -> None:
    with pytest.raises(NotAcceptable):
        pair.caller.take_answer(pair.callee.answer(pair.caller.offer()).replace(b" RTP/AVP", b" UDP"))
    with pytest.raises(NotAcceptable, match="without an offer"):
        pair.callee.take_answer(b"")


def test_a_call_that_was_never_answered_leaves_no_recording(tmp_path: Path) -> None:
    made = Pair(tmp_path / "heard.wav")
    made.caller.close()
    assert made.callee.close() == {}
    assert list(tmp_path.iterdir()) == []


def test_what_it_came_to_is_told(tmp_path: Path) -> None:
    made = Pair(tmp_path / "heard.wav")
    made.callee.answer(made.caller.offer())
    told = made.callee.close()
    made.caller.close()
    assert told["recording"] == str(tmp_path / "heard.wav")
    assert told["packets_received"] == 0
    assert told["first_packet_ms"] is None
    assert (tmp_path / "heard.wav").exists()
