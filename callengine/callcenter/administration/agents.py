"""Agents, as an operator sees and changes them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Engine

from callengine.callcenter import staff
from callengine.callcenter.administration.document import Document
from callengine.callcenter.staff import NewAgent
from callengine.clock import Clock
from callengine.db.committer import Committer
from callengine.db.engine import reading
from callengine.db.repositories import agents
from callengine.db.repositories import bindings as binding_rows
from callengine.db.repositories.agents import AgentRecord
from callengine.errors import NotAllowed


class AgentDesk:
    """`realm` is the one to which the agents' secrets must bind."""

    def __init__(self, *, engine: Engine, committer: Committer, clock: Clock, realm: str) -> None:
        self._engine = engine
        self._committer = committer
        self._clock = clock
        self._realm = realm

    def list_all(self) -> list[Document]:
        """All agents by name, with their state and phones."""
        now = self._clock.now()
        with reading(self._engine) as connection:
            return [
                _agent(record, binding_rows.live_bindings(connection, record.id, now))
                for record in agents.read_agents(connection)
            ]

    def add(self, newcomers: Sequence[NewAgent], *, by: str) -> None:
        """Add all of them, or none. Raises `NotAllowed`, `AgentExists`, `QueueNotFound`."""
        for newcomer in newcomers:
            if newcomer.realm != self._realm:
                raise NotAllowed(f"the secret is for the realm {newcomer.realm}; ours is {self._realm}")
        self._committer.commit(partial(staff.add_all, newcomers=newcomers, by=by))

    def remove(self, name: str, *, by: str) -> None:
        """Raises `AgentNotFound`, and `NotAllowed` while it has an offer or a call."""
        self._committer.commit(partial(staff.remove, name=name, by=by))

    def pause(self, name: str, *, reason: str, by: str) -> None:
        """Raises `AgentNotFound`, and `NotAllowed` while it is offline or has an offer or a call."""
        self._committer.commit(partial(staff.pause, name=name, reason=reason, by=by))

    def resume(self, name: str, *, by: str) -> None:
        """Raises `AgentNotFound`, and `NotAllowed` unless it is paused or available."""
        self._committer.commit(partial(staff.resume, name=name, by=by))


def _agent(record: AgentRecord, phones: Sequence[binding_rows.BindingRecord]) -> Document:
    return {
        "name": record.name,
        "state": record.state,
        "state_since": record.state_since,
        "pause_reason": record.pause_reason,
        "load": record.load,
        "max_concurrent_calls": record.max_concurrent_calls,
        "queues": [place.queue for place in record.queues],
        "skills": dict(record.skills),
        "phones": [{"contact": phone.contact, "expires_at": phone.expires_at} for phone in phones],
    }
