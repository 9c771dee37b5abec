from typing import Any

import pytest
from sqlalchemy import Engine, insert, select

from callengine.db.committer import Committer, Transaction
from callengine.db.models import Agent, AgentSkill, Membership, Queue, Skill
from callengine.db.repositories import agents
from callengine.db.repositories.agents import AgentRecord, QueuePlace
from callengine.errors import AgentExists, DatabaseError, QueueNotFound
from callengine.events.types import Event, EventType
from callengine.vocabulary import AgentState
from tests.fakes import rows

HA1 = {"MD5": "5" * 32, "SHA-256": "2" * 64}


@pytest.fixture(autouse=True)
def _stored(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(insert(Queue), [rows.queue(), rows.queue(id=2, name="sales")])


def add(tx: Transaction, name: str = "alice", **options: Any) -> int:
    return agents.add_agent(tx, name, ha1=HA1, realm="call-center.local", **options)


def test_an_added_agent_is_offline_and_idle(
    committer: Committer, engine: Engine, published: list[Event]
) -> None:
    agent_id = committer.commit(
        lambda tx: add(tx, queues=["support", "sales"], skills={"french": 3}, max_concurrent_calls=2)
    )
    with engine.connect() as connection:
        assert agents.read_agents(connection) == [
            AgentRecord(
                id=agent_id,
                name="alice",
                state=AgentState.OFFLINE,
                state_since=1_700_000_000.0,
                load=0,
                max_concurrent_calls=2,
                available_since=None,
                wrap_up_until=None,
                pause_reason=None,
                queues=(QueuePlace(2, "sales", 0), QueuePlace(1, "support", 0)),
                skills={"french": 3},
            )
        ]
    assert [(one.type, one.agent) for one in published] == [(EventType.AGENT_ADDED, "alice")]
    assert published[0].payload == {
        "agent_id": agent_id,
        "queues": ["support", "sales"],
        "queue_ids": [1, 2],
        "tiers": [1, 1],
        "skills": {"french": 3},
        "max_concurrent_calls": 2,
        "by": None,
    }


def test_secrets_are_found_by_name_and_published_nowhere(
    committer: Committer, engine: Engine, published: list[Event]
) -> None:
    agent_id = committer.commit(add)
    with engine.connect() as connection:
        assert agents.credentials(connection, "alice") == HA1
        assert agents.credentials(connection, "Alice") is None
        assert agents.credentials(connection, b"\xff".decode(errors="surrogateescape")) is None
        assert agents.credentials(connection, "a\0lice") is None
        assert agents.find_id(connection, "alice") == agent_id
        assert agents.find_id(connection, "bob") is None
        assert agents.realms(connection) == {"call-center.local"}
    assert HA1["MD5"] not in str(published)


def test_a_name_is_taken_once(committer: Committer, engine: Engine) -> None:
    committer.commit(add)
    with pytest.raises(AgentExists, match="alice"):
        committer.commit(add)
    group = [committer.submit(lambda tx: add(tx, "bob")) for _ in range(2)]
    group[0].get()
    with pytest.raises(AgentExists, match="bob"):
        group[1].get()
    with engine.connect() as connection:
        assert [agent.name for agent in agents.read_agents(connection)] == ["alice", "bob"]


def test_an_unknown_queue_is_named_and_nothing_is_stored(
    committer: Committer, engine: Engine, published: list[Event]
) -> None:
    with pytest.raises(QueueNotFound, match=r"'nights', 'weekends'"):
        committer.commit(lambda tx: add(tx, queues=["weekends", "support", "nights"], skills={"x": 1}))
    with engine.connect() as connection:
        for model in (Agent, Membership, Skill, AgentSkill):
            assert connection.execute(select(model)).all() == []
    assert published == []


@pytest.mark.parametrize("options", [{"skills": {"french": 11}}, {"max_concurrent_calls": 0}])
def test_what_a_check_refuses_is_a_database_error(committer: Committer, options: dict[str, Any]) -> None:
    with pytest.raises(DatabaseError, match="ck_"):
        committer.commit(lambda tx: add(tx, **options))
    committer.commit(add)


def test_skills_are_shared_between_agents(committer: Committer, engine: Engine) -> None:
    committer.commit(lambda tx: add(tx, "alice", skills={"french": 3, "german": 1}))
    committer.commit(lambda tx: add(tx, "bob", skills={"french": 9}))
    with engine.connect() as connection:
        skills = {agent.name: agent.skills for agent in agents.read_agents(connection)}
        assert sorted(connection.scalars(select(Skill.name))) == ["french", "german"]
    assert skills == {"alice": {"french": 3, "german": 1}, "bob": {"french": 9}}


def test_a_queue_named_twice_is_joined_once(committer: Committer, engine: Engine) -> None:
    committer.commit(lambda tx: add(tx, queues=["support", "support"]))
    with engine.connect() as connection:
        assert len(agents.read_agents(connection)[0].queues) == 1
