"""What a unit of work gets to write with: statements, guards, and the events that go with them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine import CursorResult
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.dml import UpdateBase

from callengine.db.prepared import Parameters, PreparedStatements, Statement
from callengine.errors import GuardFailed
from callengine.events.types import JSON, EventType

_to_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that has no number yet; `stored` is its payload as the log keeps it."""

    type: EventType
    call_id: str | None
    queue: str | None
    agent: str | None
    payload: dict[str, JSON]
    stored: str


class Transaction:
    """One unit's part of a committer's transaction.

    A unit must not wait for anything but the database, nor keep this object: what it does is undone if it
    raises. `now` (seconds since the epoch) is one time for the whole group of units.
    """

    def __init__(
        self, connection: Connection, cursor: DBAPICursor, prepared: PreparedStatements, now: float
    ) -> None:
        self.connection = connection
        self.now = now
        self.events: list[NewEvent] = []
        self._cursor = cursor
        self._prepared = prepared

    def execute(
        self, statement: Executable, parameters: Parameters | Sequence[Parameters] | None = None
    ) -> CursorResult[Any]:
        """Execute any statement through SQLAlchemy, with its types on the way in and out."""
        return self.connection.execute(statement, parameters)

    def change(self, statement: UpdateBase, parameters: Parameters | None = None) -> int:
        """Execute a constant INSERT, UPDATE or DELETE the quick way; the number of rows that it changed.

        Raises DatabaseError if the database refuses it.
        """
        self._prepared.run(self._cursor, statement, parameters or {})
        return self._cursor.rowcount

    def fetch(self, statement: Statement, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """Execute a constant SELECT, or a change with RETURNING, the quick way; rows as the driver has them.

        Types of columns do nothing: fit for numbers and our own words, not for WireText and JsonText.
        """
        self._prepared.run(self._cursor, statement, parameters or {})
        return list(self._cursor.fetchall())

    def guard(self, statement: UpdateBase, parameters: Parameters | None = None, *, what: str) -> None:
        """Like `change`. Raises GuardFailed(what) unless exactly one row was changed."""
        if self.change(statement, parameters) != 1:
            raise GuardFailed(what)

    def add_event(
        self,
        type: EventType,
        *,
        call_id: str | None = None,
        queue: str | None = None,
        agent: str | None = None,
        **payload: JSON,
    ) -> None:
        """Log that something happened; it gets its number at the end of the group and is published after.

        `queue` and `agent` are names. Raises ValueError or TypeError if `payload` is no JSON.
        """
        self.events.append(NewEvent(type, call_id, queue, agent, payload, _to_json(payload)))
