import pytest
from sqlalchemy import Engine, bindparam, insert, select, text, update
from sqlalchemy.orm import Session

from callengine.db.base import table_of
from callengine.db.committer import Committer, Transaction
from callengine.db.models import Agent, Call, LoggedEvent, Queue
from callengine.events.types import EventType
from tests.fakes import rows
from tests.fakes.state_guard import StateChangedWithoutEvent, StateGuard, changes_state

agents = table_of(Agent)
SET_STATE = update(agents).where(agents.c.id == bindparam("agent")).values(state=bindparam("new_state"))
SET_SINCE = update(agents).where(agents.c.state == "offline").values(state_since=1.0)
SET_RETURNING = update(agents).where(agents.c.id == 1).values(state="paused").returning(agents.c.load)


@pytest.fixture(autouse=True)
def _stored(engine: Engine) -> None:
    with engine.begin() as connection:
        rows.store(connection, Agent, rows.agent())
        rows.store(connection, Queue, rows.queue())


def logged(number: int = 99) -> LoggedEvent:
    return LoggedEvent(number=number, at=1.0, type="agent_state_changed", payload={})


def state_of(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.scalar(select(Agent.state)))


def expect_violation(guard: StateGuard) -> None:
    assert len(guard.violations) == 1
    guard.violations.clear()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("UPDATE agents SET state=? WHERE agents.id = ?", True),
        ("UPDATE agents SET load=?, state=?", True),
        ("UPDATE agents SET load=? WHERE agents.id = ?", True),
        ("UPDATE agents SET pause_reason=?, max_load=?", False),
        ("UPDATE calls SET load=?", False),
        ("UPDATE agents SET state_since=? WHERE agents.state = ?", False),
        ("UPDATE queues SET state=?", False),
        ("INSERT INTO calls (id, state, node) VALUES (?, ?, ?)", True),
        ("INSERT INTO agents (id, state_since) VALUES (?, ?)", False),
        ("SELECT state FROM calls", False),
        ("INSERT INTO event_log (number) VALUES (?)", False),
    ],
)
def test_which_statements_change_a_state(sql: str, expected: bool) -> None:
    assert changes_state(sql) is expected


def quick(tx: Transaction) -> None:
    tx.guard(SET_STATE, {"agent": 1, "new_state": "available"}, what="gone")


def by_execute(tx: Transaction) -> None:
    tx.execute(SET_STATE, {"agent": 1, "new_state": "available"})


def by_fetch(tx: Transaction) -> None:
    tx.fetch(SET_RETURNING)


def by_insert(tx: Transaction) -> None:
    tx.execute(insert(Call), rows.call())


def by_orm(tx: Transaction) -> None:
    with tx.orm() as session:
        session.get_one(Agent, 1).state = "available"


UNITS = [quick, by_execute, by_fetch, by_insert, by_orm]


@pytest.mark.parametrize("change", UNITS)
@pytest.mark.parametrize("others", [0, 2])
def test_a_unit_without_event_fails_and_leaves_nothing(
    committer: Committer, engine: Engine, state_guard: StateGuard, change: object, others: int
) -> None:
    assert callable(change)
    group = [committer.submit(with_event) for _ in range(others)]
    guilty = committer.submit(change)
    for pending in group:
        pending.get()
    with pytest.raises(StateChangedWithoutEvent):
        guilty.get()
    expect_violation(state_guard)
    assert state_of(engine) == ("busy" if others else "offline")


def with_event(tx: Transaction) -> None:
    tx.change(SET_STATE, {"agent": 1, "new_state": "busy"})
    tx.add_event(EventType.AGENT_STATE_CHANGED, agent="alice")


@pytest.mark.parametrize("change", UNITS)
def test_a_unit_with_event_passes(committer: Committer, change: object) -> None:
    def unit(tx: Transaction) -> None:
        assert callable(change)
        tx.add_event(EventType.AGENT_STATE_CHANGED, agent="alice", call_id="c" * 32)
        change(tx)

    committer.commit(unit)


@pytest.mark.parametrize("change", UNITS)
def test_an_event_about_something_else_does_not_count(
    committer: Committer, state_guard: StateGuard, change: object
) -> None:
    def unit(tx: Transaction) -> None:
        assert callable(change)
        of_what_else = {"agent": "alice"} if change is by_insert else {"call_id": "c" * 32}
        tx.add_event(EventType.CALL_OFFERED, **of_what_else)
        change(tx)

    with pytest.raises(StateChangedWithoutEvent):
        committer.commit(unit)
    expect_violation(state_guard)


def test_the_event_of_another_unit_does_not_count(committer: Committer, state_guard: StateGuard) -> None:
    group = [committer.submit(with_event), committer.submit(quick)]
    group[0].get()
    with pytest.raises(StateChangedWithoutEvent):
        group[1].get()
    expect_violation(state_guard)


def test_what_a_unit_undid_by_raising_is_no_violation(committer: Committer) -> None:
    def unit(tx: Transaction) -> None:
        quick(tx)
        raise LookupError

    with pytest.raises(LookupError):
        committer.commit(unit)


def test_other_columns_need_no_event(committer: Committer) -> None:
    assert committer.commit(lambda tx: tx.change(SET_SINCE)) == 1


def test_core_without_event_fails_at_the_commit(engine: Engine, state_guard: StateGuard) -> None:
    with pytest.raises(StateChangedWithoutEvent), engine.begin() as connection:
        connection.execute(SET_STATE, {"agent": 1, "new_state": "busy"})
    expect_violation(state_guard)
    with pytest.raises(StateChangedWithoutEvent), engine.begin() as connection:
        connection.execute(text("UPDATE agents SET state='busy'"))
    expect_violation(state_guard)
    assert state_of(engine) == "offline"


def test_core_with_event_passes(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(SET_STATE, {"agent": 1, "new_state": "busy"})
        connection.execute(insert(LoggedEvent), [{"number": 9, "at": 1.0, "type": "x", "payload": {}}])
    assert state_of(engine) == "busy"


def test_a_flush_without_event_fails_at_the_commit(engine: Engine, state_guard: StateGuard) -> None:
    with Session(engine) as session:
        session.get_one(Agent, 1).state = "busy"
        with pytest.raises(StateChangedWithoutEvent):
            session.commit()
    expect_violation(state_guard)
    with Session(engine) as session:
        session.add(Call(**rows.call()))
        session.flush()
        with pytest.raises(StateChangedWithoutEvent):
            session.commit()
    expect_violation(state_guard)
    assert state_of(engine) == "offline"


def test_a_flush_with_event_passes(engine: Engine) -> None:
    with Session(engine) as session:
        session.get_one(Agent, 1).state = "busy"
        session.flush()
        session.add(logged())
        session.commit()
    assert state_of(engine) == "busy"


def test_an_event_outside_the_savepoint_does_not_count(engine: Engine, state_guard: StateGuard) -> None:
    with Session(engine) as session:
        session.add(logged())
        nested = session.begin_nested()
        session.get_one(Agent, 1).state = "busy"
        with pytest.raises(StateChangedWithoutEvent):
            nested.commit()
    expect_violation(state_guard)


def test_a_savepoint_that_is_rolled_back_is_forgotten(engine: Engine) -> None:
    with Session(engine) as session:
        nested = session.begin_nested()
        session.get_one(Agent, 1).state = "busy"
        session.flush()
        nested.rollback()
        session.commit()
    assert state_of(engine) == "offline"


def test_a_savepoint_with_its_event_passes(engine: Engine) -> None:
    with Session(engine) as session:
        with session.begin_nested():
            session.get_one(Agent, 1).state = "busy"
            session.add(logged())
        session.commit()
    assert state_of(engine) == "busy"
