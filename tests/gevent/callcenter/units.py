"""One agent, its rows and what is done to it in units of work, on either database; time is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, delete, insert, select

from callengine.callcenter import agents, staff
from callengine.db.base import table_of
from callengine.db.committer import Committer
from callengine.db.models import Agent, Binding, Call, Membership, Offer, Queue, QueueEntry
from callengine.db.transaction import Transaction
from callengine.events.types import Event, EventType
from tests.fakes import rows
from tests.fakes.clock import FakeClock

ALICE = 1


class Shift:
    """alice, who has a phone and is offline, and the queue `support`."""

    def __init__(
        self, engine: Engine, committer: Committer, clock: FakeClock, published: list[Event]
    ) -> None:
        self.engine = engine
        self.committer = committer
        self.clock = clock
        self.published = published
        self._calls = 0
        with engine.begin() as connection:
            rows.store(connection, Agent, rows.agent(max_concurrent_calls=2))
            connection.execute(insert(Binding), [rows.binding(expires_at=rows.NOW + 1e6)])

    def set_queue(self, **rules: Any) -> None:
        """What the queue says about wrap-ups."""
        with self.engine.begin() as connection:
            connection.execute(insert(Queue), [rows.queue(**rules)])
            connection.execute(insert(Membership), [rows.membership()])

    def do(self, unit: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        """One unit about alice by her key."""
        self.committer.commit(lambda tx: unit(tx, ALICE, *arguments, **options))

    def staff(self, unit: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        """One unit about alice by her name, wanted by somebody."""
        self.committer.commit(lambda tx: unit(tx, "alice", *arguments, by="carol", **options))

    def sign_on(self) -> None:
        self.do(agents.sign_on, cause="registered")

    def lose_phones(self) -> None:
        """Her phones are gone."""
        with self.engine.begin() as connection:
            connection.execute(delete(table_of(Binding)))

        self.do(agents.lose_phones, cause="unregistered")

    def claim(self) -> str:
        """A call is offered to her; its id."""
        self._calls += 1
        call_id = f"{self._calls:032x}"
        self.do(agents.claim, call_id=call_id)
        return call_id

    def talk(self) -> str:
        """A call that she answers, with the rows of its offer; its id."""
        call_id = self.claim()
        with self.engine.begin() as connection:
            has_queue = connection.execute(select(Queue.id)).first() is not None
            queue_id = 1 if has_queue else None
            rows.store(connection, Call, rows.call(id=call_id, queue_id=queue_id))
            if has_queue:
                entry = rows.entry(id=call_id, call_id=call_id, state="connected")
                rows.store(connection, QueueEntry, entry)
            offer = rows.offer(
                id=call_id,
                call_id=call_id,
                entry_id=call_id if has_queue else None,
                state="connected",
                answered_at=self.clock.now(),
            )
            rows.store(connection, Offer, offer)
        self.do(agents.connect, call_id=call_id)
        return call_id

    def hang_up(self, call_id: str, *, wrap_up: float = 0.0) -> None:
        """That call is over."""
        self.do(agents.release, call_id=call_id, cause="bye", was_connected=True, wrap_up_seconds=wrap_up)

    def miss(self, result: str, **options: Any) -> None:
        """A call is offered to her, and comes to nothing for this reason."""
        call_id = self.claim()
        self.do(agents.release, call_id=call_id, cause=result, was_connected=False, **options)

    def wrap_up_over(self) -> None:
        """The time of her wrap-up is over, and somebody notices."""
        self.do(agents.end_wrap_up_if_due, by=self.clock.now(), cause="wrap_up_over")

    @property
    def row(self) -> Any:
        """As she stands."""
        with self.engine.connect() as connection:
            return connection.execute(select(table_of(Agent))).one()

    def offer(self, call_id: str) -> Any:
        """The record of a call with her."""
        with self.engine.connect() as connection:
            return connection.execute(select(table_of(Offer)).filter_by(id=call_id)).one()

    @property
    def told(self) -> Event:
        """The last event."""
        return self.published[-1]

    def states(self) -> list[str]:
        """All states that the log tells, in order."""
        kind = EventType.AGENT_STATE_CHANGED
        return [event.payload["new"] for event in self.published if event.type is kind]


def pause_later(tx: Transaction, name: str, *, by: str, reason: str = "lunch") -> None:
    """Order a pause."""
    staff.pause(tx, name, reason=reason, by=by, after_call=True)
