"""Queues, as an operator sees and changes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Protocol

from sqlalchemy import Connection, Engine

from callengine.callcenter.administration.document import Document
from callengine.clock import Clock
from callengine.db.committer import Committer
from callengine.db.engine import reading
from callengine.db.repositories import agents, looking_up, queues
from callengine.db.repositories.agents import AgentRecord
from callengine.db.repositories.queues import QueueRecord, QueueRules
from callengine.errors import NotAllowed, QueueNotFound
from callengine.vocabulary import AgentState


class Book(Protocol):
    """What holds queues of the database to the rules of the settings; see `queue_book.QueueBook`."""

    def rules(
        self,
        name: str,
        given: Mapping[str, str],
        present: QueueRules | None,
        others: Mapping[str, QueueRules],
    ) -> QueueRules: ...

    def uses(self, name: str, others: Mapping[str, QueueRules]) -> list[str]: ...

    @property
    def ageing_points_per_minute(self) -> float: ...


class QueueDesk:
    """`node` is whose callers are shown; `after_change` has a running service take over what was changed."""

    def __init__(
        self,
        *,
        engine: Engine,
        committer: Committer,
        clock: Clock,
        node: str,
        book: Book,
        after_change: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._committer = committer
        self._clock = clock
        self._node = node
        self._book = book
        self._after_change = after_change

    def add(self, name: str, given: Mapping[str, str]) -> None:
        """A queue of the database; `given` are settings of it, each as in a variable.

        Raises `SettingsError`, and `NotAllowed` if there is one of that name.
        """
        rules = self._book.rules(name, given, None, self._all_rules())
        self._committer.commit(partial(queues.add_queue, name=name, rules=rules))
        self._after_change()

    def change(self, name: str, given: Mapping[str, str]) -> None:
        """Change a queue of the database. Raises `SettingsError`, `QueueNotFound`, `NotAllowed`."""
        present = self._all_rules()
        if name not in present:
            raise QueueNotFound(f"there is no queue {name!r}")
        rules = self._book.rules(name, given, present[name], present)
        self._committer.commit(partial(queues.change_queue, name=name, rules=rules))
        self._after_change()

    def remove(self, name: str) -> None:
        """Remove a queue of the database. Raises `QueueNotFound`, and `NotAllowed` while it is in use."""
        uses = self._book.uses(name, self._all_rules())
        if uses:
            raise NotAllowed(f"{', '.join(uses)} lead to the queue {name!r}")
        self._committer.commit(partial(queues.remove_queue, name=name))
        self._after_change()

    def _all_rules(self) -> dict[str, QueueRules]:
        with reading(self._engine) as connection:
            return {each.name: each.rules for each in queues.read_queues(connection) if not each.is_removed}

    def list_all(self) -> list[Document]:
        """All queues by name: what they are set to, who waits, and who could serve them.

        One that is removed is among them until it is empty.
        """
        with reading(self._engine) as connection:
            waiting = looking_up.waiting_by_queue(connection, self._node)
            people = agents.read_agents(connection)
            records = [each for each in queues.read_queues(connection) if not each.is_removed or each.depth]
            return [self._queue(each, waiting, people) for each in records]

    def show(self, name: str) -> Document:
        """One queue, and its callers in the order in which they are served; raises `QueueNotFound`."""
        found = next((each for each in self.list_all() if each["name"] == name), None)
        if found is None:
            raise QueueNotFound(f"there is no queue {name!r}")
        with reading(self._engine) as connection:
            return {**found, "line": self.line(connection, found["id"])}

    def line(self, connection: Connection, queue_id: int) -> list[Document]:
        """Who waits in a queue or is offered, in the order in which they are served."""
        rate = self._book.ageing_points_per_minute
        return looking_up.line(connection, queue_id, ageing_points_per_minute=rate)

    def _queue(
        self, record: QueueRecord, waiting: Mapping[int, tuple[int, float]], people: Sequence[AgentRecord]
    ) -> Document:
        count, first = waiting.get(record.id, (0, None))
        members = [each for each in people if any(place.queue_id == record.id for place in each.queues)]
        return {
            "id": record.id,
            "name": record.name,
            "source": record.source,
            "removed": record.is_removed,
            "waiting": count,
            "longest_wait_seconds": 0.0 if first is None else max(0.0, self._clock.now() - first),
            "agents": len(members),
            "signed_on": sum(each.state is not AgentState.OFFLINE for each in members),
            "available": sum(each.state is AgentState.AVAILABLE for each in members),
            **asdict(record.rules),
        }
