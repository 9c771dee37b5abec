"""What an operator can ask for and change: agents, queues and calls, as documents for API and command line.

The same functions serve the running service and the command line beside a database that nobody runs on. Every
document is made of what JSON knows; times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from loguru import logger
from sqlalchemy import Engine

from callengine import greenlets
from callengine.callcenter import pruning, staff
from callengine.callcenter.calls import Calls
from callengine.callcenter.staff import NewAgent
from callengine.clock import Clock
from callengine.db.committer import Committer
from callengine.db.engine import reading
from callengine.db.repositories import agents, legs, looking_up, offers, queues
from callengine.db.repositories import bindings as binding_rows
from callengine.db.repositories.agents import AgentRecord
from callengine.db.repositories.queues import QueueRecord
from callengine.errors import CallNotFound, NotAllowed, QueueNotFound
from callengine.vocabulary import AgentState, CallState

Document = dict[str, Any]

OPERATOR = "operator"
"""The cause in the record of a call that somebody has ended from outside."""
_REASON = 'SIP;cause=200;text="Ended by the operator"'
_HEXADECIMAL = frozenset("0123456789abcdef")


class Administration:
    """`live` are the calls of the running service, None where no service runs; `node` is whose they are."""

    def __init__(
        self,
        *,
        engine: Engine,
        committer: Committer,
        clock: Clock,
        realm: str,
        node: str,
        live: Calls | None = None,
    ) -> None:
        self._engine = engine
        self._committer = committer
        self._clock = clock
        self._realm = realm
        self._node = node
        self._live = live

    # Agents

    def agents(self) -> list[Document]:
        """All agents by name, with their state and phones."""
        now = self._clock.now()
        with reading(self._engine) as connection:
            return [
                _agent(record, binding_rows.live_bindings(connection, record.id, now))
                for record in agents.read_agents(connection)
            ]

    def add_agents(self, newcomers: Sequence[NewAgent], *, by: str) -> None:
        """Add all of them, or none. Raises `NotAllowed`, `AgentExists`, `QueueNotFound`."""
        for newcomer in newcomers:
            if newcomer.realm != self._realm:
                raise NotAllowed(f"the secret is for the realm {newcomer.realm}; ours is {self._realm}")
        self._committer.commit(partial(staff.add_all, newcomers=newcomers, by=by))

    def remove_agent(self, name: str, *, by: str) -> None:
        """Raises `AgentNotFound`, and `NotAllowed` while it has an offer or a call."""
        self._committer.commit(partial(staff.remove, name=name, by=by))

    def pause_agent(self, name: str, *, reason: str, by: str) -> None:
        """Raises `AgentNotFound`, and `NotAllowed` while it is offline or has an offer or a call."""
        self._committer.commit(partial(staff.pause, name=name, reason=reason, by=by))

    def resume_agent(self, name: str, *, by: str) -> None:
        """Raises `AgentNotFound`, and `NotAllowed` unless it is paused or available."""
        self._committer.commit(partial(staff.resume, name=name, by=by))

    # Queues

    def queues(self) -> list[Document]:
        """All queues by name: what they are set to, who waits, and who could serve them."""
        with reading(self._engine) as connection:
            waiting = looking_up.waiting_by_queue(connection, self._node)
            people = agents.read_agents(connection)
            return [self._queue(each, waiting, people) for each in queues.read_queues(connection)]

    def queue(self, name: str) -> Document:
        """One queue, and its callers in the order in which they are served; raises `QueueNotFound`."""
        found = next((each for each in self.queues() if each["name"] == name), None)
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
            "strategy": record.strategy,
            "capacity": record.capacity,
            "max_wait_time_seconds": record.max_wait_time_seconds,
            "ring_timeout_seconds": record.ring_timeout_seconds,
            "wrap_up_seconds": record.wrap_up_seconds,
        }

    # Calls

    def calls(self, *, latest: int | None = None) -> list[Document]:
        """The calls that are alive, oldest first; or the `latest` of all calls, the latest first."""
        with reading(self._engine) as connection:
            if latest is None:
                return looking_up.live_calls(connection, self._node)
            return looking_up.latest_calls(connection, latest)

    def call(self, prefix: str) -> Document:
        """One call with its legs, offers and events; its id may be cut short. Raises `CallNotFound`."""
        record = self._find(prefix)
        with reading(self._engine) as connection:
            return {
                **record,
                "legs": [_leg(row) for row in legs.of_call(connection, record["id"])],
                "offers": list(reversed(offers.of_call(connection, record["id"]))),
                "events": looking_up.events_of_call(connection, record["id"]),
            }

    def hang_up_call(self, prefix: str, *, by: str) -> str:
        """End a call that is alive; its id. The cause is `operator`. Raises `CallNotFound`, `NotAllowed`."""
        record = self._find(prefix)
        if record["state"] == CallState.ENDED:
            raise NotAllowed(f"the call {record['id']} has ended already")
        call = self._live.find(record["id"]) if self._live else None
        if call is None:
            raise NotAllowed("a call can be hung up only while the service runs that has it")
        logger.info("the call {} is hung up by {}", call.id, by)
        call.told_to_end = OPERATOR
        greenlets.spawn("hang_up", _hang_up, call.caller.session.hang_up)
        return call.id

    # The database

    def prune(self, *, before: float, by: str) -> Document:
        """Remove the calls that ended before that time, and older events; how many of both."""
        return asdict(pruning.prune(self._committer, before=before, by=by))

    def count_old_calls(self, *, before: float) -> int:
        """How many calls `prune` would remove."""
        return pruning.count_old_calls(self._committer, before=before)

    def _find(self, prefix: str) -> Document:
        if not prefix or not _HEXADECIMAL.issuperset(prefix):
            raise CallNotFound(
                f"{prefix!r} is no call's id; allowed: hexadecimal digits, the first few will do"
            )
        with reading(self._engine) as connection:
            found = looking_up.calls_beginning(connection, prefix)
        if len(found) != 1:
            what = "no call" if not found else "more than one call"
            raise CallNotFound(f"there is {what} whose id begins with {prefix}")
        return found[0]


def _hang_up(hang_up: Callable[..., bool]) -> None:
    hang_up(reason=_REASON)


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


_OF_LEG = (
    "id",
    "role",
    "direction",
    "state",
    "transport",
    "host",
    "port",
    "sip_call_id",
    "codec",
    "created_at",
    "answered_at",
    "ended_at",
    "end_cause",
)


def _leg(row: Mapping[str, Any]) -> Document:
    return {name: row[name] for name in _OF_LEG}
