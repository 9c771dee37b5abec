"""Who works here: what is done to agents by name, and each event says who did it.

Operators do it by API and command line, agents themselves by the numbers of features.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from callengine.callcenter import after_call as wrapping_up
from callengine.callcenter import agents
from callengine.callcenter.routing.skills import check_skill
from callengine.callcenter.routing.tiers import read_place
from callengine.db.repositories import agent_states, memberships
from callengine.db.repositories import agents as rows
from callengine.db.transaction import Transaction
from callengine.errors import AgentNotFound, BadRequest, NotAllowed
from callengine.events.types import EventType
from callengine.vocabulary import AgentState

_IN_NAMES = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.+")
_LONGEST = 64
MOST_CALLS = 100
"""The most offers and calls that an agent may have at once."""


@dataclass(frozen=True)
class NewAgent:
    """An agent that is to be added. The password stays with whoever made the hashes of it."""

    name: str
    ha1: Mapping[str, str] = field(repr=False)
    """The digest secrets in hexadecimal, by algorithm: "MD5" and "SHA-256"."""
    realm: str
    queues: Sequence[str] = ()
    """Each as QUEUE, or QUEUE:TIER for a tier above the first."""
    skills: Mapping[str, int] = field(default_factory=dict)
    max_calls: int = 1
    """How many offers and calls it may have at once."""


def check_name(name: str) -> str:
    """The name, if an agent may be called so; raises `BadRequest`."""
    if not name or len(name) > _LONGEST or not _IN_NAMES.issuperset(name):
        raise BadRequest(f"the name {name!r}; allowed: 1 to {_LONGEST} letters, digits, - _ . and +")
    return name


def check_reason(reason: str, allowed: Collection[str] = ()) -> str:
    """The reason, if an agent may be paused for it; raises `BadRequest`. No `allowed`: any text will do."""
    if allowed and reason not in allowed:
        raise BadRequest(f"the reason {reason!r}; allowed: {', '.join(allowed)}")
    if not reason.strip() or len(reason) > _LONGEST or not reason.isprintable():
        raise BadRequest(f"the reason {reason!r}; allowed: 1 to {_LONGEST} printable characters")
    return reason


def check_max_calls(calls: int) -> int:
    """The number, if an agent may have so many offers and calls at once; raises `BadRequest`."""
    if not 1 <= calls <= MOST_CALLS:
        raise BadRequest(f"{calls} calls at once; allowed: 1 to {MOST_CALLS}")
    return calls


def add_all(tx: Transaction, newcomers: Sequence[NewAgent], *, by: str) -> None:
    """Add all of them, or none.

    Raises `BadRequest`, `AgentExists`, `QueueNotFound`, and `NotAllowed` if a lower tier would be empty.
    """
    served: set[str] = set()
    for newcomer in newcomers:
        tiers = dict(map(read_place, newcomer.queues))
        served |= tiers.keys()
        for skill, level in newcomer.skills.items():
            check_skill(skill, level)
        rows.add_agent(
            tx,
            check_name(newcomer.name),
            ha1=newcomer.ha1,
            realm=newcomer.realm,
            queues=list(tiers),
            tiers=tiers,
            skills=newcomer.skills,
            max_concurrent_calls=check_max_calls(newcomer.max_calls),
            by=by,
        )
    memberships.refuse_empty_tiers(tx, served)


def remove(tx: Transaction, name: str, *, by: str) -> None:
    """Remove an agent; its records stay. Raises `AgentNotFound`, and `NotAllowed` while it has a call."""
    agent = agent_states.read_for_change(tx, id_of(tx, name))
    if agent.load:
        raise NotAllowed(f"agent {name} has an offer or a call: remove it when that is over")
    if agent.state is not AgentState.OFFLINE:
        agents.sign_off(tx, agent.id, cause="removed", by=by)
    rows.remove_agent(tx, name, by=by)


def set_max_calls(tx: Transaction, name: str, calls: int, *, by: str) -> None:
    """Let the agent have so many offers and calls at once; what it has beyond goes on.

    Raises `AgentNotFound`, `BadRequest`.
    """
    agent = agent_states.read_for_change(tx, id_of(tx, name))
    if check_max_calls(calls) == agent.max_concurrent_calls:
        return
    agent_states.set_capacity(tx, agent.id, calls)
    tx.add_event(EventType.AGENT_CHANGED, agent=name, max_concurrent_calls=calls, by=by)


def sign_on(tx: Transaction, name: str, *, by: str, cause: str = "operator") -> None:
    """See `agents.sign_on`. Raises `AgentNotFound`, and `NotAllowed` while no phone of it is registered."""
    agent_id = id_of(tx, name)
    if not agent_states.is_reachable(tx, agent_id):
        raise NotAllowed(f"agent {name} has no phone that could ring: register one, then sign it on")
    agents.sign_on(tx, agent_id, cause=cause, by=by)


def sign_off(tx: Transaction, name: str, *, by: str, cause: str = "operator") -> None:
    """See `agents.sign_off`; raises `AgentNotFound` too. Its phones stay registered."""
    agents.sign_off(tx, id_of(tx, name), cause=cause, by=by)


def pause(
    tx: Transaction,
    name: str,
    *,
    reason: str,
    by: str,
    after_call: bool = False,
    reasons: Collection[str] = (),
    cause: str = "operator",
) -> None:
    """See `agents.pause` and `agents.pause_after_call`. Raises `AgentNotFound`, and `BadRequest` for a reason
    that is not among `reasons`, if there are any.
    """
    agent_id = id_of(tx, name)
    check_reason(reason, reasons)
    if after_call:
        agents.pause_after_call(tx, agent_id, reason=reason, by=by, cause=cause)
    else:
        agents.pause(tx, agent_id, reason=reason, by=by, cause=cause)


def resume(tx: Transaction, name: str, *, by: str, cause: str = "operator") -> None:
    """See `agents.resume`; raises `AgentNotFound` too."""
    agents.resume(tx, id_of(tx, name), by=by, cause=cause)


def end_wrap_up(
    tx: Transaction, name: str, *, code: str | None = None, by: str, cause: str = "operator"
) -> None:
    """See `after_call.end_wrap_up`; raises `AgentNotFound` too."""
    wrapping_up.end_wrap_up(tx, id_of(tx, name), code=code, by=by, cause=cause)


def extend_wrap_up(tx: Transaction, name: str, *, seconds: float, by: str, cause: str = "operator") -> None:
    """See `after_call.extend_wrap_up`; raises `AgentNotFound` too."""
    wrapping_up.extend_wrap_up(tx, id_of(tx, name), seconds=seconds, by=by, cause=cause)


def set_wrap_up_code(tx: Transaction, name: str, *, code: str, by: str) -> None:
    """See `after_call.set_code`; raises `AgentNotFound` too."""
    wrapping_up.set_code(tx, id_of(tx, name), code=code, by=by)


def id_of(tx: Transaction, name: str) -> int:
    """The agent's key; raises `AgentNotFound`."""
    found: list[tuple[Any, ...]] = tx.fetch(rows.FIND_ID, {"agent_name": name})
    if not found:
        raise AgentNotFound(f"there is no agent {name!r}")
    return int(found[0][0])
