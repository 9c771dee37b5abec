"""The queues: what each one is set to, and the line of callers that wait in it."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from callengine.callcenter.calls import Entry
from callengine.callcenter.routing import STRATEGIES, Strategy
from callengine.db.repositories.queues import QueueRecord, QueueRules
from callengine.errors import QueueNotFound


@dataclass(eq=False)
class Queue:
    """A queue of this node; while it is served its `rules` may be replaced."""

    id: int
    name: str
    rules: QueueRules
    last_agent_id: int | None = None
    """The round-robin pointer; its truth is the queue's row."""
    is_removed: bool = False
    """Nobody joins it any more; who waits in it is served."""
    line: Line = field(default_factory=lambda: Line())

    @property
    def strategy(self) -> Strategy:
        """By which its free agents are put in order."""
        return STRATEGIES[self.rules.strategy]


class Line:
    """Who waits in one queue, in the order in which they are to be served.

    Higher priority first, then earlier first arrival; a caller who was offered and not answered comes back
    to the same place, because its first arrival has not changed.
    """

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def join(self, entry: Entry) -> None:
        """Put the caller at its place."""
        insort(self._entries, entry, key=Entry.rank)

    def leave(self, entry: Entry) -> None:
        """Take the caller out, wherever it stands; harmless if it is not there."""
        if entry in self._entries:
            self._entries.remove(entry)

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)


class Queues:
    """The queues served here, by name and by key."""

    def __init__(self, queues: Iterable[Queue] = ()) -> None:
        self._by_name = {queue.name: queue for queue in queues}
        self._by_id = {queue.id: queue for queue in self._by_name.values()}

    def take_over(self, records: Iterable[QueueRecord]) -> None:
        """Make the queues as their rows are; whoever waits keeps place and waiting time."""
        for record in records:
            queue = self._by_id.get(record.id)
            if queue is None:
                queue = Queue(record.id, record.name, record.rules, record.last_agent_id)
                queue.is_removed = record.is_removed
                self._by_id[record.id] = self._by_name[record.name] = queue
            else:
                queue.rules, queue.is_removed = record.rules, record.is_removed

    def find(self, name: str) -> Queue:
        """The queue of this name, unless it is removed; raises `QueueNotFound`."""
        queue = self._by_name.get(name)
        if queue is None or queue.is_removed:
            raise QueueNotFound(f"there is no queue {name!r}")
        return queue

    def get(self, name: str) -> Queue | None:
        """The queue of this name, if there is one."""
        return self._by_name.get(name)

    def by_id(self, queue_id: int) -> Queue:
        """The queue with this key; raises `QueueNotFound`."""
        try:
            return self._by_id[queue_id]
        except KeyError:
            raise QueueNotFound(f"there is no queue with the key {queue_id}") from None

    def __iter__(self) -> Iterator[Queue]:
        return iter(self._by_name.values())
