"""Agents in the database: adding one, its secrets, and all of them as they stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select
from sqlalchemy.orm import Session

from callengine.db.base import table_of
from callengine.db.models import Agent, AgentSkill, Binding, Membership, Queue, Skill
from callengine.db.models.tenant import DEFAULT_TENANT_ID
from callengine.db.transaction import Transaction
from callengine.errors import AgentExists, AgentNotFound, QueueNotFound
from callengine.events.types import EventType
from callengine.vocabulary import AgentState

_agents = table_of(Agent)
_queues = table_of(Queue)
_memberships = table_of(Membership)
_skills = table_of(Skill)
_agent_skills = table_of(AgentSkill)

_is_there = (_agents.c.tenant_id == DEFAULT_TENANT_ID, _agents.c.removed_at.is_(None))

CREDENTIALS = select(_agents.c.ha1_md5, _agents.c.ha1_sha256).where(
    *_is_there, _agents.c.name == bindparam("agent_name")
)
FIND_ID = select(_agents.c.id).where(*_is_there, _agents.c.name == bindparam("agent_name"))
ALL_AGENTS = (
    select(
        _agents.c.id,
        _agents.c.name,
        _agents.c.state,
        _agents.c.state_since,
        _agents.c.load,
        _agents.c.max_concurrent_calls,
        _agents.c.available_since,
        _agents.c.wrap_up_until,
        _agents.c.pause_reason,
        _agents.c.pause_next_reason,
        _agents.c.signed_on,
        _agents.c.missed_in_row,
        _agents.c.delayed_until,
        _agents.c.delayed_after,
        _agents.c.calls_handled,
        _agents.c.talk_seconds,
        _agents.c.counted_on,
    )
    .where(*_is_there)
    .order_by(_agents.c.name)
)
ALL_MEMBERSHIPS = (
    select(
        _memberships.c.agent_id,
        _memberships.c.queue_id,
        _queues.c.name,
        _memberships.c.position,
        _memberships.c.tier,
    )
    .join_from(_memberships, _queues)
    .order_by(_queues.c.name)
)
ALL_SKILLS = select(_agent_skills.c.agent_id, _skills.c.name, _agent_skills.c.level).join_from(
    _agent_skills, _skills
)
EVERY_NAME = select(_agents.c.name).where(_agents.c.tenant_id == DEFAULT_TENANT_ID).order_by(_agents.c.name)
REALMS = select(_agents.c.realm).where(_agents.c.removed_at.is_(None)).distinct()


NO_SECRET = ""
"""Stands for the secret of an agent that was removed; no digest matches it."""


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """One membership: the queue, the agent's place in its fixed order, and its tier."""

    queue_id: int
    queue: str
    position: int
    tier: int = 1


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """An agent as its row stands; times are seconds since the epoch. Its secrets stay in the database."""

    id: int
    name: str
    state: AgentState
    state_since: float
    load: int
    max_concurrent_calls: int
    available_since: float | None
    wrap_up_until: float | None
    pause_reason: str | None
    queues: tuple[QueuePlace, ...]
    skills: Mapping[str, int]
    """Level by name of skill."""
    pause_next_reason: str | None = None
    signed_on: bool = False
    missed_in_row: int = 0
    delayed_until: float | None = None
    delayed_after: str | None = None
    calls_handled: int = 0
    talk_seconds: float = 0.0
    counted_on: str | None = None
    """The day of the two counts (UTC, ISO 8601)."""


def add_agent(
    tx: Transaction,
    name: str,
    *,
    ha1: Mapping[str, str],
    realm: str,
    queues: Sequence[str] = (),
    tiers: Mapping[str, int] | None = None,
    skills: Mapping[str, int] | None = None,
    max_concurrent_calls: int = 1,
    by: str | None = None,
) -> int:
    """Add an agent, a member of `queues` (names), with `skills` (levels 1 to 10); its id.

    `tiers` has the tier by queue where that is not the first.

    `ha1` holds the digest secrets for `realm` in hexadecimal, under "MD5" and "SHA-256"; `by` is who wants
    it. One who was removed is the same agent again. Raises AgentExists, QueueNotFound, and DatabaseError for
    a level or number that a CHECK refuses.
    """
    queues = list(dict.fromkeys(queues))
    with tx.orm() as session:
        agent = _new_or_removed(session, name, tx.now)
        agent.ha1_md5, agent.ha1_sha256, agent.realm = ha1["MD5"], ha1["SHA-256"], realm
        agent.max_concurrent_calls = max_concurrent_calls
        agent.removed_at = None
        session.flush()
        queue_ids = _join_queues(session, agent.id, queues, tiers or {})
        _give_skills(session, agent.id, skills or {})
        agent_id = agent.id
    tx.add_event(
        EventType.AGENT_ADDED,
        agent=name,
        agent_id=agent_id,
        queues=queues,
        queue_ids=queue_ids,
        tiers=[(tiers or {}).get(queue, 1) for queue in queues],
        skills=dict(skills or {}),
        max_concurrent_calls=max_concurrent_calls,
        by=by,
    )
    return agent_id


def remove_agent(tx: Transaction, name: str, *, by: str | None = None) -> None:
    """Remove an agent that is offline and free: phones, queues, skills and secret; its past stays.

    Raises AgentNotFound. Whether it may go is for `callcenter.staff` to say.
    """
    with tx.orm() as session:
        agent = session.scalar(select(Agent).where(*_is_there, Agent.name == name))
        if agent is None:
            raise AgentNotFound(f"there is no agent {name!r}")
        for model in (Binding, Membership, AgentSkill):
            session.execute(delete(model).where(model.agent_id == agent.id))
        agent.ha1_md5 = agent.ha1_sha256 = NO_SECRET
        agent.removed_at = tx.now
    tx.add_event(EventType.AGENT_REMOVED, agent=name, by=by)


def _new_or_removed(session: Session, name: str, now: float) -> Agent:
    known = session.scalar(select(Agent).where(Agent.tenant_id == DEFAULT_TENANT_ID, Agent.name == name))
    if known is not None and known.removed_at is None:
        raise AgentExists(f"there is an agent {name!r} already")
    if known is None:
        known = Agent(tenant_id=DEFAULT_TENANT_ID, name=name, state_since=now, created_at=now)
        session.add(known)
    known.pause_next_reason = known.last_call_id = known.delayed_until = known.delayed_after = None
    known.missed_in_row = 0
    return known


def credentials(connection: Connection, name: str) -> dict[str, str] | None:
    """The agent's HA1 in hexadecimal under "MD5" and "SHA-256"; None if there is no such agent."""
    row = connection.execute(CREDENTIALS, {"agent_name": name}).one_or_none()
    return None if row is None else {"MD5": row.ha1_md5, "SHA-256": row.ha1_sha256}


def find_id(connection: Connection, name: str) -> int | None:
    """The agent's id; None if there is no such agent."""
    found: int | None = connection.execute(FIND_ID, {"agent_name": name}).scalar_one_or_none()
    return found


def read_agents(connection: Connection) -> list[AgentRecord]:
    """All agents in the order of their names."""
    places: dict[int, list[QueuePlace]] = {}
    for agent_id, *place in connection.execute(ALL_MEMBERSHIPS):
        places.setdefault(agent_id, []).append(QueuePlace(*place))
    levels: dict[int, dict[str, int]] = {}
    for agent_id, skill, level in connection.execute(ALL_SKILLS):
        levels.setdefault(agent_id, {})[skill] = level
    return [
        _record(row, places.get(row.id, []), levels.get(row.id, {})) for row in connection.execute(ALL_AGENTS)
    ]


def every_name(connection: Connection) -> list[str]:
    """The names of all agents, those included who were removed."""
    return list(connection.execute(EVERY_NAME).scalars())


def realms(connection: Connection) -> set[str]:
    """The realms to which the stored secrets bind: with another one those agents cannot register."""
    return set(connection.execute(REALMS).scalars())


def _join_queues(
    session: Session, agent_id: int, names: Sequence[str], tiers: Mapping[str, int]
) -> list[int]:
    """The ids of the queues, in the order of `names`."""
    found = {
        queue.name: queue.id
        for queue in session.scalars(
            select(Queue).where(Queue.tenant_id == DEFAULT_TENANT_ID, Queue.name.in_(names))
        )
    }
    missing = sorted(set(names) - found.keys())
    if missing:
        raise QueueNotFound(f"there is no queue {', '.join(repr(name) for name in missing)}")
    session.add_all(
        Membership(queue_id=found[name], agent_id=agent_id, tier=tiers.get(name, 1)) for name in names
    )
    return [found[name] for name in names]


def _give_skills(session: Session, agent_id: int, levels: Mapping[str, int]) -> None:
    """Skills that nobody had before are new."""
    known = {
        skill.name: skill
        for skill in session.scalars(
            select(Skill).where(Skill.tenant_id == DEFAULT_TENANT_ID, Skill.name.in_(levels))
        )
    }
    for name, level in levels.items():
        skill = known.get(name)
        if skill is None:
            skill = Skill(tenant_id=DEFAULT_TENANT_ID, name=name)
            session.add(skill)
            session.flush()
        session.add(AgentSkill(agent_id=agent_id, skill_id=skill.id, level=level))


def _record(
    row: Row[*tuple[Any, ...]], places: Sequence[QueuePlace], levels: Mapping[str, int]
) -> AgentRecord:
    return AgentRecord(
        row.id,
        row.name,
        AgentState(row.state),
        row.state_since,
        row.load,
        row.max_concurrent_calls,
        row.available_since,
        row.wrap_up_until,
        row.pause_reason,
        tuple(places),
        levels,
        row.pause_next_reason,
        row.signed_on,
        row.missed_in_row,
        row.delayed_until,
        row.delayed_after,
        row.calls_handled,
        row.talk_seconds,
        row.counted_on,
    )
