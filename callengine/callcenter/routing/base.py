"""What a routing strategy is given and what it answers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from callengine.callcenter.routing.skills import NOTHING, Requirement


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """An agent that is free for a call of one queue. Times are seconds since the epoch."""

    agent_id: int
    """The agent's key; candidates come in ascending order of it."""
    available_since: float
    """When the agent became free."""
    name: str = ""
    position: int = 0
    """Its place in the queue's fixed order."""
    tier: int = 1
    levels: Mapping[str, int] = field(default_factory=dict)
    """Its level, 1 to 10, in each skill that it has."""
    calls_handled: int = 0
    """How many conversations it has had on the day `counted_on`."""
    talk_seconds: float = 0.0
    """How long it has talked on that day."""
    counted_on: str | None = None
    """The day (UTC, as in 2026-11-28) of the two counts."""

    def calls_on(self, day: str) -> int:
        """How many conversations it has had on `day`."""
        return self.calls_handled if self.counted_on == day else 0

    def talked_on(self, day: str) -> float:
        """How many seconds it has talked on `day`."""
        return self.talk_seconds if self.counted_on == day else 0.0


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller for whom agents are put in order, and where the queue stands."""

    queue: str
    priority: int = 0
    """The caller's own; higher is more urgent."""
    waited_seconds: float = 0.0
    """Since the caller joined this queue."""
    required: Requirement = NOTHING
    """The skills that are wanted at present; all candidates have them."""
    last_agent_id: int | None = None
    """The queue's durable pointer: the agent that was offered a call of this queue last."""


Order = Callable[[Caller, Sequence[Candidate], float], Iterable[Candidate]]
"""`(entry, candidates, now) -> candidates in the order in which they are to be tried`.

The candidates are those of one tier that have the skills; `now` is in seconds since the epoch. The order
should be lazy, since most often its first agent is the only one that matters. Who is left out of it is not
offered the call at present.
"""


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to choose among free agents."""

    order: Order
    rings_all: bool = False
    """Whether all of the order are offered the call at once, not its first alone."""
    is_own: bool = False
    """Whether it came by an entry point, so that nothing may rest on its being right."""


def day_of(now: float) -> str:
    """The day of a time in seconds since the epoch: UTC, as in 2026-11-28."""
    return datetime.fromtimestamp(now, UTC).date().isoformat()
