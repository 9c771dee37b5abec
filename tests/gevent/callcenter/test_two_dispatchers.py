"""Two dispatchers race for the same callers and agents over one database, each with an index of its own.

Neither hears what the other commits, so their indexes are stale all the time; the database alone decides. On
PostgreSQL their transactions run at the same time, on SQLite they take turns; before and after each commit a
random number of other greenlets runs. Each unit has a transaction of its own: a unit takes its rows in the
order that all keep (entry, agents, queue), but a group of units would take them in the order of the units,
and two who write at the same time would wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, cast

import gevent
import pytest
from gevent.event import Event
from sqlalchemy import Engine, update

from callengine import greenlets
from callengine.callcenter import agents, dispatch
from callengine.callcenter.calls import Call, Entry, Leg, Offer, new_id
from callengine.callcenter.dispatch import Dispatch
from callengine.callcenter.offer_units import store_claim
from callengine.callcenter.queues import Queue, Queues
from callengine.callcenter.roster import Agent, Roster
from callengine.clock import SystemClock
from callengine.db.base import table_of
from callengine.db.committer import Committer
from callengine.db.engine import make_engine
from callengine.db.models import Agent as AgentRow
from callengine.db.models import Binding, Membership, QueueEntry
from callengine.db.models import Call as CallRow
from callengine.db.models import Queue as QueueRow
from callengine.db.repositories import calls, entries, offers
from callengine.db.transaction import Transaction
from callengine.errors import CallCenterError, HungUp
from callengine.events.types import EventType
from callengine.sip.session import Session
from callengine.vocabulary import AgentState, EntryState
from tests.fakes import rows
from tests.fakes.committed import read_rows
from tests.fakes.databases import Databases
from tests.fakes.invariants import of_rows
from tests.gevent.callcenter.test_guards import Removal, believed, unasked

CALLERS = 16
CAPACITIES = {1: 1, 2: 2, 3: 1, 4: 3}
"""Of each agent, by its key."""

LONGEST = 10.0
"""Seconds that a race may take; it takes one, unless it goes wrong."""

OWNER = {"node": "here", "incarnation": "1"}


class Patient:
    """A caller who stays on the line, until it is over for the test."""

    def __init__(self) -> None:
        self.ended = Event()

    def wait(self, event: Event, timeout: float | None = None) -> bool:
        greenlets.wait_for_any(event, self.ended, timeout=timeout)
        if self.ended.is_set():
            raise HungUp("the race is over")
        return event.is_set()


@dataclass
class Race:
    """What came of it."""

    served: list[str]
    """The entries, each time that somebody believed to have served one."""
    lost: list[int]
    """How many claims each of the two has lost."""
    wrong: list[str]


class Rival:
    """One dispatcher, with an engine, a committer and an index of its own."""

    def __init__(self, url: str, random: Random) -> None:
        self.engine = make_engine(url, connection_timeout_seconds=5)
        self.queue = Queue(1, "support", rows.rules())
        self.roster = Roster(
            Agent(key, f"agent{key}", capacity, (1,), AgentState.AVAILABLE, 0, rows.NOW)
            for key, capacity in CAPACITIES.items()
        )
        self.dispatch = Dispatch(Queues([self.queue]), self.roster, clock=SystemClock(), sweep_seconds=0.05)
        self.random = random
        self.committer = Committer(self.engine, publish=self._publish, switch=self.switch, group_limit=1)
        self.caller = Patient()
        self.lost = 0
        self.served: list[str] = []
        self.finished = 0

    def switch(self) -> None:
        """Let others run, now and then."""
        for _ in range(self.random.randrange(4)):
            gevent.sleep(0)

    def start(self, keys: list[str]) -> list[gevent.Greenlet[..., None]]:
        """Have all these callers in line."""
        self.committer.start()
        self.dispatch.start()
        return [gevent.spawn(self._story, _call(key, number)) for number, key in enumerate(keys)]

    def stop(self) -> None:
        self.caller.ended.set()
        self.dispatch.stop()
        self.committer.stop()
        self.engine.dispose()

    def _publish(self, events: Any) -> None:
        for event in events:
            self.roster.apply(event)

    def _story(self, call: Call) -> None:
        """As `Waiting` and `Offering` tell it, until the caller is served, by whomever."""
        try:
            while not call.offers and self._is_waiting(call.entry):
                chosen = self.dispatch.wait_for_agents(call.entry, cast(Session, self.caller))
                self._claim(call, chosen)
        except HungUp:
            return
        if call.offers:
            self._serve(call)

    def _claim(self, call: Call, chosen: list[Agent]) -> None:
        wanted = [Offer(new_id(), agent.id, agent.name, 0.0) for agent in chosen]
        unit = partial(_claim, call=call, wanted=wanted, queue=self.queue)
        try:
            call.offers = self.committer.commit(unit)
        except CallCenterError:
            self.lost += 1
            for agent in chosen:
                self.dispatch.missed(call.entry, agent.id)
        finally:
            for agent in chosen:
                self.dispatch.decided(agent)

    def _serve(self, call: Call) -> None:
        (offer,) = call.offers
        self.served.append(call.entry.id)
        for unit in (_answer, _end):
            self.switch()
            self.committer.commit(partial(unit, call=call, offer=offer))

    def _is_waiting(self, entry: Entry) -> bool:
        found = [row for row in read_rows(self.engine).entries if row["id"] == entry.id]
        return bool(found[0]["state"] == EntryState.WAITING)


def _call(key: str, number: int) -> Call:
    entry = Entry(key, 1, 0, rows.NOW + number, rows.NOW, 1e12)
    return Call(key, entry, cast(Leg, None), None, None, "support", rows.NOW)


def _claim(tx: Transaction, call: Call, wanted: list[Offer], queue: Queue) -> list[Offer]:
    return store_claim(tx, call, wanted, queue, OWNER)


def _answer(tx: Transaction, call: Call, offer: Offer) -> None:
    agents.connect(tx, offer.agent_id, call_id=call.id)
    entries.leave(tx, call.entry.id, queue_id=1, present=EntryState.OFFERED, state=EntryState.CONNECTED)
    offers.connect(tx, offer.id, ring_seconds=0.0)
    calls.connect(tx, call.id, agent_id=offer.agent_id, wait_seconds=0.0, ring_seconds=0.0)
    tx.add_event(EventType.CALL_CONNECTED, call_id=call.id, agent=offer.agent_name)


def _end(tx: Transaction, call: Call, offer: Offer) -> None:
    agents.release(tx, offer.agent_id, call_id=call.id, cause="bye", was_connected=True)
    offers.end(tx, offer.id, talk_seconds=0.0)
    calls.end(
        tx,
        call.id,
        disposition="answered",
        cause="bye",
        hung_up_by="caller",
        wait_seconds=0.0,
        talk_seconds=0.0,
    )


def _fill(engine: Engine) -> list[str]:
    """Agents who are there, and callers who wait; the keys of their places and calls."""
    keys = [f"{number:032x}" for number in range(1, CALLERS + 1)]
    with engine.begin() as connection:
        rows.store(connection, QueueRow, rows.queue(depth=CALLERS))
        for agent, capacity in CAPACITIES.items():
            values = {"id": agent, "name": f"agent{agent}", "max_concurrent_calls": capacity}
            rows.store(connection, AgentRow, rows.agent(**values, state="available"))
            rows.store(connection, Membership, rows.membership(agent_id=agent))
            rows.store(connection, Binding, rows.binding(id=agent, agent_id=agent, expires_at=1e12))
        for key in keys:
            rows.store(connection, CallRow, rows.call(id=key))
            rows.store(connection, QueueEntry, rows.entry(id=key, call_id=key))
        connection.execute(update(table_of(QueueEntry)).values(joined_at=rows.NOW))
    return keys


@contextmanager
def _watching(engine: Engine, wrong: list[str]) -> Iterator[None]:
    """Look at what is committed again and again."""

    def look() -> None:
        while True:
            wrong.extend(of_rows(read_rows(engine)))
            gevent.sleep(0)

    watcher = gevent.spawn(look)
    try:
        yield
    finally:
        watcher.kill()
        wrong.extend(of_rows(read_rows(engine)))


Run = Callable[[int], Race]


@pytest.fixture
def run(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a race in the order of a seed."""
    monkeypatch.setattr(dispatch, "SAME_CALL_AGAIN_AFTER", 0.01)

    def race(seed: int) -> Race:
        url, random, wrong = databases.new(), Random(seed), list[str]()
        watching = make_engine(url)
        keys = _fill(watching)
        rivals = [Rival(url, random), Rival(url, random)]
        with _watching(watching, wrong):
            stories = [story for rival in rivals for story in rival.start(keys)]
            gevent.joinall(stories, timeout=LONGEST)
            wrong.extend(f"a story failed: {story.exception!r}" for story in stories if story.exception)
            wrong.extend("a story did not end" for story in stories if not story.dead)
            for rival in rivals:
                rival.stop()
        wrong.extend(f"{each.name} is held" for rival in rivals for each in rival.roster if each.held)
        wrong.extend(_left(watching))
        watching.dispose()
        return Race([key for rival in rivals for key in rival.served], [each.lost for each in rivals], wrong)

    return race


def _left(engine: Engine) -> Iterator[str]:
    """Everybody was served, once, and nobody is kept."""
    left = read_rows(engine)
    for entry in left.entries:
        if entry["state"] != EntryState.CONNECTED:
            yield f"the caller of {entry['id']} was left {entry['state']}"
        if entry["rounds"] != 1:
            yield f"the caller of {entry['id']} was claimed {entry['rounds']} times"
    yield from (f"{agent['name']} is left with {agent['load']}" for agent in left.agents if agent["load"])


@pytest.mark.parametrize("seed", range(3))
def test_each_caller_is_claimed_once_and_no_agent_beyond_capacity(run: Run, seed: int) -> None:
    race = run(seed)
    assert race.wrong == []
    assert len(race.served) == len(set(race.served)) == CALLERS
    assert min(race.lost) > 0, "both have lost claims, and gone on to the next"


REMOVALS: dict[str, list[Removal]] = {
    "the entry still waits": [unasked(entries, "OFFER", "state"), unasked(calls, "CHANGE_STATE", "state")],
    "the agent has room": [believed(max_concurrent_calls=99)],
}


@pytest.mark.parametrize("removals", REMOVALS.values(), ids=REMOVALS)
def test_without_the_guard_the_race_goes_wrong(
    run: Run, removals: list[Removal], monkeypatch: pytest.MonkeyPatch
) -> None:
    for remove in removals:
        remove(monkeypatch)
    assert run(0).wrong
