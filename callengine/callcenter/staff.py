"""Who works here: agents are added, removed, paused and resumed, and each event says who did it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from callengine.callcenter import agents
from callengine.db.repositories import agent_states
from callengine.db.repositories import agents as rows
from callengine.db.transaction import Transaction
from callengine.errors import AgentNotFound, BadRequest, NotAllowed
from callengine.vocabulary import AgentState

_IN_NAMES = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.+")
_LONGEST = 64


@dataclass(frozen=True)
class NewAgent:
    """An agent that is to be added. The password stays with whoever made the hashes of it."""

    name: str
    ha1: Mapping[str, str] = field(repr=False)
    """The digest secrets in hexadecimal, by algorithm: "MD5" and "SHA-256"."""
    realm: str
    queues: Sequence[str] = ()
    skills: Mapping[str, int] = field(default_factory=dict)


def check_name(name: str) -> str:
    """The name, if an agent may be called so; raises `BadRequest`."""
    if not name or len(name) > _LONGEST or not _IN_NAMES.issuperset(name):
        raise BadRequest(f"the name {name!r}; allowed: 1 to {_LONGEST} letters, digits, - _ . and +")
    return name


def check_reason(reason: str) -> str:
    """The reason, if an agent may be paused for it; raises `BadRequest`."""
    if not reason.strip() or len(reason) > _LONGEST or not reason.isprintable():
        raise BadRequest(f"the reason {reason!r}; allowed: 1 to {_LONGEST} printable characters")
    return reason


def add_all(tx: Transaction, newcomers: Sequence[NewAgent], *, by: str) -> None:
    """Add all of them, or none. Raises `BadRequest`, `AgentExists`, `QueueNotFound`."""
    for newcomer in newcomers:
        rows.add_agent(
            tx,
            check_name(newcomer.name),
            ha1=newcomer.ha1,
            realm=newcomer.realm,
            queues=newcomer.queues,
            skills=newcomer.skills,
            by=by,
        )


def remove(tx: Transaction, name: str, *, by: str) -> None:
    """Remove an agent; its records stay. Raises `AgentNotFound`, and `NotAllowed` while it has a call."""
    agent = agent_states.read_for_change(tx, _id_of(tx, name))
    if agent.load:
        raise NotAllowed(f"agent {name} has an offer or a call: remove it when that is over")
    if agent.state is not AgentState.OFFLINE:
        agents.sign_off(tx, agent.id, cause="removed")
    rows.remove_agent(tx, name, by=by)


def pause(tx: Transaction, name: str, *, reason: str, by: str) -> None:
    """See `agents.pause`; raises `AgentNotFound` too."""
    agents.pause(tx, _id_of(tx, name), reason=check_reason(reason), by=by)


def resume(tx: Transaction, name: str, *, by: str) -> None:
    """See `agents.resume`; raises `AgentNotFound` too."""
    agents.resume(tx, _id_of(tx, name), by=by)


def _id_of(tx: Transaction, name: str) -> int:
    found: list[tuple[Any, ...]] = tx.fetch(rows.FIND_ID, {"agent_name": name})
    if not found:
        raise AgentNotFound(f"there is no agent {name!r}")
    return int(found[0][0])
