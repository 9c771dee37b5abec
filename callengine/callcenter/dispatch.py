"""Dispatch: brings callers who wait and agents who are free together, when something happens.

One greenlet decides. It wakes when a caller joins a line, when an agent becomes free, and when the time has
come at which more agents may be offered to a caller than before: a tier opens, fewer skills are required, the
wait for a preferred agent is over, an agent that missed the call may be tried again. What a wake looks at is
only what it tells of: the caller, or the lines of the agent's queues.

So between two wakes there is no caller and no free agent who could be brought together; a sweep at a fixed
interval is the safety net, which in a healthy system finds nothing. Deciding only reads memory and never
waits. An agent that is chosen is held, so that it is not chosen twice, until the caller's story has made the
claim; the database decides whether it holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import merge
from math import inf

from gevent.event import Event
from gevent.pool import Group
from loguru import logger

from callengine import greenlets
from callengine.callcenter.calls import Entry
from callengine.callcenter.choosing import Choice, Look
from callengine.callcenter.queues import Queue, Queues, Rank
from callengine.callcenter.roster import Agent, Roster
from callengine.callcenter.routing.deadlines import Deadlines
from callengine.callcenter.routing.strategies import Strategies
from callengine.clock import Clock
from callengine.sip.session import Session

SAME_CALL_AGAIN_AFTER = 1.0
"""Seconds before an agent that missed a call is offered the same one again, if no other is free."""


class WaitedTooLong(Exception):
    """The caller has waited as long as the queue allows."""


class TakenOutOfLine(Exception):
    """Somebody took the caller out of the line; `why` is what `interrupt` was told."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass
class _ToLookAt:
    """What has happened since the last look."""

    queues: dict[int, Queue] = field(default_factory=dict)
    """Those for which an agent became free: anybody in their lines may be served."""
    entries: dict[Entry, Queue] = field(default_factory=dict)
    """Callers who joined, or for whom more agents may be found than before."""


class Dispatch:
    """Decides for all queues of this node; `sweep_seconds` is the interval of the safety net."""

    def __init__(
        self,
        queues: Queues,
        roster: Roster,
        *,
        clock: Clock,
        strategies: Strategies | None = None,
        sweep_seconds: float = 1.0,
    ) -> None:
        self._queues = queues
        self._roster = roster
        self._clock = clock
        self._strategies = strategies or Strategies()
        self._sweep_seconds = sweep_seconds
        self._to_look_at = _ToLookAt()
        self._deadlines: Deadlines[Entry] = Deadlines()
        self._complaints: list[tuple[str, str, str]] = []
        self._wake = Event()
        self._stopped = False
        self._group = Group()
        self.found_by_sweep = 0
        """How many callers were served that no event had told of."""
        roster.on_free = self._agent_freed

    def start(self) -> None:
        """Begin to decide, with a look at every line."""
        self.take_over_rules()
        greenlets.spawn("dispatch", self._run, owner=self._group)

    def stop(self) -> None:
        """End the deciding greenlet; callers who wait go on waiting until their story ends."""
        self._stopped = True
        self._wake.set()
        self._group.join()

    def wait_for_agents(self, entry: Entry, caller: Session) -> list[Agent]:
        """Wait in line until agents are chosen, and hold them for the caller's claims.

        Raises `HungUp` if the caller's leg ends, `WaitedTooLong` at the entry's time, `TakenOutOfLine` after
        `interrupt`; the entry is out of the line whichever way this ends. Each agent must be let go with
        `decided`.
        """
        queue = self._queues.by_id(entry.queue_id)
        entry.begin_to_wait()
        queue.line.join(entry)
        self._look_at(queue, entry)
        try:
            seconds = max(0.0, entry.gives_up_at - self._clock.now())
            if not caller.wait(entry.assigned, timeout=seconds):
                raise WaitedTooLong
            if entry.taken_out is not None:
                raise TakenOutOfLine(entry.taken_out)
        except BaseException:
            self._leave(queue, entry)
            raise
        return [self._roster.by_id(each) for each in entry.chosen]

    def choose_at_once(self, entry: Entry) -> list[Agent]:
        """The agents for a caller who stands in no line yet, held as by `wait_for_agents`; none if it must.

        It must stand in line while somebody who ranks before it waits in its queue, or no agent is free.
        """
        self._decide()
        queue = self._queues.by_id(entry.queue_id)
        rank = queue.rank(entry)
        if any(queue.rank(other) < rank for other in queue.line):
            return []
        entry.begin_to_wait()
        choice = self._new_look().choose(queue, entry)
        if choice is not None:
            self._assign(queue, entry, choice)
        return [self._roster.by_id(each) for each in entry.chosen]

    def interrupt(self, entry: Entry, why: str) -> None:
        """Take a caller who waits out of the line: its `wait_for_agents` raises `TakenOutOfLine(why)`.

        Harmless if it waits no longer: then agents have been chosen for it.
        """
        queue = self._queues.by_id(entry.queue_id)
        if entry in queue.line:
            self._take_out(queue, entry)
            entry.taken_out = why
            entry.assigned.set()

    def is_in_line(self, entry: Entry) -> bool:
        """Whether it waits, and nobody is chosen for it."""
        return entry in self._queues.by_id(entry.queue_id).line

    def stand_again(self, entry: Entry) -> None:
        """Put a caller who waits, and stands in no line, into its line; harmless if it stands there."""
        queue = self._queues.by_id(entry.queue_id)
        if entry not in queue.line:
            queue.line.join(entry)
            self._look_at(queue, entry)

    def take_over_rules(self) -> None:
        """The queues' rules are new: their strategies are learned, and anybody in line may be served."""
        for problem in self._strategies.learn(queue.rules.strategy for queue in self._queues):
            logger.error("a strategy is missing: {}; round robin decides in its place", problem)
        for queue in self._queues:
            self._agent_freed(queue.id)

    def decided(self, agent: Agent) -> None:
        """The claim for which the agent was held has been committed or refused."""
        self._roster.let_go(agent)

    def missed(self, entry: Entry, agent_id: int) -> None:
        """The offer came to nothing: others first, and the same one not at once."""
        entry.missed.add(agent_id)
        entry.retry_at = self._clock.monotonic() + SAME_CALL_AGAIN_AFTER

    def _leave(self, queue: Queue, entry: Entry) -> None:
        self._take_out(queue, entry)
        if entry.assigned.is_set():
            for agent in map(self._roster.by_id, entry.chosen):
                self._roster.let_go(agent)

    def _take_out(self, queue: Queue, entry: Entry) -> None:
        queue.line.leave(entry)
        self._deadlines.drop(entry)

    def _agent_freed(self, queue_id: int) -> None:
        queue = self._queues.get(queue_id)
        if queue is not None:
            self._to_look_at.queues[queue_id] = queue
            self._wake.set()

    def _look_at(self, queue: Queue, entry: Entry) -> None:
        self._to_look_at.entries[entry] = queue
        self._wake.set()

    def _run(self) -> None:
        sweep_at = self._clock.monotonic() + self._sweep_seconds
        while not self._stopped:
            until_sweep = max(0.0, sweep_at - self._clock.monotonic())
            until_deadline = self._until_next_deadline()
            is_woken = self._wake.wait(min(until_sweep, until_deadline))
            self._wake.clear()
            self._decide_what_is_due()
            is_idle = not is_woken and until_sweep <= until_deadline
            if is_idle or self._clock.monotonic() >= sweep_at:
                self._sweep()
                sweep_at = self._clock.monotonic() + self._sweep_seconds
            self._tell_complaints()

    def _until_next_deadline(self) -> float:
        earliest = self._deadlines.earliest()
        return inf if earliest is None else max(0.0, earliest - self._clock.monotonic())

    def _decide_what_is_due(self) -> None:
        for entry in self._deadlines.due(self._clock.monotonic()):
            self._look_at(self._queues.by_id(entry.queue_id), entry)
        self._decide()

    def _sweep(self) -> None:
        self._to_look_at.queues.update((queue.id, queue) for queue in self._queues if len(queue.line))
        found = self._decide()
        if found:
            self.found_by_sweep += found
            logger.warning("the sweep found {} callers for whom an agent was free", found)

    def _decide(self) -> int:
        """Serve whoever can be served by what has happened; how many were."""
        served = 0
        while self._to_look_at.queues or self._to_look_at.entries:
            to_look_at, self._to_look_at = self._to_look_at, _ToLookAt()
            look = self._new_look()
            for _rank, queue, entry in self._in_order(to_look_at):
                choice = look.choose(queue, entry)
                if choice is not None:
                    self._assign(queue, entry, choice)
                    served += 1
                elif (again_at := look.again_at(queue, entry)) is not None:
                    self._deadlines.set(entry, again_at)
        return served

    def _new_look(self) -> Look:
        return Look(
            self._roster,
            self._strategies,
            now=self._clock.now(),
            monotonic=self._clock.monotonic(),
            on_failure=self._complain,
        )

    def _in_order(self, to_look_at: _ToLookAt) -> Iterator[tuple[Rank, Queue, Entry]]:
        """The callers to be looked at, as they rank over all queues."""
        lines = [self._ranked(queue) for queue in to_look_at.queues.values()]
        single = [
            (queue.rank(entry), queue, entry)
            for entry, queue in to_look_at.entries.items()
            if queue.id not in to_look_at.queues
            and entry in queue.line
            and self._roster.free.any_of(queue.id)
        ]
        return merge(*lines, sorted(single, key=_rank), key=_rank)

    def _ranked(self, queue: Queue) -> Iterator[tuple[Rank, Queue, Entry]]:
        for entry in queue.line:
            if not self._roster.free.any_of(queue.id):
                return
            yield queue.rank(entry), queue, entry

    def _assign(self, queue: Queue, entry: Entry, choice: Choice) -> None:
        self._take_out(queue, entry)
        for agent in map(self._roster.by_id, choice.agent_ids):
            self._roster.hold(agent)
        queue.last_agent_id = choice.agent_ids[0]
        entry.chosen, entry.decision = choice
        entry.assigned.set()

    def _complain(self, entry: Entry, why: str) -> None:
        """Remember what is to be logged, once for each call: deciding does not wait, and logging may."""
        if not entry.is_complained_of:
            entry.is_complained_of = True
            queue = self._queues.by_id(entry.queue_id)
            self._complaints.append((queue.rules.strategy, queue.name, why))

    def _tell_complaints(self) -> None:
        complaints, self._complaints = self._complaints, []
        for strategy, queue, why in complaints:
            logger.error("the strategy {} of queue {} failed: {}; round robin decided", strategy, queue, why)


def _rank(found: tuple[Rank, Queue, Entry]) -> Rank:
    return found[0]
