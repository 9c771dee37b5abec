"""Bindings in the database: the contacts of an agent, and their change by one REGISTER in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from callengine.db.base import table_of
from callengine.db.models import Agent, Binding
from callengine.db.models.tenant import DEFAULT_TENANT_ID
from callengine.db.transaction import Transaction
from callengine.errors import AgentNotFound

_agents = table_of(Agent)
_bindings = table_of(Binding)


@dataclass(frozen=True, slots=True)
class BindingRecord:
    """One registered contact; times are seconds since the epoch.

    `transport`, `host` and `port` are where the REGISTER came from. `id` and `agent_id` are None until it is
    stored.
    """

    address_of_record: str
    contact: str
    q: float | None
    instance: str | None
    user_agent: str | None
    call_id: str
    cseq: int
    transport: str
    host: str
    port: int
    registered_at: float
    expires_at: float
    id: int | None = None
    agent_id: int | None = None


@dataclass(frozen=True, slots=True)
class GoneBinding:
    """A contact that has been removed, its time over or its phone dead; `remaining` others live on."""

    agent_id: int
    agent: str
    contact: str
    remaining: int


_names = [field.name for field in fields(BindingRecord)]
_facts = [name for name in _names if name not in ("id", "agent_id")]
_columns = [_bindings.c[name] for name in _names]

OF_NAME = (
    select(*_columns)
    .join_from(_bindings, _agents)
    .where(
        _agents.c.tenant_id == DEFAULT_TENANT_ID,
        _agents.c.name == bindparam("agent_name"),
        _bindings.c.expires_at > bindparam("now"),
    )
    .order_by(_bindings.c.registered_at, _bindings.c.id)
)
OF_AGENT = (
    select(*_columns)
    .where(_bindings.c.agent_id == bindparam("agent_key"), _bindings.c.expires_at > bindparam("now"))
    .order_by(_bindings.c.registered_at, _bindings.c.id)
)
FIND_AGENT = select(_agents.c.id).where(
    _agents.c.tenant_id == DEFAULT_TENANT_ID,
    _agents.c.name == bindparam("agent_name"),
    _agents.c.removed_at.is_(None),
)
ADD = insert(_bindings).values(
    {
        _bindings.c.agent_id: bindparam("agent_key"),
        **{_bindings.c[name]: bindparam(name) for name in _facts},
    }
)
_this_contact = (
    _bindings.c.agent_id == bindparam("agent_key"),
    _bindings.c.contact == bindparam("present_contact"),
)
REFRESH = (
    update(_bindings)
    .where(*_this_contact)
    .values({_bindings.c[name]: bindparam(name) for name in _facts if name != "registered_at"})
)
REMOVE = delete(_bindings).where(*_this_contact)
EXPIRED = (
    select(_bindings.c.id, _bindings.c.agent_id, _agents.c.name, _bindings.c.contact)
    .join_from(_bindings, _agents)
    .where(_bindings.c.expires_at <= bindparam("now"))
    .order_by(_bindings.c.expires_at)
)
UNCHANGED = select(_bindings.c.id, _bindings.c.agent_id, _bindings.c.contact).where(
    _bindings.c.id == bindparam("binding_key"),
    _bindings.c.call_id == bindparam("sip_call_id"),
    _bindings.c.cseq == bindparam("sip_cseq"),
)
REMOVE_ONE = delete(_bindings).where(_bindings.c.id == bindparam("binding_key"))


def bindings_of(connection: Connection, agent: str, now: float) -> list[BindingRecord]:
    """The live contacts of the agent of that name, oldest first; none if there is no such agent."""
    return [_record(row) for row in connection.execute(OF_NAME, {"agent_name": agent, "now": now})]


def live_bindings(connection: Connection, agent_id: int, now: float) -> list[BindingRecord]:
    """The live contacts of the agent with that id, oldest first."""
    return [_record(row) for row in connection.execute(OF_AGENT, {"agent_key": agent_id, "now": now})]


def apply(
    tx: Transaction,
    agent: str,
    *,
    added: Sequence[BindingRecord] = (),
    refreshed: Sequence[BindingRecord] = (),
    removed: Sequence[str] = (),
) -> list[BindingRecord]:
    """Change the contacts of the agent of that name; all that are live then, with their ids, oldest first.

    `removed` are contacts; `added` may be one whose row has expired and is not swept away yet. Emits no
    event: whether the agent is reachable now is for the caller to say. Raises AgentNotFound, and GuardFailed
    if a contact to refresh is gone.
    """
    found = tx.fetch(FIND_AGENT, {"agent_name": agent})
    if not found:
        raise AgentNotFound(f"there is no agent {agent!r}")
    agent_id = found[0][0]
    for contact in (*removed, *(binding.contact for binding in added)):
        tx.change(REMOVE, {"agent_key": agent_id, "present_contact": contact})
    for binding in added:
        tx.change(ADD, {"agent_key": agent_id, **_values(binding)})
    for binding in refreshed:
        values = {"agent_key": agent_id, "present_contact": binding.contact, **_values(binding)}
        del values["registered_at"]
        tx.guard(REFRESH, values, what=f"the binding {binding.contact} of {agent} is gone")
    return live_bindings(tx.connection, agent_id, tx.now)


def remove_expired(tx: Transaction) -> list[GoneBinding]:
    """Remove every contact whose time is over by `tx.now`; which, the longest expired first."""
    gone = tx.execute(EXPIRED, {"now": tx.now}).all()
    for row in gone:
        tx.change(REMOVE_ONE, {"binding_key": row.id})
    agents = {row.agent_id for row in gone}
    remaining = {agent_id: len(live_bindings(tx.connection, agent_id, tx.now)) for agent_id in agents}
    return [GoneBinding(row.agent_id, row.name, row.contact, remaining[row.agent_id]) for row in gone]


def remove_unchanged(tx: Transaction, binding: BindingRecord) -> list[GoneBinding]:
    """Remove this contact if no later REGISTER has changed it; which, if it was there."""
    values = {"binding_key": binding.id, "sip_call_id": binding.call_id, "sip_cseq": binding.cseq}
    found = tx.execute(UNCHANGED, values).all()
    for row in found:
        tx.change(REMOVE_ONE, {"binding_key": row.id})
    return [
        GoneBinding(row.agent_id, "", row.contact, len(live_bindings(tx.connection, row.agent_id, tx.now)))
        for row in found
    ]


def _values(binding: BindingRecord) -> dict[str, Any]:
    return {name: getattr(binding, name) for name in _facts}


def _record(row: Row[*tuple[Any, ...]]) -> BindingRecord:
    return BindingRecord(**row._mapping)
