"""What a unit of work gets to write with: statements, guards, and the events that go with them."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine import CursorResult
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.orm import Session
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

    What a unit does is undone if it raises. It must not wait for anything but the database, keep this object,
    or go on after a DatabaseError (PostgreSQL takes no more statements then). `now` (seconds since the epoch)
    is one time for the whole group of units.
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

    @contextmanager
    def orm(self) -> Iterator[Session]:
        """An ORM session in this transaction, for administration; it is flushed at the end of the `with`.

        It works in a savepoint of its own, since a session whose flush fails undoes all that it can reach.
        """
        with Session(self.connection, join_transaction_mode="create_savepoint") as session:
            yield session
            session.commit()

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
