"""Agents, as an operator sees and changes them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from sqlalchemy import Engine

from callengine.callcenter import assignments, staff
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
    """`realm` is the one to which the agents' secrets must bind, `pause_reasons` what they are paused for."""

    def __init__(
        self,
        *,
        engine: Engine,
        committer: Committer,
        clock: Clock,
        realm: str,
        pause_reasons: Collection[str] = (),
    ) -> None:
        self._pause_reasons = pause_reasons
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

    def set_max_calls(self, name: str, calls: int, *, by: str) -> None:
        """See `staff.set_max_calls`."""
        self._committer.commit(partial(staff.set_max_calls, name=name, calls=calls, by=by))

    def assign(
        self, name: str, queue: str, *, tier: int | None = None, position: int | None = None, by: str
    ) -> None:
        """See `assignments.assign`."""
        self._committer.commit(
            partial(assignments.assign, name=name, queue=queue, tier=tier, position=position, by=by)
        )

    def unassign(self, name: str, queue: str, *, by: str) -> None:
        """See `assignments.unassign`."""
        self._committer.commit(partial(assignments.unassign, name=name, queue=queue, by=by))

    def set_skill(self, name: str, skill: str, level: int, *, by: str) -> None:
        """See `assignments.set_skill`."""
        self._committer.commit(partial(assignments.set_skill, name=name, skill=skill, level=level, by=by))

    def sign_on(self, name: str, *, by: str) -> None:
        """See `staff.sign_on`."""
        self._committer.commit(partial(staff.sign_on, name=name, by=by))

    def sign_off(self, name: str, *, by: str) -> None:
        """See `staff.sign_off`."""
        self._committer.commit(partial(staff.sign_off, name=name, by=by))

    def pause(self, name: str, *, reason: str, by: str, after_call: bool = False) -> None:
        """See `staff.pause`; the reason must be one of ours, if we have any."""
        self._committer.commit(
            partial(
                staff.pause,
                name=name,
                reason=reason,
                by=by,
                after_call=after_call,
                reasons=self._pause_reasons,
            )
        )

    def resume(self, name: str, *, by: str) -> None:
        """See `staff.resume`."""
        self._committer.commit(partial(staff.resume, name=name, by=by))

    def end_wrap_up(self, name: str, *, code: str | None = None, by: str) -> None:
        """See `staff.end_wrap_up`."""
        self._committer.commit(partial(staff.end_wrap_up, name=name, code=code, by=by))

    def extend_wrap_up(self, name: str, *, seconds: float, by: str) -> None:
        """See `staff.extend_wrap_up`."""
        self._committer.commit(partial(staff.extend_wrap_up, name=name, seconds=seconds, by=by))

    def set_wrap_up_code(self, name: str, *, code: str, by: str) -> None:
        """See `staff.set_wrap_up_code`."""
        self._committer.commit(partial(staff.set_wrap_up_code, name=name, code=code, by=by))


def _agent(record: AgentRecord, phones: Sequence[binding_rows.BindingRecord]) -> Document:
    return {
        "name": record.name,
        "state": record.state,
        "state_since": record.state_since,
        "signed_on": record.signed_on,
        "pause_reason": record.pause_reason,
        "pause_next_reason": record.pause_next_reason,
        "wrap_up_until": record.wrap_up_until,
        "missed_in_row": record.missed_in_row,
        "delayed_until": record.delayed_until,
        "delayed_after": record.delayed_after,
        "load": record.load,
        "max_concurrent_calls": record.max_concurrent_calls,
        "queues": [place.queue for place in record.queues],
        "places": [
            {"queue": place.queue, "tier": place.tier, "position": place.position} for place in record.queues
        ],
        "skills": dict(record.skills),
        "calls_handled": record.calls_handled,
        "talk_seconds": record.talk_seconds,
        "counted_on": record.counted_on,
        "phones": [{"contact": phone.contact, "expires_at": phone.expires_at} for phone in phones],
    }
