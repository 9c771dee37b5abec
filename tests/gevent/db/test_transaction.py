import pytest
from sqlalchemy import Engine, bindparam, select, update

from callengine.db.base import table_of
from callengine.db.committer import Committer, Transaction
from callengine.db.models import Agent, Queue
from callengine.errors import DatabaseError, GuardFailed
from callengine.events.types import EventType
from tests.fakes import rows
from tests.fakes.clock import FakeClock

queues = table_of(Queue)
TAKE = (
    update(queues)
    .where(queues.c.id == bindparam("queue"), queues.c.depth < queues.c.capacity)
    .values(depth=queues.c.depth + 1)
    .returning(queues.c.depth)
)
SET_DEPTH = update(queues).where(queues.c.id >= bindparam("first")).values(depth=bindparam("new_depth"))


@pytest.fixture(autouse=True)
def _stored(engine: Engine) -> None:
    with engine.begin() as connection:
        rows.store(connection, Queue, rows.queue(), rows.queue(id=2, name="sales"))


def test_change_counts_rows(committer: Committer) -> None:
    def unit(tx: Transaction) -> list[int]:
        return [tx.change(SET_DEPTH, {"first": first, "new_depth": 1}) for first in (1, 2, 3)]

    assert committer.commit(unit) == [2, 1, 0]


def test_fetch_gives_rows(committer: Committer) -> None:
    assert committer.commit(lambda tx: tx.fetch(TAKE, {"queue": 1})) == [(1,)]
    assert committer.commit(lambda tx: tx.fetch(TAKE, {"queue": 9})) == []
    assert committer.commit(lambda tx: tx.fetch(select(queues.c.depth).order_by(queues.c.id))) == [(1,), (0,)]


def test_execute_is_sqlalchemys(committer: Committer) -> None:
    row = committer.commit(lambda tx: tx.execute(TAKE, {"queue": 1}).one())
    assert row.depth == 1


@pytest.mark.parametrize(("first", "passes"), [(1, False), (2, True), (3, False)])
def test_a_guard_wants_exactly_one_row(
    committer: Committer, engine: Engine, first: int, passes: bool
) -> None:
    def unit(tx: Transaction) -> None:
        tx.guard(SET_DEPTH, {"first": first, "new_depth": 5}, what="the queue is not as it was")

    if passes:
        committer.commit(unit)
    else:
        with pytest.raises(GuardFailed, match="not as it was"):
            committer.commit(unit)
    with engine.connect() as connection:
        assert connection.scalars(select(queues.c.depth).order_by(queues.c.id)).all() == [
            0,
            5 if passes else 0,
        ]


def test_there_is_one_time_for_a_group(committer: Committer, clock: FakeClock) -> None:
    def now(tx: Transaction) -> float:
        clock.advance(1)
        return tx.now

    group = [committer.submit(now) for _ in range(3)]
    assert {pending.get() for pending in group} == {1_700_000_000.0}


def test_a_payload_that_is_no_json_undoes_the_unit(committer: Committer, engine: Engine) -> None:
    def unit(tx: Transaction) -> None:
        tx.change(SET_DEPTH, {"first": 1, "new_depth": 3})
        tx.add_event(EventType.QUEUE_CHANGED, queue="support", depth=float("nan"))

    with pytest.raises(ValueError, match="JSON"):
        committer.commit(unit)
    with engine.connect() as connection:
        assert connection.scalars(select(queues.c.depth)).all() == [0, 0]


def add_agent(tx: Transaction, **values: object) -> None:
    with tx.orm() as session:
        session.add(Agent(**rows.agent(**values)))
    tx.add_event(EventType.AGENT_ADDED, agent="alice")


def test_the_orm_works_on_the_same_transaction(committer: Committer, engine: Engine) -> None:
    def failing(tx: Transaction) -> None:
        add_agent(tx, id=2, name="bob")
        raise KeyError

    group = [committer.submit(add_agent), committer.submit(failing)]
    group[0].get()
    with pytest.raises(KeyError):
        group[1].get()
    with engine.connect() as connection:
        assert connection.scalars(select(Agent.name)).all() == ["alice"]


def test_a_flush_that_fails_undoes_its_own_unit_alone(committer: Committer, engine: Engine) -> None:
    def refused(tx: Transaction) -> None:
        add_agent(tx, id=2, name="bob", load=-1)

    def carol(tx: Transaction) -> None:
        add_agent(tx, id=3, name="carol")

    group = [committer.submit(unit) for unit in (add_agent, refused, carol)]
    for place in (0, 2):
        group[place].get()
    with pytest.raises(DatabaseError, match="ck_agents_load"):
        group[1].get()
    with pytest.raises(DatabaseError, match="ck_agents_load"):
        committer.commit(refused)
    with engine.connect() as connection:
        assert sorted(connection.scalars(select(Agent.name))) == ["alice", "carol"]
