"""Dispatch: brings callers who wait and agents who are free together, when something happens.

One greenlet decides. It wakes when a caller joins a line, when an agent becomes free, or when a caller may be
offered again to an agent that missed it; a sweep at a fixed interval is the safety net, which in a healthy
system finds nothing. Deciding only reads memory and never waits. The agent that is chosen is held, so that
it is not chosen twice, until the caller's story has made the claim; the database decides whether it holds.
"""

from __future__ import annotations

from collections.abc import Sequence

from gevent.event import Event
from gevent.pool import Group

from callengine import greenlets
from callengine.callcenter.calls import Entry
from callengine.callcenter.queues import Queue, Queues
from callengine.callcenter.roster import Agent, Roster
from callengine.callcenter.routing import Candidate
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


class Dispatch:
    """Decides for all queues of this node; `sweep_seconds` is the interval of the safety net."""

    def __init__(self, queues: Queues, roster: Roster, *, clock: Clock, sweep_seconds: float = 1.0) -> None:
        self._queues = queues
        self._roster = roster
        self._clock = clock
        self._sweep_seconds = sweep_seconds
        self._changed: dict[int, Queue] = {}
        self._wake = Event()
        self._group = Group()
        self._stopping = False
        self._retrying: set[Entry] = set()
        """Those in line who are waiting for a second try with an agent that missed them."""
        roster.on_free = self._agent_freed

    def start(self) -> None:
        """Begin to decide, with a look at every line."""
        greenlets.spawn("dispatch", self._run, owner=self._group)
        for queue in self._queues:
            self._mark(queue)

    def stop(self) -> None:
        """End the deciding greenlet; callers who wait go on waiting until their story ends."""
        self._stopping = True
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
        if entry.missed:
            self._retrying.add(entry)
        self._mark(queue)
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
        if any(other.rank() < entry.rank() for other in queue.line):
            return []
        agent_id = self._choose(queue, entry, self._roster.candidates(queue.id))
        if agent_id is None:
            return []
        self._assign(queue, entry, self._roster.by_id(agent_id))
        return [self._roster.by_id(each) for each in entry.chosen]

    def interrupt(self, entry: Entry, why: str) -> None:
        """Take a caller who waits out of the line: its `wait_for_agents` raises `TakenOutOfLine(why)`.

        Agents that were chosen for it in this moment are free again. Harmless if it waits no longer.
        """
        queue = self._queues.by_id(entry.queue_id)
        if entry in queue.line:
            self._take_out(queue, entry)
            entry.taken_out = why
            entry.assigned.set()

    def stand_again(self, entry: Entry) -> None:
        """Put a caller who waits, and stands in no line, into its line; harmless if it stands there."""
        queue = self._queues.by_id(entry.queue_id)
        if entry not in queue.line:
            queue.line.join(entry)
            self._mark(queue)

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
        self._retrying.discard(entry)

    def _agent_freed(self, queue_id: int) -> None:
        self._mark(self._queues.by_id(queue_id))

    def _mark(self, queue: Queue) -> None:
        self._changed[queue.id] = queue
        self._wake.set()

    def _run(self) -> None:
        while not self._stopping:
            if not self._wake.wait(self._until_next_look()):
                self._sweep()
            self._wake.clear()
            self._decide()

    def _decide(self) -> None:
        while self._changed:
            self._serve(self._first_of_changed())

    def _until_next_look(self) -> float:
        now = self._clock.monotonic()
        waits = (entry.retry_at - now for entry in self._retrying if entry.retry_at > now)
        return min(self._sweep_seconds, min(waits, default=self._sweep_seconds))

    def _sweep(self) -> None:
        for queue in self._queues:
            if len(queue.line):
                self._changed[queue.id] = queue

    def _first_of_changed(self) -> Queue:
        """Of several queues that an agent may serve, the one whose first caller came first."""
        queue = min(self._changed.values(), key=_first_rank)
        del self._changed[queue.id]
        return queue

    def _serve(self, queue: Queue) -> None:
        for entry in queue.line:
            candidates = self._roster.candidates(queue.id)
            if not candidates:
                return
            agent_id = self._choose(queue, entry, candidates)
            if agent_id is not None:
                self._assign(queue, entry, self._roster.by_id(agent_id))

    def _choose(self, queue: Queue, entry: Entry, candidates: Sequence[Candidate]) -> int | None:
        missed_before = None
        for candidate in queue.strategy(candidates, queue.last_agent_id):
            if candidate.agent_id == entry.made_by:
                continue
            if candidate.agent_id not in entry.missed:
                return candidate.agent_id
            missed_before = missed_before or candidate
        if missed_before is None or self._clock.monotonic() < entry.retry_at:
            return None
        entry.missed.clear()
        return missed_before.agent_id

    def _assign(self, queue: Queue, entry: Entry, agent: Agent) -> None:
        self._take_out(queue, entry)
        self._roster.hold(agent)
        entry.chosen = (agent.id,)
        entry.assigned.set()


def _first_rank(queue: Queue) -> tuple[float, float, str]:
    for entry in queue.line:
        return entry.rank()
    return (float("inf"), 0.0, "")
