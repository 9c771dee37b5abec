"""Fails every unit and transaction that changes a state column without logging an event that tells of it.

For a unit the event must be about what was changed: an agent's state and load want an event of an agent's
state, the others one of a call. For a transaction without committer any event will do.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from sqlalchemy import Connection, Engine, event

from callengine.db.committer import Pending
from callengine.db.engine import driver
from callengine.db.prepared import Parameters, Statement
from callengine.db.transaction import NewEvent, Transaction
from callengine.events.types import EventType

TABLES = "agents|calls|legs|queue_entries|offers"
CHANGE = re.compile(
    rf"UPDATE (?P<updated>{TABLES}) SET (?P<set>.*?)( WHERE |$)"
    rf"|INSERT INTO (?P<filled>{TABLES}) \((?P<columns>[^)]*)\)",
    re.DOTALL,
)
STATE = {"agents": r"\b(state|load)"}
"""The columns that are watched, where it is not `state` alone."""
OF_AGENTS = (EventType.AGENT_STATE_CHANGED, EventType.AGENT_ADDED)
EVENT = re.compile(r"INSERT INTO event_log\b|UPDATE alembic_version\b|DELETE FROM alembic_version\b")
"""A migration may rename words: that is no transition, and its own record is the revision."""


class StateChangedWithoutEvent(AssertionError):
    """A state column was changed, and no event of the same unit tells of it."""


@cache
def changes_state(sql: str) -> bool:
    """Whether the statement writes one of the watched `state` columns."""
    found = CHANGE.match(sql)
    if found is None:
        return False
    watched = STATE.get(table_of(sql) or "", r"\bstate")
    if found["set"] is not None:
        return re.search(rf"{watched}\s*=", found["set"]) is not None
    return re.search(rf"{watched}\b", found["columns"]) is not None


def table_of(sql: str) -> str | None:
    """The watched table that the statement changes."""
    found = CHANGE.match(sql)
    return None if found is None else found["updated"] or found["filled"]


def tells_of(sql: str, told: NewEvent) -> bool:
    """Whether the event is about what the statement changes."""
    if table_of(sql) == "agents":
        return told.agent is not None and told.type in OF_AGENTS
    return told.call_id is not None


class Frame:
    """What one unit, transaction or savepoint has done so far."""

    def __init__(self) -> None:
        self.changes: list[str] = []
        self.has_event = False

    def note(self, sql: str) -> None:
        if EVENT.match(sql):
            self.has_event = True
        elif changes_state(sql):
            self.changes.append(sql)

    def leave_untold(self, told: Sequence[NewEvent]) -> None:
        """Forget the changes that one of these events is about."""
        self.changes = [sql for sql in self.changes if not any(tells_of(sql, each) for each in told)]


class StateGuard:
    """Watches every engine and every committer from `install` on; `violations` says what it has found."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self._frames: WeakKeyDictionary[Connection, list[Frame]] = WeakKeyDictionary()
        self._units: WeakKeyDictionary[Connection, Frame] = WeakKeyDictionary()
        self._listeners: list[tuple[str, Callable[..., Any]]] = [
            ("before_cursor_execute", self._statement),
            ("begin", self._begin),
            ("savepoint", self._savepoint),
            ("rollback_savepoint", self._rollback_savepoint),
            ("release_savepoint", self._release_savepoint),
            ("commit", self._commit),
        ]

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Begin to watch; `patch` undoes what concerns committers."""
        for name, listener in self._listeners:
            event.listen(Engine, name, listener)
        self._watch_units(patch)
        self._watch_prepared(patch, "change")
        self._watch_prepared(patch, "fetch")

    def remove(self) -> None:
        """Stop to watch engines."""
        for name, listener in self._listeners:
            event.remove(Engine, name, listener)

    def _watch_units(self, patch: pytest.MonkeyPatch) -> None:
        run = Pending.run

        def watched(pending: Pending[Any], transaction: Transaction) -> bool:
            frame = self._units[transaction.connection] = Frame()
            try:
                done = run(pending, transaction)
            finally:
                del self._units[transaction.connection]
            if not frame.has_event:
                frame.leave_untold(transaction.events)
            failure = self._failure(frame) if done else None
            if failure is not None:
                pending.fail(failure)
            return done and failure is None

        patch.setattr(Pending, "run", watched)

    def _watch_prepared(self, patch: pytest.MonkeyPatch, name: str) -> None:
        execute = getattr(Transaction, name)

        def watched(
            transaction: Transaction, statement: Statement, parameters: Parameters | None = None
        ) -> Any:
            if transaction.connection in self._units:
                self._units[transaction.connection].note(_text(statement, tuple(parameters or ())))
            return execute(transaction, statement, parameters)

        patch.setattr(Transaction, name, watched)

    def _statement(self, connection: Connection, _cursor: Any, sql: str, *_: Any) -> None:
        unit = self._units.get(connection)
        if unit is not None:
            unit.note(sql)
        elif self._frames.get(connection):
            self._frames[connection][-1].note(sql)

    def _begin(self, connection: Connection) -> None:
        self._frames[connection] = [Frame()]

    def _savepoint(self, connection: Connection, _name: str) -> None:
        self._frames[connection].append(Frame())

    def _rollback_savepoint(self, connection: Connection, _name: str, _context: Any) -> None:
        self._frames[connection].pop()

    def _release_savepoint(self, connection: Connection, _name: str, _context: Any) -> None:
        inner = self._frames[connection].pop()
        failure = self._failure(inner)
        if failure is not None:
            raise failure
        self._frames[connection][-1].has_event |= inner.has_event

    def _commit(self, connection: Connection) -> None:
        failures = [self._failure(frame) for frame in self._frames.pop(connection, [])]
        for failure in filter(None, failures):
            driver(connection).rollback()  # SQLAlchemy thinks that what fails to commit is over
            raise failure

    def _failure(self, frame: Frame) -> StateChangedWithoutEvent | None:
        if not frame.changes or frame.has_event:
            return None
        self.violations.append(frame.changes[0])
        return StateChangedWithoutEvent(frame.changes[0])


@cache
def _text(statement: Statement, names: tuple[str, ...]) -> str:
    """The SQL as it is run: an UPDATE without values of its own sets the columns among the parameters."""
    return str(statement.compile(column_keys=list(names)))
