"""Builds who works and who waits: agents, queues, phones, numbers, and who brings them together."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from callengine.callcenter import journal
from callengine.callcenter.calls import Calls
from callengine.callcenter.dispatch import Dispatch
from callengine.callcenter.numbers import Destination, Numbers, parse_destination
from callengine.callcenter.presence import Presence
from callengine.callcenter.queues import Queues
from callengine.callcenter.reckoning import Today
from callengine.callcenter.roster import Agent, Roster
from callengine.callcenter.statistics import Statistics
from callengine.callcenter.wrap_up import WrapUp
from callengine.config import Settings
from callengine.db.engine import reading
from callengine.db.repositories import agents, calls, queues
from callengine.events.types import EventType
from callengine.foundation import Foundation

_OF_AGENTS = (EventType.AGENT_STATE_CHANGED, EventType.AGENT_ADDED, EventType.AGENT_REMOVED)


@dataclass(frozen=True)
class People:
    """Who works, who waits, what can be dialled, and who brings callers and agents together."""

    roster: Roster
    numbers: Numbers
    queues: Queues
    live: Calls
    statistics: Statistics
    today: Today
    presence: Presence
    wrap_up: WrapUp
    dispatch: Dispatch


def destinations_of(settings: Settings) -> dict[str, Destination]:
    """What each number of the settings leads to."""
    return {name: parse_destination(number.destination) for name, number in settings.numbers.items()}


def gather_people(base: Foundation) -> People:
    """Agents and queues as the database has them, and whoever has to do with them; each learns of events."""
    roster, lines = _load(base.engine)
    with reading(base.engine) as connection:
        arrived, answered, waited = calls.totals(connection)
    live = Calls(total=arrived)
    statistics = Statistics(
        live=live, queues=lines, roster=roster, clock=base.clock, answered=answered, waited_seconds=waited
    )
    wrap_up = WrapUp(roster=roster, committer=base.committer, timers=base.timers, clock=base.clock)
    base.bus.subscribe(roster.apply, _OF_AGENTS)
    base.bus.subscribe(wrap_up.note, [EventType.AGENT_STATE_CHANGED])
    base.bus.subscribe(statistics.count)
    today = Today(engine=base.engine, clock=base.clock, node=base.owner["node"])
    base.bus.subscribe(today.note)
    base.bus.subscribe(journal.note, journal.NOTED)
    wrap_up.take_up(base.engine)
    presence = Presence(engine=base.engine, committer=base.committer, timers=base.timers, clock=base.clock)
    presence.load([agent.name for agent in roster])
    base.bus.subscribe(presence.follow, _OF_AGENTS)
    sweep_seconds = base.settings.routing.queue_monitor_interval_ms / 1000
    dispatch = Dispatch(lines, roster, clock=base.clock, sweep_seconds=sweep_seconds)
    numbers = Numbers(destinations_of(base.settings))
    return People(roster, numbers, lines, live, statistics, today, presence, wrap_up, dispatch)


def _load(engine: Engine) -> tuple[Roster, Queues]:
    """Agents and queues as the database has them."""
    with reading(engine) as connection:
        agent_rows, queue_rows = agents.read_agents(connection), queues.read_queues(connection)
    roster = Roster(
        Agent(
            id=row.id,
            name=row.name,
            max_concurrent_calls=row.max_concurrent_calls,
            queue_ids=tuple(place.queue_id for place in row.queues),
            state=row.state,
            load=row.load,
            available_since=row.available_since or row.state_since,
        )
        for row in agent_rows
    )
    lines = Queues()
    lines.take_over(queue_rows)
    return roster, lines
