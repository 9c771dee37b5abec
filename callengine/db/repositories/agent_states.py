"""The statements on an agent's state and load; what may follow what is decided in `callcenter.agents`."""

from dataclasses import dataclass, fields

from sqlalchemy import bindparam, select, update

from callengine.db.base import table_of
from callengine.db.models import Agent, Binding
from callengine.db.transaction import Transaction
from callengine.errors import AgentNotFound
from callengine.vocabulary import AgentState

_agents = table_of(Agent)
_bindings = table_of(Binding)


@dataclass(frozen=True)
class AgentStanding:
    """An agent's row as far as its state goes; the columns' meanings stand at the model."""

    id: int
    name: str
    state: AgentState
    state_since: float
    load: int
    max_concurrent_calls: int
    available_since: float | None
    signed_on: bool
    wrap_up_until: float | None
    wrap_up_next_seconds: float
    last_call_id: str | None
    pause_reason: str | None
    pause_next_reason: str | None
    missed_in_row: int
    delayed_until: float | None
    delayed_after: str | None
    counted_on: str | None
    calls_handled: int
    talk_seconds: float


_NAMES = [field.name for field in fields(AgentStanding)]
_CHANGING = [name for name in _NAMES if name not in ("id", "name", "max_concurrent_calls")]

READ = select(*(_agents.c[name] for name in _NAMES)).where(_agents.c.id == bindparam("agent_key"))
READ = READ.with_for_update()
WRITE = (
    update(_agents)
    .where(
        _agents.c.id == bindparam("agent_key"),
        _agents.c.state == bindparam("old_state"),
        _agents.c.load == bindparam("old_load"),
    )
    .values({_agents.c[name]: bindparam(f"new_{name}") for name in _CHANGING})
)
SET_CAPACITY = (
    update(_agents)
    .where(_agents.c.id == bindparam("agent_key"))
    .values(max_concurrent_calls=bindparam("most_calls"))
)
HAS_BINDING = (
    select(_bindings.c.id)
    .where(_bindings.c.agent_id == bindparam("agent_key"), _bindings.c.expires_at > bindparam("now"))
    .limit(1)
)


def read_for_change(tx: Transaction, agent_id: int) -> AgentStanding:
    """The row, locked until the transaction ends; raises `AgentNotFound`."""
    rows = tx.fetch(READ, {"agent_key": agent_id})
    if not rows:
        raise AgentNotFound(f"there is no agent with the key {agent_id}")
    values = dict(zip(_NAMES, rows[0], strict=True))
    values.update(state=AgentState(values["state"]), signed_on=bool(values["signed_on"]))
    return AgentStanding(**values)


def write(tx: Transaction, old: AgentStanding, new: AgentStanding) -> None:
    """Write the new standing; raises `GuardFailed` if state and load are not as `old` says."""
    values = {f"new_{name}": getattr(new, name) for name in _CHANGING}
    tx.guard(
        WRITE,
        {"agent_key": old.id, "old_state": old.state, "old_load": old.load, **values},
        what=f"agent {old.name} is no longer {old.state}",
    )


def set_capacity(tx: Transaction, agent_id: int, calls: int) -> None:
    """How many offers and calls it may have at once, whatever it has now."""
    tx.change(SET_CAPACITY, {"agent_key": agent_id, "most_calls": calls})


def is_reachable(tx: Transaction, agent_id: int) -> bool:
    """Whether any phone of the agent is registered at this moment."""
    return bool(tx.fetch(HAS_BINDING, {"agent_key": agent_id, "now": tx.now}))
