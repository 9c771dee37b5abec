from typing import Any

from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.exc import IntegrityError

from callengine.db.base import Base
from callengine.db.models import (
    Agent,
    AgentSkill,
    Binding,
    Call,
    Leg,
    LoggedEvent,
    LogHead,
    Membership,
    Offer,
    Queue,
    QueueEntry,
    Skill,
)
from tests.fakes import rows

REFUSED: list[tuple[type[Base], dict[str, Any]]] = [
    (Agent, rows.agent(id=2, name="bob", state="asleep")),
    (Agent, rows.agent(id=2, name="bob", load=-1)),
    (Agent, rows.agent(id=2, name="bob", max_concurrent_calls=0)),
    (Agent, rows.agent(id=2, name="alice")),
    (Agent, rows.agent(id=2, name="bob", tenant_id=9)),
    (Agent, rows.agent(id=2, name="bob", ha1_md5=None)),
    (Queue, rows.queue(id=2, name="sales", source="elsewhere")),
    (Queue, rows.queue(id=2, name="sales", capacity=0)),
    (Queue, rows.queue(id=2, name="sales", depth=-1)),
    (Queue, rows.queue(id=2, name="sales", max_wait_time_seconds=0.0)),
    (Queue, rows.queue(id=2, name="sales", ring_timeout_seconds=0.0)),
    (Queue, rows.queue(id=2, name="sales", wrap_up_seconds=-1.0)),
    (Queue, rows.queue(id=2, name="support")),
    (Queue, rows.queue(id=2, name="sales", last_agent_id=9)),
    (Membership, rows.membership()),
    (Membership, rows.membership(queue_id=9)),
    (AgentSkill, {"agent_id": 1, "skill_id": 1, "level": 0}),
    (AgentSkill, {"agent_id": 1, "skill_id": 1, "level": 11}),
    (AgentSkill, {"agent_id": 1, "skill_id": 9, "level": 1}),
    (Binding, rows.binding(id=2)),
    (Binding, rows.binding(id=2, contact="sip:x@h", agent_id=9)),
    (Binding, rows.binding(id=2, contact="sip:x@h", port=65536)),
    (Call, rows.call(id="d" * 32, state="lost")),
    (Call, rows.call(id="d" * 32, state="ended")),
    (Call, rows.call(id="d" * 32, state="ended", ended_at=rows.NOW)),
    (Call, rows.call(id="d" * 32, ended_at=rows.NOW, disposition="answered")),
    (Call, rows.call(id="d" * 32, state="ended", ended_at=rows.NOW, disposition="gone")),
    (Call, rows.call(id="d" * 32, hung_up_by="nobody")),
    (Call, rows.call(id="d" * 32, queue_id=9)),
    (Leg, rows.leg(id="2" * 32, role="spy")),
    (Leg, rows.leg(id="2" * 32, direction="sideways")),
    (Leg, rows.leg(id="2" * 32, state="lost")),
    (Leg, rows.leg(id="2" * 32, direction_of_media="both")),
    (Leg, rows.leg(id="2" * 32, media_port=70000)),
    (Leg, rows.leg(id="2" * 32, call_id="d" * 32)),
    (Leg, rows.leg(id="2" * 32, offer_id="d" * 32)),
    (Leg, rows.leg(id="2" * 32, peer_leg_id="d" * 32)),
    (Leg, rows.leg(id="2" * 32, binding_id=9)),
    (QueueEntry, rows.entry(id="d" * 32, state="lost")),
    (QueueEntry, rows.entry(id="d" * 32, rounds=-1)),
    (QueueEntry, rows.entry(id="d" * 32, call_id="d" * 32)),
    (QueueEntry, rows.entry(id="d" * 32, queue_id=9)),
    (Offer, rows.offer(id="d" * 32, state="lost")),
    (Offer, rows.offer(id="d" * 32, entry_id="d" * 32)),
    (Offer, rows.offer(id="d" * 32, agent_id=9)),
    (LogHead, {"id": 2, "last": 0}),
    (LoggedEvent, {"number": 1, "at": 1.0, "type": "again", "payload": {}}),
]


def test_what_the_floor_does_is_accepted(engine: Engine) -> None:
    with engine.begin() as connection:
        rows.store_call(connection)
        ended = rows.call(
            id="d" * 32, state="ended", ended_at=rows.NOW, disposition="abandoned", hung_up_by="caller"
        )
        rows.store(connection, Call, ended)
        rows.store(connection, Skill, {"id": 1, "tenant_id": 1, "name": "french"})
        connection.execute(insert(AgentSkill), [{"agent_id": 1, "skill_id": 1, "level": 10}])
        row = connection.execute(select(Agent.load, Agent.max_concurrent_calls)).one()
    assert row == (0, 1)


def test_the_database_refuses_what_cannot_be(engine: Engine) -> None:
    with engine.begin() as connection:
        rows.store_call(connection)
        rows.store(connection, Skill, {"id": 1, "tenant_id": 1, "name": "french"})
    accepted = [(model, row) for model, row in REFUSED if not is_refused(engine, model, row)]
    assert accepted == []


def is_refused(engine: Engine, model: type[Base], row: dict[str, Any]) -> bool:
    with engine.connect() as connection:
        try:
            connection.execute(insert(model), [row])
        except IntegrityError:
            return True
    return False


def test_a_leg_outlives_its_binding(engine: Engine) -> None:
    with engine.begin() as connection:
        rows.store_call(connection)
        rows.store(connection, Leg, rows.leg(id="2" * 32, binding_id=1))
        connection.execute(delete(Binding))
        assert connection.scalar(select(Leg.binding_id).where(Leg.id == "2" * 32)) is None


def test_keys_are_given_by_the_database(engine: Engine) -> None:
    with engine.begin() as connection:
        without_id = rows.agent()
        del without_id["id"]
        rows.store(connection, Agent, without_id, without_id | {"name": "bob"})
        ids = connection.scalars(select(Agent.id)).all()
    assert len(set(ids)) == 2
