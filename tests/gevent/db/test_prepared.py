import pytest
from sqlalchemy import Engine, bindparam, delete, insert, select, update

from callengine.db.base import table_of
from callengine.db.engine import driver
from callengine.db.models import Agent, Leg, Queue
from callengine.db.prepared import PreparedStatements, describe
from callengine.errors import DatabaseError
from callengine.vocabulary import AgentState
from tests.fakes import rows

agents = table_of(Agent)
queues = table_of(Queue)
legs = table_of(Leg)

RAISE_LOAD = (
    update(agents)
    .where(
        agents.c.id == bindparam("agent"),
        agents.c.state.in_([AgentState.OFFLINE, AgentState.AVAILABLE]),
    )
    .values(load=agents.c.load + bindparam("by"), pause_reason=None)
)
INSERT_QUEUE = insert(queues)
SET_ROUTES = update(legs).where(legs.c.id == bindparam("leg")).values(route_set=bindparam("routes"))


def test_a_fixed_list_and_constants_are_part_of_the_statement(engine: Engine) -> None:
    prepared = PreparedStatements(engine.dialect)
    with engine.begin() as connection:
        rows.store_call(connection)
        cursor = driver(connection).cursor()
        for _ in range(3):
            prepared.run(cursor, RAISE_LOAD, {"agent": 1, "by": 2})
            assert cursor.rowcount == 1
        prepared.run(cursor, RAISE_LOAD, {"agent": 2, "by": 2})
        assert cursor.rowcount == 0
        assert connection.scalar(select(agents.c.load)) == 6


def test_the_names_given_decide_the_columns_of_an_insert(engine: Engine) -> None:
    prepared = PreparedStatements(engine.dialect)
    with engine.begin() as connection:
        cursor = driver(connection).cursor()
        prepared.run(cursor, INSERT_QUEUE, rows.queue())
        prepared.run(cursor, INSERT_QUEUE, rows.queue(id=2, name="sales", depth=7))
        assert connection.scalars(select(queues.c.depth).order_by(queues.c.id)).all() == [0, 7]


def test_many_rows_at_once(engine: Engine) -> None:
    prepared = PreparedStatements(engine.dialect)
    many = [rows.queue(id=number, name=f"q{number}") for number in range(1, 6)]
    with engine.begin() as connection:
        prepared.run_many(driver(connection).cursor(), INSERT_QUEUE, many)
        assert len(connection.scalars(select(queues.c.id)).all()) == 5


def test_types_of_columns_work_on_the_way_in(engine: Engine) -> None:
    undecodable = b"<sip:\xff>".decode(errors="surrogateescape")
    with engine.begin() as connection:
        rows.store_call(connection)
        statements = PreparedStatements(engine.dialect)
        statements.run(driver(connection).cursor(), SET_ROUTES, {"leg": "1" * 32, "routes": [undecodable]})
        assert connection.scalar(select(legs.c.route_set)) == [undecodable]


def test_a_refusal_is_a_database_error(engine: Engine) -> None:
    prepared = PreparedStatements(engine.dialect)
    with engine.connect() as connection, connection.begin() as transaction:
        cursor = driver(connection).cursor()
        with pytest.raises(DatabaseError, match="ck_queues_capacity"):
            prepared.run(cursor, INSERT_QUEUE, rows.queue(capacity=0))
        transaction.rollback()
    with engine.connect() as connection, connection.begin() as transaction:
        cursor = driver(connection).cursor()
        with pytest.raises(DatabaseError, match="ck_queues_capacity"):
            prepared.run_many(cursor, INSERT_QUEUE, [rows.queue(capacity=0)])
        transaction.rollback()


def test_statements_that_are_no_constants_do_not_pile_up(engine: Engine) -> None:
    prepared = PreparedStatements(engine.dialect)
    with engine.begin() as connection:
        cursor = driver(connection).cursor()
        for _ in range(1100):
            prepared.run(cursor, delete(queues).where(queues.c.id == bindparam("id")), {"id": 1})
    assert len(prepared._compiled) <= 1000


def test_what_the_database_says_is_one_line_without_values() -> None:
    assert describe(ValueError("first\nDETAIL: secret")) == "database: first"
    assert describe(ValueError()) == "database: ValueError"
