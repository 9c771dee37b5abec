"""A silent phone is asked whether it still has the call, and what becomes of each answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import gevent
import pytest
from gevent.event import Event

from callengine import greenlets
from callengine.callcenter import refreshing
from callengine.callcenter.calls import Call, Leg
from callengine.callcenter.refreshing import Refreshing
from callengine.errors import BadSdp, HungUp, LegNotFound, RequestTimedOut, SessionError
from callengine.media.engine import LegStatistics
from callengine.sip.answered_session import AnsweredSession


class Dialog:
    """A session that ends when it is hung up."""

    flow = "udp 192.0.2.1:5060"

    def __init__(self) -> None:
        self.ended = Event()

    def hang_up(self, **_more: object) -> bool:
        self.ended.set()
        return True


class InDoubt(AnsweredSession):
    """One whose phone may lack its 200; `sign` is what comes of the repetition."""

    def __init__(self, sign: str) -> None:
        self.ended, self.settled = Event(), Event()
        self.is_heard = False
        self.sign = sign
        self.repeated = 0

    def repeat_answer(self) -> None:
        self.repeated += 1
        if self.sign == "ack":
            self.note_heard()
        elif self.sign == "nothing":
            self.settled.set()
        elif self.sign == "end":
            self.ended.set()

    def note_heard(self) -> None:
        self.is_heard = True
        self.settled.set()


class Asked:
    """Stands for our legs and their media: answers `refresh` with the next of `answers`.

    `silences` are the seconds since the last packet, one look after another; None for no packet so far, and
    for a leg that the media side does not know an error.
    """

    def __init__(self, *answers: Exception | None, silences: Sequence[float | None] = (None,)) -> None:
        self.answers = [*answers]
        self.silences = [*silences]
        self.is_known = True
        self.count = 0

    def refresh(self, _leg: Leg) -> None:
        self.count += 1
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer

    def statistics(self, leg_id: str) -> LegStatistics:
        if not self.is_known:
            raise LegNotFound(leg_id)
        silence = self.silences[0] if len(self.silences) == 1 else self.silences.pop(0)
        return LegStatistics(leg_id, 4000, last_packet_seconds=silence)


Watch = Callable[..., tuple[Call, Leg]]


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Watches the leg of a call until nothing more is done, and gives both."""
    monkeypatch.setattr(refreshing, "_AGAIN_SECONDS", 0.02)
    monkeypatch.setattr(refreshing, "_LOOK_SECONDS", 0.02)

    def watch(asked: Asked, session: object = None, *, is_reopened: bool = True) -> tuple[Call, Leg]:
        leg = cast(Leg, SimpleNamespace(id="leg", session=session or Dialog(), media_port=4000))
        call = cast(Call, SimpleNamespace(id="call", caller=leg, told_to_end=None))
        made = Refreshing(legs=cast(Any, asked), media=cast(Any, asked), listen_seconds=0.02)
        made.watch(call, leg, is_reopened=is_reopened)
        with gevent.Timeout(5, AssertionError("it goes on")):
            gevent.sleep(0.005)
            while greenlets.running():
                gevent.sleep(0.005)
        return call, leg

    return watch


@pytest.mark.parametrize("is_reopened", [True, False])
def test_a_phone_that_is_heard_is_not_asked(watch: Watch, is_reopened: bool) -> None:
    asked = Asked(silences=[0.01])
    _call, leg = watch(asked, is_reopened=is_reopened)
    assert asked.count == 0
    assert not leg.session.ended.is_set()


def test_one_that_has_fallen_silent_is_asked(watch: Watch) -> None:
    asked = Asked(None, silences=[0.01, 0.03])
    watch(asked, is_reopened=False)
    assert asked.count == 1


def test_one_that_has_never_sent_audio_is_not_asked(watch: Watch) -> None:
    asked = Asked(silences=[None])
    watch(asked, is_reopened=False)
    assert asked.count == 0


@pytest.mark.parametrize("is_known", [True, False])
def test_a_silent_one_is_asked_once_if_it_answers(watch: Watch, is_known: bool) -> None:
    asked = Asked(None)
    asked.is_known = is_known
    _call, leg = watch(asked)
    assert asked.count == 1
    assert not leg.session.ended.is_set()


@pytest.mark.parametrize("answer", [HungUp("481"), BadSdp("not read")])
def test_what_the_answer_does_is_left_to_it(watch: Watch, answer: Exception) -> None:
    call, leg = watch(Asked(answer))
    assert call.told_to_end is None
    assert not leg.session.ended.is_set()


def test_one_that_does_not_answer_is_gone(watch: Watch) -> None:
    asked = Asked(RequestTimedOut("no answer"))
    call, leg = watch(asked)
    assert leg.session.ended.is_set()
    assert call.told_to_end == "no_media"


def test_one_that_cannot_be_reached_is_asked_again(watch: Watch) -> None:
    asked = Asked(SessionError("no connection"), SessionError("no connection"), None)
    _call, leg = watch(asked)
    assert asked.count == 3
    assert not leg.session.ended.is_set()


def test_one_that_can_never_be_reached_is_gone(watch: Watch) -> None:
    call, leg = watch(Asked(*[SessionError("no connection")] * 3))
    assert leg.session.ended.is_set()
    assert call.told_to_end == "no_media"


def test_a_call_that_ends_meanwhile_is_left_alone() -> None:
    asked = Asked()
    leg = cast(Leg, SimpleNamespace(id="leg", session=Dialog(), media_port=4000))
    call = cast(Call, SimpleNamespace(id="call", caller=leg, told_to_end=None))
    made = Refreshing(legs=cast(Any, asked), media=cast(Any, asked), listen_seconds=60)
    made.watch(call, leg, is_reopened=True)
    gevent.sleep(0.01)
    leg.session.ended.set()
    gevent.sleep(0.01)
    assert not greenlets.running()
    assert asked.count == 0


@pytest.mark.parametrize(("sign", "count"), [("ack", 0), ("nothing", 1), ("end", 0)])
def test_one_that_may_lack_its_200_gets_it_and_is_asked_only_if_nothing_comes(
    watch: Watch, sign: str, count: int
) -> None:
    asked, session = Asked(None), InDoubt(sign)
    watch(asked, session, is_reopened=False)
    assert session.repeated == 1
    assert asked.count == count


def test_its_audio_shows_that_it_has_the_200(watch: Watch) -> None:
    asked, session = Asked(silences=[None, None, 0.01]), InDoubt("audio")
    watch(asked, session, is_reopened=False)
    assert session.is_heard
    assert asked.count == 0


def test_one_that_speaks_has_its_200(watch: Watch) -> None:
    session = InDoubt("nothing")
    watch(Asked(silences=[0.01]), session, is_reopened=False)
    assert session.repeated == 0
