"""Explaining: reads from the log how every agent stood when a call was offered, waits, or was given up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import gevent
from sqlalchemy import Connection, Engine

from callengine.callcenter.profiles import TOLD_BY, Profile, present_profile, profile_of
from callengine.callcenter.why import Standing, Wanted, explain
from callengine.db.engine import reading
from callengine.db.repositories import agents, event_log
from callengine.db.repositories.agents import AgentRecord
from callengine.events.types import Event, EventType
from callengine.vocabulary import MISSED_OFFERS, AgentState

_AT_ONCE = 20
"""Agents that are looked up before others have their turn."""
_OF_PHONES = (EventType.AGENT_REGISTERED, EventType.AGENT_UNREGISTERED, EventType.BINDING_LOST)


@dataclass(frozen=True)
class Moment:
    """A point of the log at which it is asked why: before the event with this number."""

    number: int
    queue: str
    what: str
    """`offered`, `ended` without an agent, or `now`."""
    wanted: Wanted
    results: Mapping[str, str]
    """What became of the offers to those that were chosen."""
    decision: Mapping[str, Any]
    """What was stored with the decision."""


@dataclass
class _Known:
    """What the log says of an agent, read once for all moments of a call."""

    name: str
    present: AgentRecord | None
    said: Sequence[Event]
    """Of its queues, skills and capacity, up to the last moment."""
    is_added_later: bool

    def profile(self, number: int) -> tuple[Profile | None, bool]:
        """What it could be chosen for before that event, and whether the log tells."""
        before = [event for event in self.said if event.number < number]
        if any(event.type is not EventType.AGENT_CHANGED for event in before):
            return profile_of(before), True
        is_added_later = self.is_added_later or any(
            event.type is EventType.AGENT_ADDED for event in self.said
        )
        if is_added_later or self.present is None:
            return None, True
        return present_profile(self.present), False


def explain_all(engine: Engine, moments: Sequence[Moment]) -> list[dict[str, Any]]:
    """For each moment the agents of its queue, by name, each with all that stood in its way."""
    if not moments:
        return []
    last = moments[-1].number
    found: list[list[dict[str, Any]]] = [[] for _ in moments]
    unsure: list[list[str]] = [[] for _ in moments]
    with reading(engine) as connection:
        present = {record.name: record for record in agents.read_agents(connection)}
        names = agents.every_name(connection)
    for start in range(0, len(names), _AT_ONCE):
        with reading(engine) as connection:
            for name in names[start : start + _AT_ONCE]:
                known = _read(connection, name, present.get(name), last)
                for place, moment in enumerate(moments):
                    standing, is_sure = _standing(connection, known, moment)
                    if standing is not None:
                        found[place].append(_told(moment, standing))
                        unsure[place] += [] if is_sure else [name]
        gevent.sleep(0)
    return [
        _document(moment, told, names) for moment, told, names in zip(moments, found, unsure, strict=True)
    ]


def _read(connection: Connection, name: str, present: AgentRecord | None, last: int) -> _Known:
    said = event_log.all_before(connection, name, TOLD_BY, last)
    added_later = event_log.first_since(connection, name, EventType.AGENT_ADDED, last)
    return _Known(name, present, said, added_later is not None)


def moments_of(events: Sequence[Event]) -> list[Moment]:
    """The decisions about a call, and its end if it waited in vain, from what was logged of it."""
    moments = [_offered(list(offers), events) for offers in _rounds(events)]
    ended = next((event for event in events if event.type is EventType.CALL_ENDED), None)
    if ended is not None and ended.queue is not None and ended.payload["talk_seconds"] is None:
        wanted = Wanted(ended.at, missed=missed_before(events, ended.number))
        moments.append(Moment(ended.number, ended.queue, "ended", wanted, {}, {}))
    return moments


def missed_before(events: Iterable[Event], number: int) -> frozenset[str]:
    """Who had missed the call before that event."""
    return frozenset(
        event.agent
        for event in events
        if event.type is EventType.CALL_OFFER_FAILED
        and event.number < number
        and event.agent is not None
        and event.payload["result"] in MISSED_OFFERS
    )


def _rounds(events: Iterable[Event]) -> Iterator[Iterator[Event]]:
    """The offers of a call; those that were made at the same time belong together."""
    offers = (event for event in events if event.type is EventType.CALL_OFFERED and event.queue is not None)
    for _, together in groupby(offers, key=lambda event: (event.payload.get("round"), event.at)):
        yield together


def _offered(offers: Sequence[Event], events: Sequence[Event]) -> Moment:
    first = offers[0]
    decision: Mapping[str, Any] = first.payload.get("decision") or {}
    missed = decision.get("missed")
    wanted = Wanted(
        first.at,
        chosen=frozenset(event.agent for event in offers if event.agent is not None),
        missed=missed_before(events, first.number) if missed is None else frozenset(missed),
    )
    results = {event.agent: _result(event, events) for event in offers if event.agent is not None}
    return Moment(first.number, first.queue or "", "offered", wanted, results, decision)


def _result(offer: Event, events: Iterable[Event]) -> str:
    """What became of an offer: the next that was said of call and agent."""
    for event in events:
        if event.number <= offer.number:
            continue
        if event.type is EventType.CALL_CONNECTED:
            return "connected" if event.agent == offer.agent else "withdrawn"
        if event.type is EventType.CALL_OFFER_FAILED and event.agent == offer.agent:
            return str(event.payload["result"])
        if event.type is EventType.CALL_ENDED:
            return "withdrawn"
    return "ringing"


def _standing(connection: Connection, known: _Known, moment: Moment) -> tuple[Standing | None, bool]:
    """How an agent stood, and whether the log tells; None if it did not serve the queue."""
    profile, is_sure = known.profile(moment.number)
    if profile is None or moment.queue not in profile.queues:
        return None, True
    place = profile.queues[moment.queue]
    state, says_so = _state(connection, known, moment.number)
    is_offline = state["state"] is AgentState.OFFLINE
    standing = Standing(
        known.name,
        max_concurrent_calls=profile.max_concurrent_calls,
        tier=place.tier,
        position=place.position,
        skills=profile.skills,
        is_registered=not is_offline or _is_registered(connection, known, moment.number),
        **state,
    )
    return standing, is_sure and says_so


def _state(connection: Connection, known: _Known, number: int) -> tuple[dict[str, Any], bool]:
    """What of a standing changes with the agent's state, and whether the log tells."""
    kind = EventType.AGENT_STATE_CHANGED
    last = event_log.last_before(connection, known.name, kind, number)
    if last is not None:
        said = last.payload
        return {
            "state": AgentState(said["new"]),
            "load": said["load"],
            "pause_reason": said["pause_reason"],
            "pause_next_reason": said.get("pause_next_reason"),
            "is_signed_on": said.get("signed_on", True),
            "wrap_up_until": said.get("wrap_up_until"),
            "delayed_until": said.get("delayed_until"),
            "delayed_after": said.get("delayed_after"),
        }, True
    following = event_log.first_since(connection, known.name, kind, number)
    if following is not None:
        state = AgentState(following.payload["old"])
        return {"state": state}, state is AgentState.OFFLINE
    if known.present is None:
        return {"state": AgentState.OFFLINE}, False
    present = known.present
    is_sure = present.state is AgentState.OFFLINE
    return {"state": present.state, "load": present.load, "pause_reason": present.pause_reason}, is_sure


def _is_registered(connection: Connection, known: _Known, number: int) -> bool:
    """Whether a phone of the agent was registered before the event with that number."""
    additions = (event.number for event in known.said if event.type is EventType.AGENT_ADDED)
    added = max((each for each in additions if each < number), default=0)
    contacts: set[str] = set()
    for event in event_log.latest_before(connection, known.name, _OF_PHONES, number):
        if event.type is EventType.AGENT_REGISTERED and event.number > added:
            contacts.add(event.payload["contact"])
        else:
            contacts.discard(event.payload["contact"])
    return bool(contacts)


def _told(moment: Moment, standing: Standing) -> dict[str, Any]:
    reasons = [str(reason) for reason in explain(moment.wanted, standing)]
    told: dict[str, Any] = {"agent": standing.name, "reasons": reasons}
    if standing.name in moment.results:
        told["result"] = moment.results[standing.name]
    return told


def _document(moment: Moment, told: list[dict[str, Any]], unsure: list[str]) -> dict[str, Any]:
    """Those that were chosen come first."""
    return {
        "what": moment.what,
        "number": moment.number,
        "at": moment.wanted.at,
        "queue": moment.queue,
        "decision": dict(moment.decision),
        "agents": sorted(told, key=lambda each: each["agent"] not in moment.wanted.chosen),
        "pruned": unsure,
    }
