from dataclasses import replace

import pytest
from sqlalchemy import Engine, insert, select

from callengine.db.committer import Committer
from callengine.db.models import Agent, Membership, Queue
from callengine.db.repositories import queues
from callengine.db.repositories.queues import QueueRecord
from callengine.errors import AgentNotFound, DatabaseError, QueueNotFound, SettingsError
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


def test_a_queue_that_settings_forget_keeps_its_row(committer: Committer, engine: Engine) -> None:
    committer.commit(lambda tx: queues.sync_from_settings(tx, BOTH))
    committer.commit(lambda tx: queues.sync_from_settings(tx, {"support": SUPPORT}))
    assert [queue.name for queue in read(engine)] == ["sales", "support"]


def test_queues_defined_twice_are_refused_by_name(
    committer: Committer, engine: Engine, published: list[Event]
) -> None:
    with engine.begin() as connection:
        twice = [rows.queue(name="support"), rows.queue(id=2, name="sales"), rows.queue(id=3, name="own")]
        connection.execute(insert(Queue), twice)
    with pytest.raises(SettingsError) as refused:
        committer.commit(lambda tx: queues.sync_from_settings(tx, BOTH | {"new": SALES}))
    assert [problem.split(":")[0] for problem in refused.value.problems] == ["queues.support", "queues.sales"]
    assert len(read(engine)) == 3
    assert published == []


def test_what_a_check_refuses_is_a_database_error(committer: Committer, engine: Engine) -> None:
    with pytest.raises(DatabaseError, match="ck_queues_capacity"):
        committer.commit(
            lambda tx: queues.sync_from_settings(
                tx, {"support": SUPPORT, "sales": replace(SALES, capacity=0)}
            )
        )
    assert read(engine) == []


@pytest.fixture
def _staffed(committer: Committer, engine: Engine) -> None:
    committer.commit(lambda tx: queues.sync_from_settings(tx, BOTH))
    with engine.begin() as connection:
        rows.store(connection, Agent, rows.agent())


@pytest.mark.usefixtures("_staffed")
def test_members_come_move_and_go(committer: Committer, engine: Engine, published: list[Event]) -> None:
    published.clear()

    def places() -> list[tuple[int, int]]:
        with engine.connect() as connection:
            found = connection.execute(select(Membership.agent_id, Membership.position)).all()
        return [(row.agent_id, row.position) for row in found]

    committer.commit(lambda tx: queues.add_member(tx, "support", "alice"))
    assert places() == [(1, 0)]
    committer.commit(lambda tx: queues.add_member(tx, "support", "alice", position=4))
    assert places() == [(1, 4)]
    committer.commit(lambda tx: queues.remove_member(tx, "sales", "alice"))
    assert places() == [(1, 4)]
    committer.commit(lambda tx: queues.remove_member(tx, "support", "alice"))
    assert places() == []
    assert [one.payload["member"] for one in published] == [True, True, False, False]
    assert {(one.type, one.agent) for one in published} == {(EventType.AGENT_CHANGED, "alice")}


@pytest.mark.usefixtures("_staffed")
def test_unknown_names_are_told(committer: Committer) -> None:
    for change in (queues.add_member, queues.remove_member):
        with pytest.raises(QueueNotFound, match="nights"):
            committer.commit(lambda tx, change=change: change(tx, "nights", "alice"))  # type: ignore[misc]
        with pytest.raises(AgentNotFound, match="bob"):
            committer.commit(lambda tx, change=change: change(tx, "support", "bob"))  # type: ignore[misc]
