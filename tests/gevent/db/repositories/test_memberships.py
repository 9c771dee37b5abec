"""Memberships and skills: each change with its event, and what is impossible refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from callengine.db.committer import Committer
from callengine.db.models import Agent, Membership, Queue
from callengine.db.repositories import memberships
from callengine.db.repositories.agents import QueuePlace, read_agents
from callengine.db.transaction import Transaction
from callengine.errors import AgentNotFound, NotAllowed, QueueNotFound
from callengine.events.types import Event, EventType
from tests.fakes import rows

Do = Callable[..., None]


@pytest.fixture(autouse=True)
def _staffed(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(insert(Queue), [rows.queue(), rows.queue(id=2, name="sales")])
        rows.store(connection, Agent, rows.agent(), rows.agent(id=2, name="bob"))


@pytest.fixture
def do(committer: Committer) -> Do:
    def do(change: Callable[..., None], *arguments: Any, **options: Any) -> None:
        def unit(tx: Transaction) -> None:
            change(tx, *arguments, **options)

        committer.commit(unit)

    return do


def places(engine: Engine, agent: str = "alice") -> list[QueuePlace]:
    with engine.connect() as connection:
        return list(next(each.queues for each in read_agents(connection) if each.name == agent))


def levels(engine: Engine, agent: str = "alice") -> dict[str, int]:
    with engine.connect() as connection:
        return dict(next(each.skills for each in read_agents(connection) if each.name == agent))


def test_members_come_move_and_go(do: Do, engine: Engine, published: list[Event]) -> None:
    do(memberships.assign, "bob", "support")
    do(memberships.assign, "alice", "support")
    assert places(engine) == [QueuePlace(1, "support", 0, 1)]
    do(memberships.assign, "alice", "support", tier=2)
    do(memberships.assign, "alice", "support", position=4, by="mary")
    assert places(engine) == [QueuePlace(1, "support", 4, 2)]
    do(memberships.unassign, "alice", "support", by="mary")
    assert places(engine) == []
    told = published[-2:]
    assert {(one.type, one.agent, one.queue) for one in told} == {
        (EventType.AGENT_CHANGED, "alice", "support")
    }
    assert [one.payload for one in told] == [
        {"queue_id": 1, "member": True, "tier": 2, "position": 4, "by": "mary"},
        {"queue_id": 1, "member": False, "by": "mary"},
    ]


def test_no_tier_below_an_agents_may_be_empty(do: Do, engine: Engine, published: list[Event]) -> None:
    with pytest.raises(NotAllowed, match="nobody in tier 1, but agents in tier 2"):
        do(memberships.assign, "alice", "support", tier=2)
    do(memberships.assign, "bob", "support")
    do(memberships.assign, "alice", "support", tier=2)
    published.clear()
    with pytest.raises(NotAllowed, match="nobody in tier 2, but agents in tier 3"):
        do(memberships.assign, "alice", "support", tier=3)
    with pytest.raises(NotAllowed, match="assign somebody to tier 1 first"):
        do(memberships.unassign, "bob", "support")
    with pytest.raises(NotAllowed, match="nobody in tier 1"):
        do(memberships.assign, "bob", "support", tier=2)
    assert (places(engine), places(engine, "bob"), published) == (
        [QueuePlace(1, "support", 0, 2)],
        [QueuePlace(1, "support", 0, 1)],
        [],
    )


def test_an_empty_tier_that_is_there_is_found(engine: Engine) -> None:
    with engine.begin() as connection:
        stored = [rows.membership(tier=3, queue_id=2), rows.membership(agent_id=2, queue_id=2, tier=1)]
        rows.store(connection, Membership, *stored, rows.membership(tier=1))
        assert memberships.empty_tiers(connection) == {"sales": 2}


def test_skills_are_learned_and_forgotten(do: Do, engine: Engine, published: list[Event]) -> None:
    do(memberships.set_skill, "alice", "french", 3)
    do(memberships.set_skill, "alice", "french", 7, by="mary")
    do(memberships.set_skill, "alice", "gold", 1)
    assert levels(engine) == {"french": 7, "gold": 1}
    with engine.connect() as connection:
        assert memberships.known_skills(connection) == {"french", "gold"}
    do(memberships.set_skill, "alice", "gold", 0)
    assert levels(engine) == {"french": 7}
    with engine.connect() as connection:
        assert memberships.known_skills(connection) == {"french"}
    assert published[1].payload == {"skill": "french", "level": 7, "by": "mary"}
    assert published[3].payload == {"skill": "gold", "level": 0, "by": None}


@pytest.mark.parametrize(
    ("change", "arguments", "error", "said"),
    [
        (memberships.assign, ("alice", "nights"), QueueNotFound, "nights"),
        (memberships.assign, ("carol", "support"), AgentNotFound, "carol"),
        (memberships.unassign, ("alice", "nights"), QueueNotFound, "nights"),
        (memberships.unassign, ("carol", "support"), AgentNotFound, "carol"),
        (memberships.unassign, ("alice", "sales"), NotAllowed, "alice does not serve the queue sales"),
        (memberships.set_skill, ("carol", "french", 3), AgentNotFound, "carol"),
        (memberships.set_skill, ("alice", "french", 0), NotAllowed, "does not have the skill french"),
    ],
)
def test_what_is_impossible_is_refused_and_nothing_changes(
    do: Do,
    published: list[Event],
    change: Callable[..., None],
    arguments: tuple[Any, ...],
    error: type[Exception],
    said: str,
) -> None:
    with pytest.raises(error, match=said):
        do(change, *arguments)
    assert published == []
