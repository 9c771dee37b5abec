"""Every statement of the repositories finds its rows by an index, but for those that want the whole table."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import BindParameter, Engine, bindparam, delete, insert, select, update
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import Select
from sqlalchemy.sql.visitors import iterate

from callengine.db import committer, repositories
from callengine.db.base import JsonText, table_of
from callengine.db.models import Agent, Queue
from callengine.db.prepared import Statement
from tests.fakes.explain import assert_uses_index

WHOLE_TABLE = {
    "agents.ALL_AGENTS",
    "agents.ALL_MEMBERSHIPS",
    "agents.ALL_SKILLS",
    "agents.REALMS",
    "queues.ALL_QUEUES",
}
"""What is read at the start of the service, or by its administration: it wants every row."""


def statements() -> Iterator[tuple[str, Statement]]:
    for module in pkgutil.iter_modules(repositories.__path__):
        loaded = import_module(f"{repositories.__name__}.{module.name}")
        for name, value in vars(loaded).items():
            if isinstance(value, UpdateBase | Select):
                yield f"{module.name}.{name}", value
    yield "committer.TAKE_NUMBERS", committer._TAKE_NUMBERS


FOUND = dict(statements())


def some_values(statement: Statement) -> dict[str, Any]:
    """A value of the right type for each parameter that the statement leaves open."""
    values: dict[str, Any] = {}
    for element in iterate(statement):
        if isinstance(element, BindParameter) and element.required:
            values[element.key] = [] if isinstance(element.type, JsonText) else _value(element)
    return values


def _value(parameter: BindParameter[Any]) -> Any:
    try:
        return parameter.type.python_type(1)
    except NotImplementedError:
        return 1


@pytest.mark.parametrize("name", sorted(FOUND.keys() - WHOLE_TABLE))
def test_an_index_is_used(engine: Engine, name: str) -> None:
    statement = FOUND[name]
    with engine.connect() as connection:
        if statement.is_insert and not statement.compile().params.keys() - some_values(statement).keys():
            assert_uses_index(connection, statement, some_values(statement))
        elif not statement.is_insert:
            assert_uses_index(connection, statement, some_values(statement))


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


@pytest.mark.parametrize("statement", SCANS)
def test_a_scan_is_noticed(engine: Engine, statement: Statement) -> None:
    with engine.connect() as connection, pytest.raises(AssertionError):
        assert_uses_index(connection, statement, some_values(statement) and {"given": "x"})
