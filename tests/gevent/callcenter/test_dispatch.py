"""Dispatch: who is brought together with whom, when, and what happens if one of them is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import gevent
import pytest
from gevent.event import Event

from callengine.callcenter.calls import Entry
from callengine.callcenter.dispatch import SAME_CALL_AGAIN_AFTER, Dispatch, TakenOutOfLine, WaitedTooLong
from callengine.callcenter.queues import Queue, Queues
from callengine.callcenter.roster import Agent, Roster
from callengine.errors import HungUp
from callengine.events.types import Event as Happening
from callengine.events.types import EventType
from callengine.vocabulary import AgentState
from tests.fakes import rows
from tests.fakes.clock import FakeClock


class FakeCaller:
    """The caller's end of the one wait primitive."""

    def __init__(self) -> None:
        self.ended = Event()

    def wait(self, event: Event, timeout: float | None = None) -> bool:
        gevent.wait([event, self.ended], timeout=timeout, count=1)
        if event.is_set():
            return True
        if self.ended.is_set():
            raise HungUp("gone")
        return False


class Room:
    """Agents, one queue and a dispatch at work; `calls` collects who was brought together with whom."""

    def __init__(self, clock: FakeClock, *agents: str, strategy: str = "round_robin") -> None:
        self.clock = clock
        self.queue = Queue(1, "support", rows.rules(strategy=strategy))
        self.roster = Roster(
            Agent(number, name, 1, (1,), AgentState.AVAILABLE, 0, 100.0 - number)
            for number, name in enumerate(agents, 1)
        )
        self.dispatch = Dispatch(Queues([self.queue]), self.roster, clock=clock, sweep_seconds=0.02)
        self.dispatch.start()
        self.calls: list[tuple[str, str]] = []

    def entry(self, name: str, *, arrived: float = 0.0, priority: int = 0, patience: float = 300.0) -> Entry:
        now = self.clock.now()
        return Entry(name, 1, priority, now + arrived, now, now + patience)

    def wait(self, entry: Entry, caller: FakeCaller | None = None) -> gevent.Greenlet[..., Agent]:
        """Let the caller of `entry` wait, and note whom it got."""

        def story() -> Agent:
            (agent,) = self.dispatch.wait_for_agents(entry, caller or FakeCaller())  # type: ignore[arg-type]
            self.calls.append((entry.id, agent.name))
            return agent

        return gevent.spawn(story)

    def change(self, name: str, state: AgentState) -> None:
        """What a committed event says of an agent."""
        payload = {
            "new": state,
            "load": int(state is not AgentState.AVAILABLE),
            "available_since": None,
            "signed_on": True,
            "pause_next_reason": None,
            "wrap_up_until": None,
            "delayed_until": None,
        }
        now = self.clock.now()
        self.roster.apply(Happening(1, now, EventType.AGENT_STATE_CHANGED, None, None, name, payload))


@pytest.fixture
def room(clock: FakeClock) -> Iterator[Callable[..., Room]]:
    rooms: list[Room] = []

    def make(*agents: str, **options: str) -> Room:
        rooms.append(Room(clock, *agents, **options))
        return rooms[-1]

    yield make
    for each in rooms:
        each.dispatch.stop()


def settle() -> None:
    """Let dispatch and the stories do what is to be done."""
    gevent.sleep(0.05)


MakeRoom = Callable[..., Room]


def test_each_caller_gets_another_agent(room: MakeRoom) -> None:
    here = room("alice", "bob")
    for name in ("first", "second", "third"):
        here.wait(here.entry(name))
    settle()
    assert here.calls == [("first", "alice"), ("second", "bob")]


def test_an_agent_that_becomes_free_gets_the_first_in_line(room: MakeRoom) -> None:
    here = room("alice")
    here.change("alice", AgentState.BUSY)
    here.wait(here.entry("later", arrived=2.0))
    here.wait(here.entry("first", arrived=1.0))
    here.wait(here.entry("urgent", arrived=3.0, priority=1))
    settle()
    assert here.calls == []
    here.change("alice", AgentState.AVAILABLE)
    settle()
    assert here.calls == [("urgent", "alice")]


def test_a_held_agent_is_not_chosen_until_the_claim_is_decided(room: MakeRoom) -> None:
    here = room("alice")
    first = here.wait(here.entry("first"))
    here.wait(here.entry("second"))
    settle()
    assert here.calls == [("first", "alice")]
    here.dispatch.decided(first.get())
    settle()
    assert here.calls == [("first", "alice"), ("second", "alice")]


def test_who_missed_a_call_comes_after_the_others(room: MakeRoom) -> None:
    here = room("alice", "bob")
    entry = here.entry("call")
    agent = here.wait(entry).get()
    here.dispatch.missed(entry, agent.id)
    here.dispatch.decided(agent)
    here.wait(entry)
    settle()
    assert here.calls == [("call", "alice"), ("call", "bob")]


def test_the_only_agent_is_tried_again_after_a_while(room: MakeRoom, clock: FakeClock) -> None:
    here = room("alice")
    entry = here.entry("call")
    agent = here.wait(entry).get()
    here.dispatch.missed(entry, agent.id)
    here.dispatch.decided(agent)
    here.wait(entry)
    settle()
    assert here.calls == [("call", "alice")]
    clock.advance(SAME_CALL_AGAIN_AFTER)
    settle()
    assert here.calls == [("call", "alice")] * 2


def test_a_caller_that_cannot_be_served_yet_does_not_hold_up_the_others(room: MakeRoom) -> None:
    here = room("alice")
    entry = here.entry("picky")
    agent = here.wait(entry).get()
    here.dispatch.missed(entry, agent.id)
    here.dispatch.decided(agent)
    here.wait(entry)
    here.wait(here.entry("next", arrived=1.0))
    settle()
    assert here.calls[-1] == ("next", "alice")


def test_who_hangs_up_leaves_the_line(room: MakeRoom) -> None:
    here = room()
    caller = FakeCaller()
    waiting = here.wait(here.entry("call"), caller)
    settle()
    assert len(here.queue.line) == 1
    caller.ended.set()
    with pytest.raises(HungUp):
        waiting.get()
    assert len(here.queue.line) == 0


def test_who_waits_too_long_leaves_the_line(room: MakeRoom) -> None:
    here = room()
    with pytest.raises(WaitedTooLong):
        here.wait(here.entry("call", patience=0.03)).get()
    assert len(here.queue.line) == 0


def test_a_caller_that_is_gone_when_its_agent_is_chosen_lets_it_go(room: MakeRoom) -> None:
    here = room("alice")

    class Gone(FakeCaller):
        def wait(self, event: Event, timeout: float | None = None) -> bool:
            super().wait(event, timeout)
            raise HungUp("gone at the same moment")

    with pytest.raises(HungUp):
        here.wait(here.entry("call"), Gone()).get()
    here.wait(here.entry("next"))
    settle()
    assert here.calls == [("next", "alice")]


def test_the_sweep_finds_what_no_event_told(room: MakeRoom) -> None:
    here = room("alice")
    here.change("alice", AgentState.BUSY)
    here.wait(here.entry("call"))
    settle()
    here.roster.on_free = lambda _queue_id: None
    here.change("alice", AgentState.AVAILABLE)
    settle()
    assert here.calls == [("call", "alice")]
    assert here.dispatch.found_by_sweep == 1


def test_nobody_looks_again_and_again_for_an_agent_that_stays_busy(
    room: MakeRoom, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = room("alice")
    entry = here.entry("call")
    agent = here.wait(entry).get()
    here.dispatch.missed(entry, agent.id)
    here.change("alice", AgentState.BUSY)
    here.dispatch.decided(agent)
    here.wait(entry)
    settle()
    clock.advance(2 * SAME_CALL_AGAIN_AFTER)
    looks: list[int] = []
    decide = here.dispatch._decide

    def counted() -> int:
        looks.append(1)
        return decide()

    monkeypatch.setattr(here.dispatch, "_decide", counted)
    settle()
    assert len(looks) < 20


def test_longest_idle_goes_by_the_time_of_freedom(room: MakeRoom) -> None:
    here = room("alice", "bob", "carol", strategy="longest_idle")
    for name in ("first", "second", "third"):
        here.wait(here.entry(name))
    settle()
    assert [agent for _call, agent in here.calls] == ["carol", "bob", "alice"]


def test_who_is_taken_out_of_the_line_hears_why(room: MakeRoom) -> None:
    here = room()
    entry = here.entry("call")
    waiting = here.wait(entry)
    settle()
    here.dispatch.interrupt(entry, "moved")
    with pytest.raises(TakenOutOfLine) as error:
        waiting.get()
    assert error.value.why == "moved"
    assert len(here.queue.line) == 0


def test_who_has_been_given_an_agent_cannot_be_taken_out_any_more(room: MakeRoom) -> None:
    here = room("alice")
    entry = here.entry("call")
    agent = here.wait(entry).get()
    here.dispatch.interrupt(entry, "moved")
    assert agent.held


def test_a_caller_is_given_an_agent_at_once_if_nobody_ranks_before(room: MakeRoom) -> None:
    here = room("alice")
    (agent,) = here.dispatch.choose_at_once(here.entry("first"))
    assert agent.name == "alice"
    assert agent.held
    assert here.dispatch.choose_at_once(here.entry("second")) == []


def test_a_caller_is_not_served_at_once_before_those_in_line(room: MakeRoom) -> None:
    here = room("alice")
    picky = here.entry("picky")
    agent = here.wait(picky).get()
    here.dispatch.missed(picky, agent.id)
    here.dispatch.decided(agent)
    here.wait(picky)
    settle()
    assert here.dispatch.choose_at_once(here.entry("later", arrived=1.0)) == []
    assert here.dispatch.choose_at_once(here.entry("urgent", arrived=1.0, priority=1)) == [agent]
