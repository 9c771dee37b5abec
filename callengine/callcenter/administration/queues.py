"""Queues, as an operator sees and changes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import Engine

from callengine.callcenter.administration.document import Document
from callengine.clock import Clock
from callengine.db.engine import reading
from callengine.db.repositories import agents, looking_up, queues
from callengine.db.repositories.agents import AgentRecord
from callengine.db.repositories.queues import QueueRecord
from callengine.errors import QueueNotFound
from callengine.vocabulary import AgentState


class QueueDesk:
    """`node` is whose callers are shown."""

    def __init__(self, *, engine: Engine, clock: Clock, node: str) -> None:
        self._engine = engine
        self._clock = clock
        self._node = node

    def list_all(self) -> list[Document]:
        """All queues by name: what they are set to, who waits, and who could serve them."""
        with reading(self._engine) as connection:
            waiting = looking_up.waiting_by_queue(connection, self._node)
            people = agents.read_agents(connection)
            return [self._queue(each, waiting, people) for each in queues.read_queues(connection)]

    def show(self, name: str) -> Document:
        """One queue, and its callers in the order in which they are served; raises `QueueNotFound`."""
        found = next((each for each in self.list_all() if each["name"] == name), None)
        if found is None:
            raise QueueNotFound(f"there is no queue {name!r}")
        with reading(self._engine) as connection:
            return {**found, "line": looking_up.line(connection, found["id"])}

    def _queue(
        self, record: QueueRecord, waiting: Mapping[int, tuple[int, float]], people: Sequence[AgentRecord]
    ) -> Document:
        count, first = waiting.get(record.id, (0, None))
        members = [each for each in people if any(place.queue_id == record.id for place in each.queues)]
        return {
            "id": record.id,
            "name": record.name,
            "source": record.source,
            "waiting": count,
            "longest_wait_seconds": 0.0 if first is None else max(0.0, self._clock.now() - first),
            "agents": len(members),
            "signed_on": sum(each.state is not AgentState.OFFLINE for each in members),
            "available": sum(each.state is AgentState.AVAILABLE for each in members),
            **asdict(record.rules),
        }
