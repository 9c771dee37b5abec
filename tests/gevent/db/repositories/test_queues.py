from dataclasses import replace

import pytest
from sqlalchemy import Engine, insert

from callengine.db.committer import Committer
from callengine.db.models import Queue
from callengine.db.repositories import queues
from callengine.db.repositories.queues import QueueRecord
from callengine.errors import DatabaseError
from callengine.events.types import Event, EventType
from tests.fakes import rows

SUPPORT = rows.rules()
SALES = rows.rules(strategy="longest_idle", capacity=5, max_wait_time_seconds=60.0, wrap_up_seconds=30.0)
BOTH = {"support": SUPPORT, "sales": SALES}


def read(engine: Engine) -> list[QueueRecord]:
    with engine.connect() as connection:
        return queues.read_queues(connection)


def test_new_queues_are_created(committer: Committer, engine: Engine, published: list[Event]) -> None:
    committer.commit(lambda tx: queues.sync_from_settings(tx, BOTH))
    sales, support = read(engine)
    assert (sales.name, sales.source, sales.depth, sales.last_agent_id) == ("sales", "settings", 0, None)
    assert (support.name, support.rules) == ("support", SUPPORT)
    assert [(one.type, one.queue) for one in published] == [
        (EventType.QUEUE_CREATED, "support"),
        (EventType.QUEUE_CREATED, "sales"),
    ]
    assert published[1].payload["capacity"] == 5


def test_a_change_is_told_with_what_changed(
    committer: Committer, engine: Engine, published: list[Event]
) -> None:
    committer.commit(lambda tx: queues.sync_from_settings(tx, BOTH))
    before = read(engine)
    published.clear()
    changed = replace(SALES, capacity=7, ring_timeout_seconds=10.0)
    committer.commit(lambda tx: queues.sync_from_settings(tx, {"support": SUPPORT, "sales": changed}))
    assert [(one.type, one.queue, one.payload) for one in published] == [
        (EventType.QUEUE_CHANGED, "sales", {"capacity": 7, "ring_timeout_seconds": 10.0})
    ]
    assert read(engine) == [replace(before[0], rules=changed), before[1]]


def test_the_same_settings_change_nothing(committer: Committer, published: list[Event]) -> None:
    committer.commit(lambda tx: queues.sync_from_settings(tx, {"support": SUPPORT}))
    published.clear()
    committer.commit(lambda tx: queues.sync_from_settings(tx, {"support": SUPPORT}))
    assert published == []


def test_skill_steps_come_back_as_they_were_and_are_no_change(
    committer: Committer, engine: Engine, published: list[Event]
) -> None:
    steps = (
        {"after_seconds": 0.0, "all": ["french>=3"], "any": []},
        {"after_seconds": 9.5, "all": [], "any": []},
    )
    french = replace(SUPPORT, skills=steps)
    committer.commit(lambda tx: queues.sync_from_settings(tx, {"support": french}))
    (stored,) = read(engine)
    assert stored.rules == french
    assert hash(stored.rules) == hash(french)
    published.clear()
    committer.commit(lambda tx: queues.sync_from_settings(tx, {"support": french}))
    assert published == []
    committer.commit(lambda tx: queues.sync_from_settings(tx, {"support": SUPPORT}))
    assert [one.payload for one in published] == [{"skills": ()}]


def test_a_queue_that_settings_forget_keeps_its_row(committer: Committer, engine: Engine) -> None:
    committer.commit(lambda tx: queues.sync_from_settings(tx, BOTH))
    committer.commit(lambda tx: queues.sync_from_settings(tx, {"support": SUPPORT}))
    assert [queue.name for queue in read(engine)] == ["sales", "support"]


def test_queues_of_the_database_are_left_alone(
    committer: Committer, engine: Engine, published: list[Event]
) -> None:
    with engine.begin() as connection:
        twice = [rows.queue(name="support"), rows.queue(id=2, name="sales"), rows.queue(id=3, name="own")]
        connection.execute(insert(Queue), twice)
    before = read(engine)
    committer.commit(lambda tx: queues.sync_from_settings(tx, BOTH))
    assert read(engine) == before
    assert published == []


def test_what_a_check_refuses_is_a_database_error(committer: Committer, engine: Engine) -> None:
    with pytest.raises(DatabaseError, match="ck_queues_capacity"):
        committer.commit(
            lambda tx: queues.sync_from_settings(
                tx, {"support": SUPPORT, "sales": replace(SALES, capacity=0)}
            )
        )
    assert read(engine) == []
