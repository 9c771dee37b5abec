"""The queues: what each one is set to, and the line of callers that wait in it."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from callengine.callcenter.calls import Entry
from callengine.callcenter.routing import skills
from callengine.db.repositories.queues import QueueRecord, QueueRules
from callengine.errors import QueueNotFound

Rank = tuple[int, float, float, str]
"""Who has the lower one is served before."""


@dataclass(eq=False)
class Queue:
    """A queue of this node; while it is served its `rules` may be replaced."""

    id: int
    name: str
    rules: QueueRules
    last_agent_id: int | None = None
    """The round-robin pointer; its truth is the queue's row."""
    ageing_points_per_minute: float = 0.0
    """By how much a caller grows more urgent in a minute; the same in all queues."""
    is_removed: bool = False
    """Nobody joins it any more; who waits in it is served."""
    line: Line = field(init=False)
    _steps: tuple[tuple[object, ...], tuple[skills.Step, ...]] = field(default=((), ()), init=False)

    def __post_init__(self) -> None:
        self.line = Line(self.rank)

    @property
    def steps(self) -> tuple[skills.Step, ...]:
        """What its callers need an agent to know, as they wait; read once."""
        written, steps = self._steps
        if written is not self.rules.skills:
            steps = skills.read_steps(self.rules.skills)
            self._steps = (self.rules.skills, steps)
        return steps

    def rank(self, entry: Entry) -> Rank:
        """What orders callers, over all queues: weight, effective priority, first arrival.

        All grow more urgent at the same rate, so who ranks before whom does not change with time, and the
        priority that a caller would have had at the epoch says as much as the one it has now.
        """
        aged = self.ageing_points_per_minute / 60 * entry.first_arrived_at
        priority = entry.priority + self.rules.priority_base - aged
        return (-self.rules.weight, -priority, entry.first_arrived_at, entry.id)


class Line:
    """Who waits in one queue, in the order in which they are to be served.

    Higher priority first, then earlier first arrival; a caller who was offered and not answered comes back
    to the same place, because its first arrival has not changed.
    """

    def __init__(self, rank: Callable[[Entry], Rank]) -> None:
        self._rank = rank
        self._entries: list[Entry] = []
        self._inside: set[Entry] = set()

    def join(self, entry: Entry) -> None:
        """Put the caller at its place."""
        insort(self._entries, entry, key=self._rank)
        self._inside.add(entry)

    def order_again(self) -> None:
        """Put all at their places, since the rule by which they rank has changed."""
        self._entries.sort(key=self._rank)

    def leave(self, entry: Entry) -> None:
        """Take the caller out, wherever it stands; harmless if it is not there."""
        if entry in self._inside:
            self._inside.remove(entry)
            self._entries.remove(entry)

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries))

    def __contains__(self, entry: object) -> bool:
        return entry in self._inside

    def __len__(self) -> int:
        return len(self._entries)


class Queues:
    """The queues served here, by name and by key."""

    def __init__(self, queues: Iterable[Queue] = (), *, ageing_points_per_minute: float = 0.0) -> None:
        self._ageing_points_per_minute = ageing_points_per_minute
        self._by_name = {queue.name: queue for queue in queues}
        self._by_id = {queue.id: queue for queue in self._by_name.values()}

    def take_over(self, records: Iterable[QueueRecord]) -> None:
        """Make the queues as their rows are; whoever waits keeps place and waiting time."""
        for record in records:
            queue = self._by_id.get(record.id)
            if queue is None:
                queue = Queue(
                    record.id,
                    record.name,
                    record.rules,
                    record.last_agent_id,
                    self._ageing_points_per_minute,
                    record.is_removed,
                )
                self._by_id[record.id] = self._by_name[record.name] = queue
            else:
                queue.rules, queue.is_removed = record.rules, record.is_removed

    def age_by(self, points_per_minute: float) -> None:
        """Let callers grow more urgent at this rate; all who wait are put at their places again."""
        self._ageing_points_per_minute = points_per_minute
        for queue in self:
            queue.ageing_points_per_minute = points_per_minute
            queue.line.order_again()

    def find(self, name: str) -> Queue:
        """The queue of this name, unless it is removed; raises `QueueNotFound`."""
        queue = self._by_name.get(name)
        if queue is None or queue.is_removed:
            raise QueueNotFound(f"there is no queue {name!r}")
        return queue

    def named(self, name: str) -> Queue | None:
        """The queue of this name, if there is one."""
        return self._by_name.get(name)

    def get(self, queue_id: int) -> Queue | None:
        """The queue with this key, if it is served here."""
        return self._by_id.get(queue_id)

    def by_id(self, queue_id: int) -> Queue:
        """The queue with this key; raises `QueueNotFound`."""
        try:
            return self._by_id[queue_id]
        except KeyError:
            raise QueueNotFound(f"there is no queue with the key {queue_id}") from None

    def __iter__(self) -> Iterator[Queue]:
        return iter(self._by_name.values())
