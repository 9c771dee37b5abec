"""Builds who works and who waits: agents, queues, phones, numbers, and who brings them together."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from loguru import logger
from sqlalchemy import Engine

from callengine.callcenter import journal
from callengine.callcenter.calls import Calls
from callengine.callcenter.delays import Delays
from callengine.callcenter.dispatch import Dispatch
from callengine.callcenter.hours import Calendars, Hours, parse_range
from callengine.callcenter.leaving import Leaving
from callengine.callcenter.numbers import Destination, Numbers, parse_destination
from callengine.callcenter.opening import Opening
from callengine.callcenter.orders import Orders
from callengine.callcenter.presence import Presence
from callengine.callcenter.priorities import CallerList, Priorities
from callengine.callcenter.queues import Queues
from callengine.callcenter.reckoning import Today
from callengine.callcenter.roster import Roster, agent_of
from callengine.callcenter.routing import skills
from callengine.callcenter.statistics import Statistics
from callengine.callcenter.ways import Ways
from callengine.callcenter.wrap_up import WrapUp
from callengine.config import Settings
from callengine.db.engine import reading
from callengine.db.repositories import agents, calls, memberships, queues
from callengine.events.types import EventType
from callengine.foundation import Foundation

_OF_AGENTS = (
    EventType.AGENT_STATE_CHANGED,
    EventType.AGENT_ADDED,
    EventType.AGENT_CHANGED,
    EventType.AGENT_REMOVED,
)

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


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
    priorities: Priorities
    calendars: Calendars
    opening: Opening
    ways: Ways
    orders: Orders


def destinations_of(settings: Settings) -> dict[str, Destination]:
    """What each number of the settings leads to."""
    return {name: parse_destination(number.destination) for name, number in settings.numbers.items()}


def calendars_of(settings: Settings) -> dict[str, Hours]:
    """The tables of opening hours."""
    return {
        name: Hours(
            zone=ZoneInfo(table.time_zone),
            week=tuple(tuple(map(parse_range, getattr(table, day))) for day in _DAYS),
            holidays=frozenset(table.holidays),
        )
        for name, table in settings.hours.items()
    }


def urgency_of(settings: Settings) -> tuple[dict[str, int], list[CallerList]]:
    """The priority of each number, and the lists of callers."""
    numbers = {name: number.priority for name, number in settings.numbers.items()}
    return numbers, [CallerList(each.numbers, each.priority) for each in settings.callers.values()]


def take_over_queues(base: Foundation, people: People) -> None:
    """Have memory follow the queues' rows."""
    with reading(base.engine) as connection:
        people.queues.take_over(queues.read_queues(connection))
    people.dispatch.take_over_rules()
    people.opening.look()


def gather_people(base: Foundation) -> People:
    """Agents and queues as the database has them, and whoever has to do with them; each learns of events."""
    roster, lines = _load(base.engine)
    live, statistics, today = _count(base, roster, lines)
    wrap_up = _follow_agents(base, roster)
    presence = _look_for_phones(base, roster)
    lines.age_by(base.settings.routing.ageing_points_per_minute)
    sweep_seconds = base.settings.routing.queue_monitor_interval_ms / 1000
    dispatch = Dispatch(lines, roster, clock=base.clock, sweep_seconds=sweep_seconds)
    warn_of_gaps(base.engine, lines)
    calendars = Calendars(calendars_of(base.settings))
    opening = Opening(
        queues=lines,
        calendars=calendars,
        committer=base.committer,
        timers=base.timers,
        clock=base.clock,
    )
    return People(
        roster=roster,
        numbers=Numbers(destinations_of(base.settings)),
        queues=lines,
        live=live,
        statistics=statistics,
        today=today,
        presence=presence,
        wrap_up=wrap_up,
        dispatch=dispatch,
        priorities=Priorities(*urgency_of(base.settings)),
        calendars=calendars,
        opening=opening,
        ways=_find_ways(base, roster, lines, opening, dispatch),
        orders=Orders(dispatch),
    )


def _count(base: Foundation, roster: Roster, lines: Queues) -> tuple[Calls, Statistics, Today]:
    """The calls that are alive, and the figures, which go on from earlier runs."""
    with reading(base.engine) as connection:
        arrived, answered, waited = calls.totals(connection)
    live = Calls(total=arrived)
    statistics = Statistics(
        live=live, queues=lines, roster=roster, clock=base.clock, answered=answered, waited_seconds=waited
    )
    today = Today(engine=base.engine, clock=base.clock, node=base.owner["node"])
    base.bus.subscribe(statistics.count)
    base.bus.subscribe(today.note)
    return live, statistics, today


def _follow_agents(base: Foundation, roster: Roster) -> WrapUp:
    """Whoever sees to it that an agent's times end when they are over, and that memory and log follow."""
    wrap_up = WrapUp(roster=roster, committer=base.committer, timers=base.timers, clock=base.clock)
    base.bus.subscribe(roster.apply, _OF_AGENTS)
    base.bus.subscribe(wrap_up.note, [EventType.AGENT_STATE_CHANGED])
    base.bus.subscribe(journal.note, journal.NOTED)
    wrap_up.take_up(base.engine)
    Delays(roster=roster, timers=base.timers, clock=base.clock)
    return wrap_up


def _look_for_phones(base: Foundation, roster: Roster) -> Presence:
    presence = Presence(
        engine=base.engine,
        committer=base.committer,
        timers=base.timers,
        clock=base.clock,
        registering_signs_on=base.settings.agents.sign_on == "register",
        rings_newest_only=base.settings.agents.ring_contacts == "newest",
    )
    presence.load([agent.name for agent in roster])
    base.bus.subscribe(presence.follow, _OF_AGENTS)
    return presence


def _find_ways(base: Foundation, roster: Roster, lines: Queues, opening: Opening, dispatch: Dispatch) -> Ways:
    """Where callers can go; who waits where nobody serves any more is told to leave."""
    ways = Ways(
        lines,
        roster,
        is_open=opening.is_open,
        with_overflow=base.settings.routing.enable_overflow,
        max_queue_depth=base.settings.routing.max_queue_depth,
    )
    leaving = Leaving(queues=lines, roster=roster, ways=ways, dispatch=dispatch)
    base.bus.subscribe(leaving.note, [EventType.AGENT_STATE_CHANGED, EventType.AGENT_REMOVED])
    return ways


def warn_of_gaps(engine: Engine, lines: Queues) -> None:
    """Say in the log what callers would wait for in vain."""
    with reading(engine) as connection:
        empty, known = memberships.empty_tiers(connection), memberships.known_skills(connection)
    for queue in lines:
        if queue.name in empty:
            logger.warning(
                "queue {} has nobody in tier {}, below tiers with agents", queue.name, empty[queue.name]
            )
        missing = sorted(skills.named(queue.steps) - known)
        if missing:
            logger.warning("queue {} wants {}, which no agent has", queue.name, ", ".join(missing))


def _load(engine: Engine) -> tuple[Roster, Queues]:
    """Agents and queues as the database has them."""
    with reading(engine) as connection:
        agent_rows, queue_rows = agents.read_agents(connection), queues.read_queues(connection)
    roster = Roster(agent_of(row) for row in agent_rows)
    lines = Queues()
    lines.take_over(queue_rows)
    return roster, lines
