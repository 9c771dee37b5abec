"""The service dies right after each commit of a call that an agent makes, and starts again.

Judged as in `test_crash_points`: nobody holds a dialog that nobody knows, every record is complete, and both
agents are free, or as a feature has left them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import gevent
import pytest

from callengine.sip.outgoing_session import OutgoingSession
from tests.fakes.phone import Phone, answer_late, just_ring, reject_with
from tests.gevent.callcenter.conftest import Desk, wait_until
from tests.gevent.service.test_crash_points import Mortal, hang_up, talks
from tests.gevent.service.test_recovery import LeaveDesk, Serving, _end_media

Life = Callable[[Phone, Phone], None]
MakeMortal = Callable[[int], tuple[Desk, Mortal]]
RING_SECONDS = "3"


@pytest.fixture
def mortal(make_desk: LeaveDesk) -> Iterator[MakeMortal]:
    """Makes a desk with alice and bob whose service will die."""
    with ExitStack() as started:

        def make(count: int) -> tuple[Desk, Mortal]:
            desk = make_desk(
                "alice",
                "bob",
                open_now=False,
                ROUTING__AGENT_ASSIGNMENT_TIMEOUT_SECONDS=RING_SECONDS,
                QUEUES__SUPPORT__RING_TIMEOUT_SECONDS=RING_SECONDS,
                NUMBERS__LUNCH__DESTINATION="feature:pause:lunch",
            )
            running = Mortal(desk, count)
            started.callback(partial(_end_media, desk))
            started.callback(running.close)
            return desk, running

        yield make


def dial(phone: Phone, number: str) -> OutgoingSession:
    """A call of the agent's, once it is clear what becomes of it, however often it has to be repeated."""
    call = phone.dial_as_agent(number)
    assert call.final.wait(30)
    call.acknowledge()
    return call


def answered(alice: Phone, bob: Phone) -> None:
    bob.script = answer_late
    call = dial(alice, "bob")
    assert call.answered.is_set()
    talks(bob)
    gevent.sleep(0.1)
    hang_up(call)


def hung_up_by_bob(alice: Phone, bob: Phone) -> None:
    bob.script = answer_late
    call = dial(alice, "bob")
    assert call.answered.is_set()
    session = talks(bob)
    gevent.sleep(0.1)
    hang_up(session)
    assert call.ended.wait(20)


def refused(alice: Phone, bob: Phone) -> None:
    bob.script = reject_with(486)
    call = dial(alice, "bob")
    assert call.refused is not None
    assert call.refused[0] in (480, 486)


def given_up(alice: Phone, bob: Phone) -> None:
    bob.script = just_ring
    call = alice.dial_as_agent("bob")
    wait_until(lambda: bool(bob.calls), "bob's phone rings")
    gevent.sleep(0.2)
    call.cancel()
    assert call.final.wait(30)


def nobody_rang(alice: Phone, _bob: Phone) -> None:
    call = dial(alice, "bob")
    assert call.refused is not None
    assert call.refused[0] == 480


def paused(alice: Phone, _bob: Phone) -> None:
    call = dial(alice, "lunch")
    assert call.answered.is_set()
    assert call.ended.wait(30)


def free(desk: Desk, name: str, state: str) -> None:
    desk.until(f"select state from agents where name = '{name}'", state)
    assert desk.one(f"select load from agents where name = '{name}'")["load"] == 0


def points(life: Life, counts: range, *, long: bool = True) -> list[object]:
    """One case for each commit; those that show nothing that others do not are for `--long`."""
    return [pytest.param(life, count, marks=pytest.mark.long if long else ()) for count in counts]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("life", "count"),
    [
        *points(nobody_rang, range(1, 2)),
        *points(answered, range(3, 4), long=False),
        *points(answered, range(2, 5, 2)),
        *points(refused, range(2, 3)),
        *points(paused, range(1, 2), long=False),
        *points(paused, range(2, 3)),
        *points(hung_up_by_bob, range(3, 5)),
        *points(refused, range(3, 4)),
        *points(given_up, range(2, 3)),
        *points(paused, range(3, 4)),
    ],
)
def test_nobody_is_lost_whenever_it_dies(mortal: MakeMortal, life: Life, count: int) -> None:
    desk, service = mortal(count)
    alice, bob = desk.agent("alice"), desk.agent("bob")
    living = gevent.spawn(life, alice, bob)
    assert service.process.wait(20) == 9, "this life has fewer commits"
    Serving(desk, into=service)
    living.get(timeout=60)
    for session in bob.calls:
        assert session.ended.wait(10), "the phone holds a dialog that nobody knows"
    desk.until("select count(*) from calls where state <> 'ended'", 0)
    # A phone that had refused knows nothing of the CANCEL that it is sent: that is waited for 64*T1.
    desk.until("select count(*) from legs where state <> 'ended'", 0, seconds=50)
    free(desk, "alice", "paused" if life is paused else "available")
    free(desk, "bob", "available")
    (record,) = desk.rows("select * from calls")
    assert record["kind"] == "agent"
    assert record["ended_at"] is not None
    assert record["from_agent_id"] is not None
    assert not desk.rows("select 1 from offers where state in ('ringing', 'connected')")
    assert desk.one("select sum(missed_in_row) as n from agents")["n"] == 0
