"""Presence: which phones of which agent are registered, and who is signed on by it.

It is the registrar's store of bindings: a REGISTER that changes something is one transaction, which changes
the rows and signs the agent on or off; whether a new phone signs on by itself, or only makes reachable, is a
setting. A refresh changes no state. A phone that is not heard of in time is taken out when its time is over,
and one that is found dead before that at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from sqlalchemy import Engine

from callengine.callcenter import agents
from callengine.clock import Clock
from callengine.db.committer import Committer
from callengine.db.engine import reading
from callengine.db.repositories import agents as agent_rows
from callengine.db.repositories import bindings as rows
from callengine.db.repositories.bindings import BindingRecord
from callengine.db.transaction import Transaction
from callengine.errors import AgentNotFound
from callengine.events.types import Event, EventType
from callengine.sip.bindings import Binding, BindingChange
from callengine.sip.flow import Flow
from callengine.sip.timer_driver import TimerDriver
from callengine.sip.timer_queue import ScheduledAction

_LATE = 0.05
"""Seconds after its time at which a lapsed binding is looked for, so that it is surely over."""


class Presence:
    """The bindings of all agents, in memory as the last commit left them."""

    def __init__(
        self,
        *,
        engine: Engine,
        committer: Committer,
        timers: TimerDriver,
        clock: Clock,
        registering_signs_on: bool = True,
        rings_newest_only: bool = False,
    ) -> None:
        """`rings_newest_only`: of several phones only the one is rung that has registered last."""
        self._registering_signs_on = registering_signs_on
        self._rings_newest_only = rings_newest_only
        self._engine = engine
        self._committer = committer
        self._timers = timers
        self._clock = clock
        self._bindings: dict[str, tuple[Binding, ...]] = {}
        self._alarms: dict[str, ScheduledAction] = {}
        """For each agent what looks after its binding that lapses next."""

    def load(self, names: Sequence[str]) -> None:
        """Read the bindings of these agents, and take out those that have lapsed while nobody looked."""
        self._committer.commit(_remove_lapsed)
        now = self._clock.now()
        with reading(self._engine) as connection:
            for name in names:
                self._keep(name, rows.bindings_of(connection, name, now))

    def follow(self, event: Event) -> None:
        """Take over what an event says: an agent is added or removed."""
        name = event.agent or ""
        if event.type is EventType.AGENT_ADDED:
            self._bindings.setdefault(name, ())
        elif event.type is EventType.AGENT_REMOVED and self._bindings.pop(name, None) is not None:
            self._cancel_alarm(name)

    def secrets_of(self, name: str) -> Mapping[str, str] | None:
        """The agent's HA1 by algorithm, or None: what the registrar checks a digest against."""
        with reading(self._engine) as connection:
            return agent_rows.credentials(connection, name)

    def bindings_of(self, name: str) -> Sequence[Binding]:
        """The phones at which the agent can be rung now."""
        now = self._clock.now()
        live = [binding for binding in self.of(name) if binding.expires_at > now]
        return live[-1:] if self._rings_newest_only else live

    def of(self, name: str) -> Sequence[Binding]:
        """The agent's bindings, those included that have just lapsed; none if there is no such agent."""
        return self._bindings.get(name, ())

    def everybody(self) -> list[tuple[str, Binding]]:
        """Every phone that is registered now, with its agent's name."""
        now = self._clock.now()
        return [
            (name, binding)
            for name, bindings in self._bindings.items()
            for binding in bindings
            if binding.expires_at > now
        ]

    def lose(self, name: str, binding: Binding) -> None:
        """This phone is dead, unless it has registered again meanwhile. Never waits."""
        known = self._bindings.get(name, ())
        if binding in known:
            self._bindings[name] = tuple(each for each in known if each != binding)
            self._committer.submit(partial(_remove_lost, name, _record(binding)))
            self._set_alarm(name)

    def flow_of(self, binding_id: int | None) -> Flow | None:
        """The way to the phone of that binding as it has registered last; None if it is gone."""
        everybody = (binding for bindings in self._bindings.values() for binding in bindings)
        return next((binding.flow for binding in everybody if binding.id == binding_id), None)

    def bindings(self, user: str) -> Sequence[Binding]:
        """For the registrar: all bindings of a user; raises `AgentNotFound`."""
        if user not in self._bindings:
            raise AgentNotFound(f"there is no agent {user!r}")
        return self._bindings[user]

    def apply(self, user: str, change: BindingChange) -> None:
        """For the registrar: store a change; raises `AgentNotFound`."""
        unit = partial(_store, user, change, signs_on=self._registering_signs_on)
        stored = self._committer.commit(unit)
        if user in self._bindings:  # else the agent was removed meanwhile
            self._keep(user, stored)

    def _keep(self, name: str, records: Sequence[BindingRecord]) -> None:
        self._bindings[name] = tuple(_binding(record) for record in records)
        self._set_alarm(name)

    def _set_alarm(self, name: str) -> None:
        self._cancel_alarm(name)
        if self._bindings[name]:
            first = min(binding.expires_at for binding in self._bindings[name])
            due = self._clock.monotonic() + first - self._clock.now() + _LATE
            self._alarms[name] = self._timers.queue.schedule(due, partial(self._look_for_lapsed, name))

    def _cancel_alarm(self, name: str) -> None:
        alarm = self._alarms.pop(name, None)
        if alarm is not None:
            self._timers.queue.cancel(alarm)

    def _look_for_lapsed(self, name: str) -> None:
        """Never waits: the timers' greenlet calls it."""
        now = self._clock.now()
        left = tuple(binding for binding in self._bindings[name] if binding.expires_at > now)
        if len(left) < len(self._bindings[name]):
            self._bindings[name] = left
            self._committer.submit(_remove_lapsed)
        self._set_alarm(name)


def _store(user: str, change: BindingChange, tx: Transaction, *, signs_on: bool) -> list[BindingRecord]:
    live = rows.apply(
        tx,
        user,
        added=[_record(binding) for binding in change.added],
        refreshed=[_record(binding) for binding in change.refreshed],
        removed=[binding.contact for binding in change.removed],
    )
    for binding in change.added:
        tx.add_event(EventType.AGENT_REGISTERED, agent=user, contact=binding.contact)
    for binding in change.removed:
        tx.add_event(EventType.AGENT_UNREGISTERED, agent=user, contact=binding.contact, cause="unregistered")
    agent_id = tx.fetch(rows.FIND_AGENT, {"agent_name": user})[0][0]
    if change.added and live and signs_on:
        agents.sign_on(tx, agent_id, cause="registered")
    elif change.removed and not live:
        agents.lose_phones(tx, agent_id, cause="unregistered")
    return live


def _remove_lost(name: str, lost: BindingRecord, tx: Transaction) -> None:
    """Take out a phone that is dead; whoever has registered it again meanwhile was faster."""
    for gone in rows.remove_unchanged(tx, lost):
        tx.add_event(EventType.BINDING_LOST, agent=name, contact=gone.contact)
        if not gone.remaining:
            agents.lose_phones(tx, gone.agent_id, cause="binding_lost")


def _remove_lapsed(tx: Transaction) -> None:
    for gone in rows.remove_expired(tx):
        tx.add_event(EventType.AGENT_UNREGISTERED, agent=gone.agent, contact=gone.contact, cause="expired")
        if not gone.remaining:
            agents.lose_phones(tx, gone.agent_id, cause="expired")


def _binding(record: BindingRecord) -> Binding:
    return Binding(
        contact=record.contact,
        address_of_record=record.address_of_record,
        flow=Flow(record.transport, record.host, record.port),
        registered_at=record.registered_at,
        expires_at=record.expires_at,
        call_id=record.call_id,
        cseq=record.cseq,
        q=record.q,
        user_agent=record.user_agent,
        instance=record.instance,
        id=record.id,
    )


def _record(binding: Binding) -> BindingRecord:
    return BindingRecord(
        address_of_record=binding.address_of_record,
        contact=binding.contact,
        q=binding.q,
        instance=binding.instance,
        user_agent=binding.user_agent,
        call_id=binding.call_id,
        cseq=binding.cseq,
        id=binding.id,
        transport=binding.flow.transport,
        host=binding.flow.host,
        port=binding.flow.port,
        registered_at=binding.registered_at,
        expires_at=binding.expires_at,
    )
