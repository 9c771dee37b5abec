"""Compiles a Core statement once for a database, then runs it on the driver's own cursor.

SQLAlchemy spends about 20 us on each execution of a statement that it has compiled; run this way it is 2 us,
which matters where a call passes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import Select

from callengine.errors import DatabaseError

Statement = UpdateBase | Select[*tuple[Any, ...]]
Parameters = Mapping[str, Any]

_STATEMENTS_KEPT = 1000
"""Statements are built once, as constants of a module; if some are not, memory stays bounded all the same."""


class PreparedStatements:
    """The compiled statements of one dialect.

    Every value that changes is a `bindparam`; an IN over a fixed list is spelled out. Not for a list bound to
    one parameter, whose length would change the statement. Rows come out as the driver gives them: types of
    columns do nothing on that way.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._driver_error = dialect.loaded_dbapi.Error
        self._compiled: dict[tuple[int, tuple[str, ...]], Prepared] = {}

    def run(self, cursor: DBAPICursor, statement: Statement, parameters: Parameters) -> None:
        """Execute `statement` once. Raises DatabaseError if the database refuses it."""
        prepared = self._prepared(statement, parameters)
        try:
            cursor.execute(prepared.sql, prepared.bind(parameters))
        except self._driver_error as error:
            raise DatabaseError(describe(error)) from error

    def run_many(self, cursor: DBAPICursor, statement: Statement, rows: Sequence[Parameters]) -> None:
        """Execute `statement` for each of `rows` (not none; all with the same names).

        Raises DatabaseError if the database refuses it.
        """
        prepared = self._prepared(statement, rows[0])
        try:
            cursor.executemany(prepared.sql, [prepared.bind(row) for row in rows])
        except self._driver_error as error:
            raise DatabaseError(describe(error)) from error

    def _prepared(self, statement: Statement, parameters: Parameters) -> "Prepared":
        key = (id(statement), tuple(parameters))
        prepared = self._compiled.get(key)
        if prepared is None:
            if len(self._compiled) >= _STATEMENTS_KEPT:
                self._compiled.clear()
            prepared = self._compiled[key] = Prepared(statement, parameters, self._dialect)
        return prepared


class Prepared:
    """One statement's SQL and how its parameters are laid out; keeps the statement, so its id stays taken."""

    def __init__(self, statement: Statement, parameters: Parameters, dialect: Dialect) -> None:
        self._statement = statement
        compiled = statement.compile(dialect=dialect, column_keys=list(parameters))
        expanded = compiled.construct_expanded_state(dict(parameters))
        converters = dict(_converters(compiled.binds, dialect)) | dict(expanded.processors)
        self.sql: str = expanded.statement
        self._order: Sequence[str] | None = expanded.positiontup
        self._converters = [(name, converters[name]) for name in parameters if name in converters]
        self._constants = {
            name: converters[name](value) if name in converters else value
            for name, value in expanded.parameters.items()
            if name not in parameters
        }

    def bind(self, parameters: Parameters) -> Any:
        """The driver's parameters: a tuple where the dialect counts them, else a mapping."""
        values = {**self._constants, **parameters}
        for name, converter in self._converters:
            values[name] = converter(values[name])
        if self._order is None:
            return values
        return tuple([values[name] for name in self._order])


def _converters(
    binds: Mapping[str, BindParameter[Any]], dialect: Dialect
) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    for name, bind in binds.items():
        converter = bind.type.dialect_impl(dialect).bind_processor(dialect)
        if converter is not None:
            yield name, converter


def describe(error: BaseException) -> str:
    """One line that says what the database said, without the statement and its values."""
    said = getattr(error, "orig", None) or error
    lines = str(said).strip().splitlines()
    return f"database: {lines[0] if lines else type(said).__name__}"
