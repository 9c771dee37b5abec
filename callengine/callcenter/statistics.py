"""The present in numbers: what has been counted since the first call, and who waits and works now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from callengine.callcenter.calls import Calls
from callengine.callcenter.queues import Queues
from callengine.callcenter.roster import Roster
from callengine.clock import Clock
from callengine.events.types import Event, EventType
from callengine.vocabulary import AgentState, Disposition, OfferState

WAIT_BUCKETS = (5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Upper bounds, in seconds, of the histogram of waiting times until an agent answered."""


@dataclass
class Tally:
    """Counts that only grow, kept from committed events."""

    answered: int = 0
    waited_seconds: float = 0.0
    """The sum of the waiting times of answered calls."""
    calls: Counter[str] = field(default_factory=Counter)
    """Ended calls by disposition."""
    offers: Counter[str] = field(default_factory=Counter)
    """Offers by result."""
    counted_wait_seconds: float = 0.0
    """The same of this run alone, as the histogram needs it."""
    wait_buckets: Counter[float] = field(default_factory=Counter)
    """Answered calls by the first of `WAIT_BUCKETS` that holds their wait; infinity for the rest."""


class Statistics:
    """Counts events and looks at what is alive; `answered` and `waited_seconds` go on from earlier runs."""

    def __init__(
        self,
        *,
        live: Calls,
        queues: Queues,
        roster: Roster,
        clock: Clock,
        answered: int = 0,
        waited_seconds: float = 0.0,
    ) -> None:
        self._live = live
        self._queues = queues
        self._roster = roster
        self._clock = clock
        self.tally = Tally(
            answered=answered,
            waited_seconds=waited_seconds,
            calls=Counter(dict.fromkeys(Disposition, 0)),
            offers=Counter(
                {state: 0 for state in OfferState if state not in (OfferState.RINGING, OfferState.ENDED)}
            ),
        )

    def count(self, event: Event) -> None:
        """Take a committed event into account."""
        payload = event.payload
        if event.type is EventType.CALL_CONNECTED:
            self._count_answer(event)
        elif event.type is EventType.CALL_OFFER_FAILED:
            self.tally.offers[str(payload["result"])] += 1
        elif event.type is EventType.CALL_ENDED:
            self.tally.calls[str(payload["disposition"])] += 1
        elif event.type is EventType.CALL_ARRIVED:
            self._live.total += 1

    def _count_answer(self, event: Event) -> None:
        """Who is called by name, and not through a queue, has kept nobody waiting."""
        if event.queue is None:
            return
        waited = float(str(event.payload["wait_seconds"]))
        self.tally.answered += 1
        self.tally.waited_seconds += waited
        self.tally.counted_wait_seconds += waited
        self.tally.offers[OfferState.CONNECTED] += 1
        bound = next((bound for bound in WAIT_BUCKETS if waited <= bound), float("inf"))
        self.tally.wait_buckets[bound] += 1

    def summary(self) -> dict[str, float | int]:
        """The five figures that everybody asks for first."""
        tally, going_on = self.tally, self._live.going_on()
        mean = tally.waited_seconds / tally.answered if tally.answered else 0.0
        return {
            "total_calls": self._live.total,
            "active_calls": len(going_on),
            "available_agents": self.agents_by_state()[AgentState.AVAILABLE],
            "total_queued": sum(call.connected_at is None and call.place is not None for call in going_on),
            "average_wait_time": round(mean, 3),
        }

    def agents_by_state(self) -> Mapping[str, int]:
        """How many agents are in each state."""
        counted: Counter[str] = Counter(dict.fromkeys(AgentState, 0))
        counted.update(agent.state for agent in self._roster)
        return counted

    def waiting_by_queue(self) -> Mapping[str, tuple[int, float]]:
        """For each queue: callers waiting or offered, and seconds since the first arrival of the longest."""
        now = self._clock.now()
        waiting: dict[str, tuple[int, float]] = {queue.name: (0, 0.0) for queue in self._queues}
        for call in self._live.going_on():
            if call.connected_at is None and call.place is not None:
                name = self._queues.by_id(call.entry.queue_id).name
                count, longest = waiting[name]
                waiting[name] = (count + 1, max(longest, now - call.entry.first_arrived_at))
        return waiting
