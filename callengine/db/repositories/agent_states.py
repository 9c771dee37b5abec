"""The statements on an agent's state and load; what may follow what is decided in `callcenter.agents`."""

from dataclasses import dataclass

from sqlalchemy import bindparam, select, update

from callengine.db.base import table_of
from callengine.db.models import Agent, Binding
from callengine.db.transaction import Transaction
from callengine.errors import AgentNotFound
from callengine.vocabulary import AgentState

_agents = table_of(Agent)
_bindings = table_of(Binding)

READ = (
    select(
        _agents.c.id,
        _agents.c.name,
        _agents.c.state,
        _agents.c.load,
        _agents.c.max_concurrent_calls,
        _agents.c.available_since,
        _agents.c.wrap_up_until,
        _agents.c.pause_reason,
    )
    .where(_agents.c.id == bindparam("agent_key"))
    .with_for_update()
)
WRITE = (
    update(_agents)
    .where(
        _agents.c.id == bindparam("agent_key"),
        _agents.c.state == bindparam("old_state"),
        _agents.c.load == bindparam("old_load"),
    )
    .values(
        state=bindparam("new_state"),
        load=bindparam("new_load"),
        state_since=bindparam("since"),
        available_since=bindparam("free_since"),
        wrap_up_until=bindparam("until"),
        pause_reason=bindparam("reason"),
    )
)
HAS_BINDING = (
    select(_bindings.c.id)
    .where(_bindings.c.agent_id == bindparam("agent_key"), _bindings.c.expires_at > bindparam("now"))
    .limit(1)
)


@dataclass(frozen=True)
class AgentStanding:
    """An agent's row as far as its state goes; times in seconds since the epoch."""

    id: int
    name: str
    state: AgentState
    load: int
    max_concurrent_calls: int
    available_since: float | None
    wrap_up_until: float | None
    pause_reason: str | None


def read_for_change(tx: Transaction, agent_id: int) -> AgentStanding:
    """The row, locked until the transaction ends; raises `AgentNotFound`."""
    rows = tx.fetch(READ, {"agent_key": agent_id})
    if not rows:
        raise AgentNotFound(f"there is no agent with the key {agent_id}")
    key, name, state, *rest = rows[0]
    return AgentStanding(key, name, AgentState(state), *rest)


def write(
    tx: Transaction,
    old: AgentStanding,
    *,
    state: AgentState,
    load: int,
    available_since: float | None,
    wrap_up_until: float | None,
    pause_reason: str | None,
) -> None:
    """Write the new standing, now; raises `GuardFailed` if the row is not as `old` says."""
    tx.guard(
        WRITE,
        {
            "agent_key": old.id,
            "old_state": old.state,
            "old_load": old.load,
            "new_state": state,
            "new_load": load,
            "since": tx.now,
            "free_since": available_since,
            "until": wrap_up_until,
            "reason": pause_reason,
        },
        what=f"agent {old.name} is no longer {old.state}",
    )


def is_reachable(tx: Transaction, agent_id: int) -> bool:
    """Whether any phone of the agent is registered at this moment."""
    return bool(tx.fetch(HAS_BINDING, {"agent_key": agent_id, "now": tx.now}))
