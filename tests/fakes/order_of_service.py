"""Nobody is passed over: an agent gets the first caller whom it may have, a caller the first agent that may.

Looked at each time that all is at rest, it judges what was offered since. What was in motion meanwhile is no
evidence: it rests on callers who stood in line all the time, and on agents who were free and left in peace.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from callengine.callcenter.calls import Entry
from callengine.events.types import Event, EventType
from callengine.vocabulary import MISSED_OFFERS
from tests.fakes.committed import Row, Rows
from tests.fakes.lines import free_agents
from tests.fakes.paper_center import PaperCenter
from tests.fakes.prospects import Prospects

RING_ALL = "ring_all"


@dataclass
class _Rest:
    """What was so the last time that nothing happened."""

    prospects: Prospects
    free: set[int]
    line: dict[Entry, float]
    """All who stood in any line, and until when those who had missed them were not to be tried."""


@dataclass
class _Offered:
    """One offer that was made since."""

    agent_id: int
    name: str
    entry: Row
    round: int
    at: float
    index: int
    """Its place among the events."""


@dataclass
class OrderOfService:
    """`ordered` are the calls that an operator has taken out of the line since the last rest."""

    center: PaperCenter
    ordered: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._seen = 0
        self._rest: _Rest | None = None

    def forget(self, rows: Rows) -> None:
        """Begin anew: of what has happened since the last rest nothing is judged."""
        line = {entry: entry.retry_at for queue in self.center.parts.people.queues for entry in queue.line}
        prospects = Prospects(rows, ageing=self.center.ageing)
        self._rest = _Rest(prospects, free_agents(self.center, rows), line)
        self._seen = len(self.center.events)
        self.ordered.clear()
        self.center.held.clear()

    def judge(self, rows: Rows) -> Iterator[str]:
        """Who was passed over since the last time, and what was offered to whom it should not have been."""
        if self._rest is not None:
            news = self.center.events[self._seen :]
            yield from _Since(self.center, self._rest, rows, news, self.ordered).wrong()
        self.forget(rows)


class _Since:
    """What is judged of the time since the last rest."""

    def __init__(
        self, center: PaperCenter, before: _Rest, rows: Rows, news: Sequence[Event], ordered: set[str]
    ) -> None:
        self._center = center
        self._before = before
        self._now = Prospects(rows, ageing=center.ageing)
        self._news = news
        self._of_agent: defaultdict[str, list[int]] = defaultdict(list)
        for index, event in enumerate(news):
            self._of_agent[event.agent or ""].append(index)
        self._changed = {event.agent for event in news if event.type is EventType.AGENT_CHANGED}
        self._disturbed = {
            event.call_id
            for event in news
            if event.type in (EventType.CALL_OFFERED, EventType.CALL_PRIORITIZED)
        }
        self._disturbed |= ordered
        self._ordered = ordered
        self._missed: defaultdict[str, set[int]] = defaultdict(set)
        for entry_id, agent_id in center.missed:
            if entry_id in self._now.entries:
                self._missed[self._now.entries[entry_id]["call_id"]].add(agent_id)
        free = before.free & free_agents(center, rows)
        self._idle = {each for each in free if not self._of_agent[self._name(each)]} - center.held

    def wrong(self) -> Iterator[str]:
        """One line for each thing that is not as it should be."""
        offered = list(self._offered())
        rounds: defaultdict[tuple[str, int], set[int]] = defaultdict(set)
        for each in offered:
            rounds[each.entry["id"], each.round].add(each.agent_id)
        for each in offered:
            yield from self._not_for_it(each)
            yield from self._passed_over(each)
            yield from self._not_the_first(each, rounds[each.entry["id"], each.round])

    def _offered(self) -> Iterator[_Offered]:
        """The offers of callers in queues, but those to agents who have become something else meanwhile."""
        by_id = {offer["id"]: offer for offer in self._now.rows.offers}
        for index, event in enumerate(self._news):
            if (
                event.type is not EventType.CALL_OFFERED
                or event.queue is None
                or event.agent in self._changed
            ):
                continue
            offer = by_id[event.payload["offer_id"]]
            entry = self._now.entries[offer["entry_id"]]
            yield _Offered(
                offer["agent_id"], event.agent or "", entry, event.payload["round"], event.at, index
            )

    def _not_for_it(self, offered: _Offered) -> Iterator[str]:
        """It serves the queue in an open tier, has the skills, and nobody else was to be waited for."""
        awaited = self._now.preferred(offered.entry, offered.at)
        if awaited is not None and awaited not in self._idle:
            return
        missed = self._missed[offered.entry["call_id"]]
        if not self._now.possibly(offered.entry, offered.agent_id, offered.at, missed):
            yield f"{offered.name} was given {offered.entry['id']}, and may not serve it"

    def _passed_over(self, offered: _Offered) -> Iterator[str]:
        """Whoever stood in line all the time, before this caller, should have had the agent."""
        if offered.entry["call_id"] in self._ordered:
            return
        rank = self._now.rank(offered.entry, offered.at)
        for entry in self._stood_in_line():
            row = self._now.entries[entry.id]
            awaited = self._now.preferred(row, offered.at)
            may_have = offered.agent_id not in entry.missed and awaited in (None, offered.agent_id)
            if (
                may_have
                and self._now.is_before(self._now.rank(row, offered.at), rank)
                and self._now.surely(row, offered.agent_id, offered.at, entry.missed)
            ):
                yield f"{offered.name} was given {offered.entry['id']}, and {entry.id} stood before it"

    def _stood_in_line(self) -> Iterator[Entry]:
        for queue in self._center.parts.people.queues:
            for entry in queue.line:
                call_id = self._now.entries[entry.id]["call_id"]
                if call_id not in self._disturbed and self._before.line.get(entry) == entry.retry_at:
                    yield entry

    def _not_the_first(self, offered: _Offered, round_: set[int]) -> Iterator[str]:
        """No agent was idle that should have had the caller in its place, or beside it if all are rung."""
        entry, at = offered.entry, offered.at
        if self._now.preferred(entry, at) is not None:
            return
        missed = self._missed[entry["call_id"]]
        strategy = self._now.queues[entry["queue_id"]]["strategy"]
        for other in self._idle - missed - round_:
            if not self._now.surely(entry, other, at, missed):
                continue
            if strategy == RING_ALL:
                yield f"{self._name(other)} was free, and not in the round of {entry['id']}"
            elif self._is_better(other, offered, strategy):
                yield f"{offered.name} was given {entry['id']}, and {self._name(other)} comes before it"

    def _is_better(self, other: int, offered: _Offered, strategy: str) -> bool:
        """By having missed nothing, by its tier, or by the queue's strategy."""
        entry, agent_id = offered.entry, offered.agent_id
        if agent_id in self._missed_last(offered):
            return True
        mine, its = (self._now.place(entry["queue_id"], each) for each in (agent_id, other))
        assert mine is not None
        assert its is not None
        if mine[0] != its[0]:
            return its[0] < mine[0]
        is_as_before = agent_id in self._before.free and not any(
            index < offered.index and self._news[index].call_id != entry["call_id"]
            for index in self._of_agent[offered.name]
        )
        merit = self._before.prospects.merit
        return is_as_before and merit(strategy, entry, other, offered.at) < merit(
            strategy, entry, agent_id, offered.at
        )

    def _missed_last(self, offered: _Offered) -> set[int]:
        """Who missed this call in the round before."""
        rows = self._now.rows
        earlier = [
            offer
            for offer in rows.offers
            if offer["entry_id"] == offered.entry["id"] and offer["round"] == offered.round - 1
        ]
        return {offer["agent_id"] for offer in earlier if offer["state"] in MISSED_OFFERS}

    def _name(self, agent_id: int) -> str:
        return str(self._now.agents[agent_id]["name"])
