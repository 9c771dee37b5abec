"""A random shift on a real database: agents and calls change by the service's own units, time by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Engine, insert

from callengine.callcenter import agents, staff
from callengine.db.committer import Committer
from callengine.db.models import Binding, Queue
from callengine.db.repositories.agents import add_agent
from callengine.db.repositories.memberships import assign, unassign
from callengine.db.transaction import Transaction
from callengine.errors import CallCenterError
from callengine.events.types import Event, EventType
from tests.fakes import rows
from tests.fakes.clock import FakeClock

QUEUES = ("support", "sales")
NAMES = ("ann", "bob", "cid")
REASONS = ("lunch", "training")
MISSES = ("rejected", "busy", "no_answer", "unreachable")


@dataclass
class OpenCall:
    """A call of the shift."""

    id: str
    queue: str
    joined_at: float
    agent: str | None = None
    connected_at: float | None = None


class Shift:
    """Each of `DEEDS` does something with the agent or call that the number picks, if it is possible now."""

    def __init__(
        self, engine: Engine, clock: FakeClock, publish: Callable[[list[Event]], None] = lambda _events: None
    ) -> None:
        self.clock = clock
        self.engine = engine
        self.calls: list[OpenCall] = []
        self.ids = dict(zip(NAMES, (1, 2, 3), strict=True))
        self._publish = publish
        with engine.begin() as connection:
            kept = [rows.queue(id=number, name=name) for number, name in enumerate(QUEUES, 1)]
            connection.execute(insert(Queue), kept)
        self.committer = self._open()
        for number, name in enumerate(NAMES):
            queues = QUEUES[: number + 1] if number < 2 else ("sales",)
            secrets = {"MD5": "5" * 32, "SHA-256": "2" * 64}
            add = partial(add_agent, name=name, ha1=secrets, realm="here", queues=queues)
            self.ids[name] = self.committer.commit(add)
        with engine.begin() as connection:
            phones = [
                rows.binding(id=key, agent_id=key, contact=f"sip:{name}@127.0.0.1", expires_at=1e12)
                for name, key in self.ids.items()
            ]
            connection.execute(insert(Binding), phones)

    def do(self, deed: str, number: int) -> None:
        """Do it, if it is possible now."""
        getattr(self, deed)(number)

    def close(self) -> None:
        self.committer.stop()

    def _open(self) -> Committer:
        committer = Committer(
            self.engine, clock=self.clock, publish=lambda events: self._publish(list(events))
        )
        committer.start()
        return committer

    def pass_time(self, number: int) -> None:
        self.clock.advance(number * 1.25)

    def restart(self, _number: int) -> None:
        self.committer.stop()
        self.committer = self._open()

    def sign_on(self, number: int) -> None:
        self._try(partial(agents.sign_on, agent_id=self._agent(number), cause="registered"))

    def sign_off(self, number: int) -> None:
        self._try(partial(agents.sign_off, agent_id=self._agent(number), cause="unregistered"))

    def pause(self, number: int) -> None:
        reason = REASONS[number % len(REASONS)]
        self._try(partial(agents.pause, agent_id=self._agent(number), reason=reason, by="me"))

    def resume(self, number: int) -> None:
        self._try(partial(agents.resume, agent_id=self._agent(number), by="me"))

    def end_wrap_up(self, number: int) -> None:
        end = agents.end_wrap_up_if_due
        self._try(partial(end, agent_id=self._agent(number), by=1e12, cause="wrap_up_over"))

    def join_queue(self, number: int) -> None:
        self._try(partial(assign, queue=QUEUES[number % 2], agent=NAMES[number % 3]))

    def leave_queue(self, number: int) -> None:
        self._try(partial(unassign, queue=QUEUES[number % 2], agent=NAMES[number % 3]))

    def remove(self, number: int) -> None:
        self._try(partial(staff.remove, name=NAMES[number % 3], by="me"))

    def add(self, number: int) -> None:
        secrets = {"MD5": "5" * 32, "SHA-256": "2" * 64}
        queues = [QUEUES[number % 2]]
        name = NAMES[number % 3]
        self._try(partial(add_agent, name=name, ha1=secrets, realm="here", queues=queues))

    def arrive(self, number: int) -> None:
        call = OpenCall(rows.new_id(), QUEUES[number % 2], self.clock.now())

        def unit(tx: Transaction) -> None:
            tx.add_event(EventType.CALL_ARRIVED, call_id=call.id, dialled=call.queue)
            tx.add_event(EventType.CALL_QUEUED, call_id=call.id, queue=call.queue, depth=1, priority=0)

        self.committer.commit(unit)
        self.calls.append(call)

    def overflow(self, number: int) -> None:
        call = self._call(number, lambda one: one.agent is None and one.queue == QUEUES[0])
        if call is not None:
            to = QUEUES[1]
            self._log(EventType.QUEUE_OVERFLOWED, call, to=to, reason="max_wait_time", depth=0)
            call.queue, call.joined_at = to, self.clock.now()

    def offer(self, number: int) -> None:
        call = self._call(number, lambda one: one.agent is None)
        if call is None:
            return
        agent = NAMES[number % len(NAMES)]

        def unit(tx: Transaction) -> None:
            agents.claim(tx, self.ids[agent], call_id=call.id)
            tx.add_event(EventType.CALL_OFFERED, call_id=call.id, queue=call.queue, agent=agent)

        if self._try(unit):
            call.agent = agent

    def miss(self, number: int) -> None:
        call = self._call(number, lambda one: one.agent is not None and one.connected_at is None)
        if call is None or call.agent is None:
            return
        agent, result = call.agent, MISSES[number % len(MISSES)]

        def unit(tx: Transaction) -> None:
            tx.add_event(
                EventType.CALL_OFFER_FAILED, call_id=call.id, queue=call.queue, agent=agent, result=result
            )
            agents.release(tx, self.ids[agent], call_id=call.id, cause=result, was_connected=False)

        self.committer.commit(unit)
        call.agent = None

    def connect(self, number: int) -> None:
        call = self._call(number, lambda one: one.agent is not None and one.connected_at is None)
        if call is None or call.agent is None:
            return
        agent = call.agent
        waited = self.clock.now() - call.joined_at

        def unit(tx: Transaction) -> None:
            agents.connect(tx, self.ids[agent], call_id=call.id)
            tx.add_event(
                EventType.CALL_CONNECTED,
                call_id=call.id,
                queue=call.queue,
                agent=agent,
                wait_seconds=waited,
                ring_seconds=0.0,
                depth=0,
            )

        self.committer.commit(unit)
        call.connected_at = self.clock.now()

    def end(self, number: int) -> None:
        call = self._call(number, lambda one: one.connected_at is not None)
        if call is None or call.agent is None or call.connected_at is None:
            return
        agent, talked = call.agent, self.clock.now() - call.connected_at
        self._log_end(call, "answered", talked)
        release = partial(
            agents.release,
            agent_id=self.ids[agent],
            call_id=call.id,
            cause="hung_up",
            was_connected=True,
            wrap_up_seconds=number % 3 * 10.0,
        )
        self.committer.commit(release)
        self.calls.remove(call)

    def give_up(self, number: int) -> None:
        call = self._call(number, lambda one: one.agent is None)
        if call is not None:
            words = ("abandoned", "short_abandoned", "timed_out", "rejected", "failed")
            self._log_end(call, words[number % len(words)], None)
            self.calls.remove(call)

    def _log_end(self, call: OpenCall, disposition: str, talked: float | None) -> None:
        waited = (call.connected_at or self.clock.now()) - call.joined_at
        self.committer.commit(
            lambda tx: tx.add_event(
                EventType.CALL_ENDED,
                call_id=call.id,
                queue=call.queue,
                agent=call.agent,
                disposition=disposition,
                wait_seconds=waited,
                talk_seconds=talked,
            )
        )

    def _log(self, kind: EventType, call: OpenCall, **payload: Any) -> None:
        self.committer.commit(lambda tx: tx.add_event(kind, call_id=call.id, queue=call.queue, **payload))

    def _agent(self, number: int) -> int:
        return self.ids[NAMES[number % len(NAMES)]]

    def _call(self, number: int, fits: Callable[[OpenCall], bool]) -> OpenCall | None:
        fitting = [call for call in self.calls if fits(call)]
        return fitting[number % len(fitting)] if fitting else None

    def _try(self, unit: Callable[[Transaction], object]) -> bool:
        try:
            self.committer.commit(unit)
        except CallCenterError:
            return False
        return True


DEEDS = (
    "pass_time",
    "restart",
    "sign_on",
    "sign_off",
    "pause",
    "resume",
    "end_wrap_up",
    "join_queue",
    "leave_queue",
    "remove",
    "add",
    "arrive",
    "overflow",
    "offer",
    "miss",
    "connect",
    "end",
    "give_up",
)
