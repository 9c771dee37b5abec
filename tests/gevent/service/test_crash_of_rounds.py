"""The service dies after a commit of a call that rings two agents, or whose caller is not answered yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import gevent
import pytest

from callengine.sip.incoming_session import IncomingSession
from tests.fakes.phone import Phone, answer_now, just_ring, reject_with
from tests.gevent.callcenter.conftest import Desk, wait_until
from tests.gevent.service.test_crash_points import (
    Life,
    MakeMortal,
    answered,
    answered_late,
    dial,
    hang_up,
    mortal,
    nothing_is_left,
    refused_first,
    talks,
)
from tests.gevent.service.test_recovery import Serving

__all__ = ["mortal"]

LifeOfTwo = Callable[[Desk, Phone, Phone], None]

RING_ALL = {"QUEUES__SUPPORT__STRATEGY": "ring_all"}
WITH_AGENT = {"QUEUES__SUPPORT__ANSWER": "with_agent"}
EARLY_MEDIA = {"QUEUES__SUPPORT__ANSWER": "early_media"}
DIRECT = {"ROUTING__MODE": "direct_when_available"}


def answer_in_half_a_second(session: IncomingSession) -> None:
    """The script of a phone that is picked up while others ring."""
    session.ring()
    gevent.sleep(0.5)
    if not session.ended.is_set():
        answer_now(session)


def one_of_two_answers(desk: Desk, alice: Phone, bob: Phone) -> None:
    alice.script, bob.script = answer_in_half_a_second, just_ring
    caller = dial(desk)
    talks(alice)
    gevent.sleep(0.3)
    hang_up(caller)


def one_of_two_refuses(desk: Desk, alice: Phone, bob: Phone) -> None:
    alice.script, bob.script = reject_with(486), answer_in_half_a_second
    caller = dial(desk)
    talks(bob)
    gevent.sleep(0.3)
    hang_up(caller)


def given_up_while_two_ring(desk: Desk, alice: Phone, bob: Phone) -> None:
    alice.script = bob.script = just_ring
    caller = dial(desk)
    wait_until(lambda: bool(alice.calls and bob.calls), "both phones ring")
    gevent.sleep(0.2)
    hang_up(caller)


@pytest.mark.parametrize(
    ("life", "count"),
    [
        pytest.param(one_of_two_answers, 2, marks=pytest.mark.long),
        (one_of_two_answers, 3),
        pytest.param(one_of_two_answers, 4, marks=pytest.mark.long),
        (one_of_two_refuses, 3),
        pytest.param(one_of_two_refuses, 4, marks=pytest.mark.long),
        pytest.param(given_up_while_two_ring, 3, marks=pytest.mark.long),
        pytest.param(given_up_while_two_ring, 4, marks=pytest.mark.long),
    ],
)
def test_no_agent_of_a_round_is_lost_whenever_it_dies(
    mortal: MakeMortal, life: LifeOfTwo, count: int
) -> None:
    desk, service = mortal(count, "alice", "bob", **RING_ALL)
    alice, bob = desk.agent("alice"), desk.agent("bob")
    living = gevent.spawn(life, desk, alice, bob)
    assert service.process.wait(20) == 9, "this life has fewer commits"
    Serving(desk, into=service)
    living.get(timeout=40)
    nothing_is_left(desk, alice, bob)
    assert not desk.rows("select 1 from offers where state in ('ringing', 'connected')")
    wait_until(lambda: not desk.rows("select 1 from agents where state <> 'available'"))


@pytest.mark.parametrize(
    ("life", "count", "mode"),
    [
        pytest.param(answered, 1, WITH_AGENT, marks=pytest.mark.long),
        (answered, 2, WITH_AGENT),
        pytest.param(answered, 3, WITH_AGENT, marks=pytest.mark.long),
        pytest.param(answered_late, 2, EARLY_MEDIA, marks=pytest.mark.long),
        (answered, 3, EARLY_MEDIA),
        pytest.param(answered, 1, DIRECT, marks=pytest.mark.long),
        (answered, 2, DIRECT),
        pytest.param(refused_first, 2, DIRECT, marks=pytest.mark.long),
        pytest.param(answered, 1, EARLY_MEDIA, marks=pytest.mark.long),
        pytest.param(answered_late, 2, WITH_AGENT, marks=pytest.mark.long),
        pytest.param(refused_first, 3, WITH_AGENT, marks=pytest.mark.long),
        pytest.param(refused_first, 3, DIRECT | EARLY_MEDIA, marks=pytest.mark.long),
    ],
)
def test_no_caller_who_is_not_answered_is_lost_whenever_it_dies(
    mortal: MakeMortal, life: Life, count: int, mode: Mapping[str, str]
) -> None:
    desk, service = mortal(count, **mode)
    alice = desk.agent("alice")
    living = gevent.spawn(life, desk, alice)
    assert service.process.wait(20) == 9, "this life has fewer commits"
    Serving(desk, into=service)
    living.get(timeout=40)
    nothing_is_left(desk, alice)
    (record,) = desk.rows("select * from calls")
    assert record["disposition"] == "answered"
    assert record["answered_at"] is not None
