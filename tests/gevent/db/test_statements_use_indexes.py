"""Every statement of the repositories finds its rows by an index, but for those that want the whole table."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import Engine, Insert, bindparam, delete, insert, select, update
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import Select
from sqlalchemy.types import TypeEngine

from callengine.db import committer, repositories
from callengine.db.base import JsonText, WireText, table_of
from callengine.db.models import Agent, Queue
from callengine.db.prepared import Statement
from tests.fakes.explain import assert_uses_index

WHOLE_TABLE = {
    "agents.ALL_AGENTS",
    "agents.ALL_MEMBERSHIPS",
    "agents.ALL_SKILLS",
    "agents.EVERY_NAME",
    "agents.REALMS",
    "calls.TOTALS",
    "memberships.KNOWN_SKILLS",
    "memberships.TIERS",
    "queues.ALL_QUEUES",
    "shifting.OF_AGENTS",
    "shifting.OF_BINDINGS",
    "standings.REGISTERED",
}
"""What is read at the start, by administration, or when all agents are compared: it wants every row."""


def statements() -> Iterator[tuple[str, Statement]]:
    for module in pkgutil.iter_modules(repositories.__path__):
        loaded = import_module(f"{repositories.__name__}.{module.name}")
        for name, value in vars(loaded).items():
            if isinstance(value, UpdateBase | Select):
                yield f"{module.name}.{name}", value
    yield "committer.TAKE_NUMBERS", committer._TAKE_NUMBERS


FOUND = dict(statements())


def some_values(statement: Statement, engine: Engine) -> dict[str, Any]:
    """A value of the right type for each parameter that the statement leaves open."""
    columns = None
    if isinstance(statement, Insert) and statement.select is None:
        columns = statement.table.c.keys()
    compiled = statement.compile(dialect=engine.dialect, column_keys=columns)
    open_ones = {name: bind for name, bind in compiled.binds.items() if bind.required}
    return {name: _value(bind.type) for name, bind in open_ones.items()}


def _value(kind: TypeEngine[Any]) -> Any:
    if isinstance(kind, JsonText):
        return []
    return "1" if isinstance(kind, WireText) else kind.python_type(1)


def test_an_index_is_used(engine: Engine) -> None:
    with engine.connect() as connection:
        for name in FOUND.keys() - WHOLE_TABLE:
            assert_uses_index(connection, FOUND[name], some_values(FOUND[name], engine))


def test_the_exceptions_exist() -> None:
    assert FOUND.keys() >= WHOLE_TABLE


agents = table_of(Agent)
queues = table_of(Queue)
SCANS: list[Statement] = [
    select(agents.c.id).where(agents.c.state == bindparam("given")),
    select(agents.c.id),
    update(agents).where(agents.c.realm == bindparam("given")).values(load=0),
    delete(agents).where(agents.c.realm == bindparam("given")),
    select(agents.c.id).join_from(agents, queues, agents.c.realm == queues.c.strategy),
    insert(queues).from_select(["name"], select(agents.c.name).where(agents.c.realm == bindparam("given"))),
]


def test_a_scan_is_noticed(engine: Engine) -> None:
    with engine.connect() as connection:
        for statement in SCANS:
            with pytest.raises(AssertionError):
                assert_uses_index(connection, statement, some_values(statement, engine))
