"""Assignments: which queues an agent serves, in which tier and at which position, and what it knows."""

from __future__ import annotations

from callengine.callcenter.routing import skills
from callengine.callcenter.routing.tiers import check_tier
from callengine.db.repositories import memberships
from callengine.db.transaction import Transaction
from callengine.errors import BadRequest

HIGHEST_POSITION = 1_000_000


def assign(
    tx: Transaction,
    name: str,
    queue: str,
    *,
    tier: int | None = None,
    position: int | None = None,
    by: str,
) -> None:
    """Let the agent serve the queue; tier and position that are None stay, or are 1 and 0 for a new member.

    Raises `AgentNotFound`, `QueueNotFound`, `BadRequest`, and `NotAllowed` if a lower tier would be empty.
    """
    if tier is not None:
        check_tier(tier)
    if position is not None and not 0 <= position <= HIGHEST_POSITION:
        raise BadRequest(f"the position {position}; allowed: 0 to {HIGHEST_POSITION}")
    memberships.assign(tx, name, queue, tier=tier, position=position, by=by)


def unassign(tx: Transaction, name: str, queue: str, *, by: str) -> None:
    """Let the agent serve the queue no longer; a call of the queue that it has goes on.

    Raises `AgentNotFound`, `QueueNotFound`, and `NotAllowed` if it does not, or a lower tier would be empty.
    """
    memberships.unassign(tx, name, queue, by=by)


def set_skill(tx: Transaction, name: str, skill: str, level: int, *, by: str) -> None:
    """Give the agent a level in a skill, 1 to 10; 0 takes the skill away.

    Raises `AgentNotFound`, `BadRequest`, and `NotAllowed` if it has not what is to be taken away.
    """
    skills.check_skill(skill, level, lowest=0)
    memberships.set_skill(tx, name, skill, level, by=by)
