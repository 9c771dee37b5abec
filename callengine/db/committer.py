"""The committer: the one writer of a node, which turns units of work into grouped, numbered commits.

Theory of operation. Stories hand over units, functions over a Transaction, and wait. One greenlet takes the
units that are ready (at most `group_limit`) into one database transaction:

    BEGIN
    each unit in its own savepoint (a unit alone needs none); one that raises is undone, the others go on
    UPDATE log_head SET last = last + n RETURNING last      gives the group's events their numbers
    INSERT INTO event_log ...
    COMMIT
    publish the events, then let the waiters go

The log head is written last and held until the COMMIT, so numbers rise in the order of the commits, over
all nodes: a reader who has seen number n misses no smaller one. On SQLite nothing between BEGIN and COMMIT
switches greenlets; on PostgreSQL the same statements wait cooperatively. Before BEGIN the committer takes the
write turn, which it shares with whatever else writes to this database (`checkpoint`).

Where a commit waits for the disk (SQLite with `synchronous` "full"), the COMMIT alone is made in a native
thread: other greenlets run meanwhile, nobody else has the turn, and the units that come are the next group.
SQLite shows a commit to readers only when it is on the disk, so nobody sees one that a power cut takes back.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

import gevent
from gevent.event import AsyncResult, Event
from gevent.lock import BoundedSemaphore
from loguru import logger
from sqlalchemy import Connection, Engine, Text, bindparam, insert, update
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import SQLAlchemyError

from callengine.clock import Clock, SystemClock
from callengine.db.base import table_of
from callengine.db.claim import Claim
from callengine.db.engine import WRITER, driver
from callengine.db.models import LoggedEvent, LogHead
from callengine.db.prepared import PreparedStatements, describe
from callengine.db.transaction import NewEvent, Transaction
from callengine.errors import DatabaseError
from callengine.events import types as events
from callengine.greenlets import spawn

__all__ = ["Committer", "Pending", "Transaction", "Unit"]

T = TypeVar("T")
Unit = Callable[[Transaction], T]

_log = table_of(LoggedEvent)
_head = table_of(LogHead)
_TAKE_NUMBERS = (
    update(_head)
    .where(_head.c.id == 1)
    .values(last=_head.c.last + bindparam("count"))
    .returning(_head.c.last)
)
_APPEND = insert(_log).values(
    {
        _log.c.number: bindparam("number"),
        _log.c.at: bindparam("at"),
        _log.c.type: bindparam("type"),
        _log.c.call_id: bindparam("call_id"),
        _log.c.queue: bindparam("queue"),
        _log.c.agent: bindparam("agent"),
        _log.c.payload: bindparam("payload", type_=Text()),
    }
)


class Pending(Generic[T]):
    """A unit that has been handed over, and what comes of it."""

    def __init__(self, unit: Unit[T]) -> None:
        self._unit = unit
        self._result: AsyncResult[T] = AsyncResult()
        self._error: Exception | None = None
        self._value: T | None = None

    def get(self) -> T:
        """Wait until the unit is committed; what it returned. Raises what it raised, or DatabaseError."""
        return cast(T, self._result.get())

    def wait(self, timeout: float) -> None:
        """Wait until it is known what becomes of the unit, at most `timeout` seconds."""
        self._result.wait(timeout)

    def run(self, transaction: Transaction) -> bool:
        """Run the unit; whether it came to its end. What it returned or raised is kept for `release`."""
        try:
            self._value = self._unit(transaction)
        except Exception as error:
            self.fail(error)
        return self._error is None

    def fail(self, error: Exception) -> None:
        """Note what `get` is to raise; the first such error stays."""
        if self._error is None:
            self._error = _as_database_error(error) if isinstance(error, SQLAlchemyError) else error

    def release(self) -> None:
        """Let those go on who wait in `get`."""
        if self._error is None:
            self._result.set(cast(T, self._value))
        else:
            self._result.set_exception(self._error)


class Committer:
    """The one writer of this node. Nothing else may write while it runs, unless it holds the same `turn`.

    `publish` gets the events of each commit, in order, before the waiters go on; it must not wait. `switch`
    is called before each BEGIN and after each COMMIT: tests let other greenlets run there. `commit_in_thread`
    is for a SQLite file whose commits wait for the disk. `claim` gives the connection that is written over.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Clock | None = None,
        publish: Callable[[Sequence[events.Event]], None] = lambda _events: None,
        group_limit: int = 100,
        turn: BoundedSemaphore | None = None,
        switch: Callable[[], None] = lambda: None,
        commit_in_thread: bool = False,
        claim: Claim | None = None,
    ) -> None:
        self._engine = engine
        self._claim = claim or Claim(engine)
        self._clock = clock or SystemClock()
        self._publish = publish
        self._group_limit = group_limit
        self._turn = BoundedSemaphore() if turn is None else turn
        self._switch = switch
        self._commit_in_thread = commit_in_thread
        self._prepared = PreparedStatements(engine.dialect)
        self._waiting: deque[Pending[Any]] = deque()
        self._wake = Event()
        self._draining = False
        self._stopped = False
        self._greenlet: gevent.Greenlet[..., Any] | None = None
        self._held: Connection | None = None

    @property
    def depth(self) -> int:
        """How many units wait to be taken into a group."""
        return len(self._waiting)

    @property
    def engine(self) -> Engine:
        """The database that it writes to."""
        return self._engine

    def pause(self, timeout: float) -> bool:
        """Let the group that is being committed come to its end, and begin no other, for good.

        False if that took longer than `timeout` seconds. Units that are submitted now wait for ever: this is
        for a process that is about to exit and to leave everything to the next.
        """
        return bool(self._turn.acquire(timeout=timeout))

    def start(self) -> None:
        """Begin to commit what is and will be handed over."""
        self._draining = self._stopped = False
        self._greenlet = spawn("committer", self._serve)

    def stop(self) -> None:
        """Commit all that has been handed over, then end; later units are refused."""
        self._draining = True
        self._wake.set()
        if self._greenlet is not None:
            self._greenlet.join()
            self._greenlet = None

    def commit(self, unit: Unit[T]) -> T:
        """Run `unit` in a transaction and wait for its commit; what it returned.

        Raises what the unit raised (nothing of it is stored then), and DatabaseError if the database refused
        a statement or the commit.
        """
        if gevent.getcurrent() is self._greenlet:
            raise RuntimeError("a unit or a publisher of events cannot wait for another commit")
        return self.submit(unit).get()

    def submit(self, unit: Unit[T]) -> Pending[T]:
        """Hand `unit` over without waiting. Raises DatabaseError once the committer has stopped."""
        if self._stopped:
            raise DatabaseError("the committer has stopped")
        pending = Pending(unit)
        self._waiting.append(pending)
        self._wake.set()
        return pending

    def _serve(self) -> None:
        try:
            while self._waiting or not self._draining:
                self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    self._switch()
                    self._commit_group(self._take_group())
        finally:
            self._stopped = True
            self._let_go()

    def _take_group(self) -> list[Pending[Any]]:
        size = min(len(self._waiting), self._group_limit)
        return [self._waiting.popleft() for _ in range(size)]

    def _commit_group(self, group: list[Pending[Any]]) -> None:
        try:
            committed = self._try_to_transact(group)
            self._switch()
            if committed:
                self._hand_out(committed)
        finally:
            for pending in group:
                pending.release()

    def _try_to_transact(self, group: list[Pending[Any]]) -> list[events.Event]:
        try:
            return self._transact(group)
        except BaseException as error:
            self._let_go()
            for pending in group:
                pending.fail(_as_database_error(error))
            if not isinstance(error, Exception):
                raise
            logger.error("a commit of {} units failed: {}", len(group), describe(error))
            return []

    def _transact(self, group: list[Pending[Any]]) -> list[events.Event]:
        connection = self._connection()
        with self._turn, connection.begin() as transaction:
            cursor = driver(connection).cursor()
            now = self._clock.now()
            units = [Transaction(connection, cursor, self._prepared, now) for _ in group]
            if len(group) > 1:
                new = _run_in_savepoints(cursor, group, units)
            elif group[0].run(units[0]):
                new = units[0].events
            else:
                transaction.rollback()
                return []
            committed = self._append(cursor, new, now) if new else []
            if self._commit_in_thread:
                _commit_in_thread(connection)
            return committed

    def _append(self, cursor: DBAPICursor, new: list[NewEvent], now: float) -> list[events.Event]:
        self._prepared.run(cursor, _TAKE_NUMBERS, {"count": len(new)})
        ((last,),) = cursor.fetchall()
        numbered = list(enumerate(new, last - len(new) + 1))
        rows = [
            {
                "number": number,
                "at": now,
                "type": event.type.value,
                "call_id": event.call_id,
                "queue": event.queue,
                "agent": event.agent,
                "payload": event.stored,
            }
            for number, event in numbered
        ]
        self._prepared.run_many(cursor, _APPEND, rows)
        return [
            events.Event(number, now, event.type, event.call_id, event.queue, event.agent, event.payload)
            for number, event in numbered
        ]

    def _hand_out(self, committed: list[events.Event]) -> None:
        try:
            self._publish(committed)
        except Exception:
            logger.exception("publishing event {} and those after it failed", committed[0].number)

    def _connection(self) -> Connection:
        if self._held is None:
            self._held = self._claim.connect().execution_options(**{WRITER: True})
        return self._held

    def _let_go(self) -> None:
        """Give the connection back: what was begun is undone, and one that does not work is dropped."""
        held, self._held = self._held, None
        if held is not None:
            self._claim.give_back(held)


def _run_in_savepoints(
    cursor: DBAPICursor, group: list[Pending[Any]], units: list[Transaction]
) -> list[NewEvent]:
    new: list[NewEvent] = []
    for pending, unit in zip(group, units, strict=True):
        cursor.execute("SAVEPOINT unit")
        if pending.run(unit):
            new += unit.events
        else:
            cursor.execute("ROLLBACK TO SAVEPOINT unit")
        cursor.execute("RELEASE SAVEPOINT unit")
    return new


def _commit_in_thread(connection: Connection) -> None:
    """SQLAlchemy's own commit then finds nothing to do. An error comes as a value: gevent would print it."""

    def commit() -> Exception | None:
        try:
            driver(connection).commit()
        except Exception as error:
            return error
        return None

    failure = gevent.get_hub().threadpool.apply(commit)
    if failure is not None:
        raise failure


def _as_database_error(error: BaseException) -> DatabaseError:
    """One for each waiter: an exception that several of them raise would mix their tracebacks."""
    converted = DatabaseError(str(error) if isinstance(error, DatabaseError) else describe(error))
    converted.__cause__ = error
    return converted
