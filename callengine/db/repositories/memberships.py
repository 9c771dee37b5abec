"""Memberships and skills in the database: which queues an agent serves, in what place, and what it knows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, delete, select
from sqlalchemy.orm import Session

from callengine.db.base import table_of
from callengine.db.models import Agent, AgentSkill, Membership, Queue, Skill
from callengine.db.models.tenant import DEFAULT_TENANT_ID
from callengine.db.transaction import Transaction
from callengine.errors import AgentNotFound, NotAllowed, QueueNotFound
from callengine.events.types import EventType

_memberships, _queues = table_of(Membership), table_of(Queue)
_agent_skills, _skills = table_of(AgentSkill), table_of(Skill)

TIERS = (
    select(_queues.c.name, _memberships.c.tier).join_from(_memberships, _queues).order_by(_queues.c.name)
).distinct()
KNOWN_SKILLS = select(_skills.c.name).join_from(_agent_skills, _skills).distinct()


def assign(
    tx: Transaction,
    agent: str,
    queue: str,
    *,
    tier: int | None = None,
    position: int | None = None,
    by: str | None = None,
) -> None:
    """Let `agent` serve `queue`, in this tier and at this position; what is None stays, or is 1 and 0.

    Raises QueueNotFound, AgentNotFound, and NotAllowed if a tier below an agent's would have nobody.
    """
    with tx.orm() as session:
        queue_id, agent_id = _find(session, queue, agent)
        member = session.scalar(select(Membership).filter_by(queue_id=queue_id, agent_id=agent_id))
        if member is None:
            member = Membership(queue_id=queue_id, agent_id=agent_id, tier=1, position=0)
            session.add(member)
        member.tier = member.tier if tier is None else tier
        member.position = member.position if position is None else position
        session.flush()
        _refuse_empty_tier(session, queue, queue_id)
        tier, position = member.tier, member.position
    tx.add_event(
        EventType.AGENT_CHANGED,
        agent=agent,
        queue=queue,
        queue_id=queue_id,
        member=True,
        tier=tier,
        position=position,
        by=by,
    )


def unassign(tx: Transaction, agent: str, queue: str, *, by: str | None = None) -> None:
    """Let `agent` serve `queue` no longer.

    Raises QueueNotFound, AgentNotFound, and NotAllowed if it does not, or a tier below another agent's would
    have nobody.
    """
    with tx.orm() as session:
        queue_id, agent_id = _find(session, queue, agent)
        member = session.scalar(select(Membership).filter_by(queue_id=queue_id, agent_id=agent_id))
        if member is None:
            raise NotAllowed(f"agent {agent} does not serve the queue {queue}")
        session.delete(member)
        session.flush()
        _refuse_empty_tier(session, queue, queue_id)
    tx.add_event(EventType.AGENT_CHANGED, agent=agent, queue=queue, queue_id=queue_id, member=False, by=by)


def set_skill(tx: Transaction, agent: str, skill: str, level: int, *, by: str | None = None) -> None:
    """Let the agent have the skill at this level, 1 to 10, or not any more if that is 0.

    Raises AgentNotFound, and NotAllowed if it has not what is to be taken away.
    """
    with tx.orm() as session:
        agent_id = _agent_id(session, agent)
        skill_id = _skill_id(session, skill)
        gone = delete(AgentSkill).where(AgentSkill.agent_id == agent_id, AgentSkill.skill_id == skill_id)
        was_there = session.execute(gone.returning(AgentSkill.level)).all()
        if not level and not was_there:
            raise NotAllowed(f"agent {agent} does not have the skill {skill}")
        if level:
            session.add(AgentSkill(agent_id=agent_id, skill_id=skill_id, level=level))
    tx.add_event(EventType.AGENT_CHANGED, agent=agent, skill=skill, level=level, by=by)


def empty_tiers(connection: Connection) -> dict[str, int]:
    """By the name of the queue: a tier without anybody, below one that has members."""
    tiers: dict[str, set[int]] = {}
    for queue, tier in connection.execute(TIERS):
        tiers.setdefault(queue, set()).add(tier)
    return {queue: empty for queue, there in tiers.items() if (empty := _empty_tier(there)) is not None}


def refuse_empty_tiers(tx: Transaction, queues: Iterable[str]) -> None:
    """Raise NotAllowed if one of these queues has nobody in a tier below an agent's."""
    with tx.orm() as session:
        for name in sorted(queues):
            of_name = (Queue.tenant_id == DEFAULT_TENANT_ID, Queue.name == name)
            _refuse_empty_tier(session, name, session.scalars(select(Queue.id).where(*of_name)).one())


def known_skills(connection: Connection) -> set[str]:
    """The skills that any agent has."""
    return set(connection.execute(KNOWN_SKILLS).scalars())


def _refuse_empty_tier(session: Session, queue: str, queue_id: int) -> None:
    there = set(session.scalars(select(Membership.tier).where(Membership.queue_id == queue_id)))
    empty = _empty_tier(there)
    if empty is not None:
        raise NotAllowed(
            f"the queue {queue} would have nobody in tier {empty}, but agents in tier {max(there)}: callers"
            f" would wait for nobody; assign somebody to tier {empty} first"
        )


def _empty_tier(there: set[int]) -> int | None:
    return next((tier for tier in range(1, max(there, default=0)) if tier not in there), None)


def _find(session: Session, queue: str, agent: str) -> tuple[int, int]:
    queue_id = session.scalar(
        select(Queue.id).where(
            Queue.tenant_id == DEFAULT_TENANT_ID, Queue.name == queue, Queue.removed_at.is_(None)
        )
    )
    if queue_id is None:
        raise QueueNotFound(f"there is no queue {queue!r}")
    return queue_id, _agent_id(session, agent)


def _agent_id(session: Session, name: str) -> int:
    is_there = (Agent.tenant_id == DEFAULT_TENANT_ID, Agent.removed_at.is_(None), Agent.name == name)
    agent_id: int | None = session.scalar(select(Agent.id).where(*is_there))
    if agent_id is None:
        raise AgentNotFound(f"there is no agent {name!r}")
    return agent_id


def _skill_id(session: Session, name: str) -> Any:
    skill = session.scalar(select(Skill).where(Skill.tenant_id == DEFAULT_TENANT_ID, Skill.name == name))
    if skill is None:
        skill = Skill(tenant_id=DEFAULT_TENANT_ID, name=name)
        session.add(skill)
        session.flush()
    return skill.id
