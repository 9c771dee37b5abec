"""A silent phone is asked whether it still has the call, and what becomes of each answer."""

from __future__ import annotations

from collections.abc import Callable
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


class Dialog:
    """A session that ends when it is hung up."""

    flow = "udp 192.0.2.1:5060"

    def __init__(self) -> None:
        self.ended = Event()

    def hang_up(self, **_more: object) -> bool:
        self.ended.set()
        return True


class Asked:
    """Stands for our legs and their media: answers `refresh` with the next of `answers`."""

    def __init__(self, *answers: Exception | None, packets: int = 0) -> None:
        self.answers = [*answers]
        self.packets = packets
        self.count = 0

    def refresh(self, _leg: Leg) -> None:
        self.count += 1
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer

    def statistics(self, leg_id: str) -> LegStatistics:
        if self.packets < 0:
            raise LegNotFound(leg_id)
        return LegStatistics(leg_id, 4000, packets_received=self.packets)


Watch = Callable[[Asked], tuple[Call, Leg]]


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Watches the leg of a call until nothing more is done, and gives both."""
    monkeypatch.setattr(refreshing, "_AGAIN_SECONDS", 0.02)

    def watch(asked: Asked) -> tuple[Call, Leg]:
        leg = cast(Leg, SimpleNamespace(id="leg", session=Dialog()))
        call = cast(Call, SimpleNamespace(id="call", caller=leg, told_to_end=None))
        Refreshing(legs=cast(Any, asked), media=cast(Any, asked), listen_seconds=0.02).watch(call, leg)
        with gevent.Timeout(5, AssertionError("it goes on")):
            while not greenlets.running():
                gevent.sleep(0)
            while greenlets.running():
                gevent.sleep(0.005)
        return call, leg

    return watch


def test_a_phone_that_is_heard_is_not_asked(watch: Watch) -> None:
    asked = Asked(packets=1)
    _call, leg = watch(asked)
    assert asked.count == 0
    assert not leg.session.ended.is_set()


@pytest.mark.parametrize("packets", [0, -1])
def test_a_silent_one_is_asked_once_if_it_answers(watch: Watch, packets: int) -> None:
    asked = Asked(None, packets=packets)
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
    leg = cast(Leg, SimpleNamespace(id="leg", session=Dialog()))
    call = cast(Call, SimpleNamespace(id="call", caller=leg, told_to_end=None))
    Refreshing(legs=cast(Any, asked), media=cast(Any, asked), listen_seconds=60).watch(call, leg)
    gevent.sleep(0.01)
    leg.session.ended.set()
    gevent.sleep(0.01)
    assert not greenlets.running()
    assert asked.count == 0
