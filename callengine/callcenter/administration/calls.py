"""Calls, as an operator sees and ends them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from loguru import logger
from sqlalchemy import Engine

from callengine import greenlets
from callengine.callcenter.administration.document import Document
from callengine.callcenter.calls import Calls
from callengine.callcenter.explaining import Moment, explain_all, missed_before, moments_of
from callengine.callcenter.why import Wanted
from callengine.clock import Clock
from callengine.db.engine import reading
from callengine.db.repositories import event_log, legs, looking_up, offers
from callengine.errors import CallNotFound, NotAllowed
from callengine.vocabulary import CallState

OPERATOR = "operator"
"""The cause in the record of a call that somebody has ended from outside."""
_REASON = 'SIP;cause=200;text="Ended by the operator"'
_HEXADECIMAL = frozenset("0123456789abcdef")


class CallDesk:
    """`live` are the calls of the running service, None where no service runs; `node` is whose they are."""

    def __init__(self, *, engine: Engine, clock: Clock, node: str, live: Calls | None = None) -> None:
        self._engine = engine
        self._clock = clock
        self._node = node
        self._live = live

    def list_some(self, *, latest: int | None = None) -> list[Document]:
        """The calls that are alive, oldest first; or the `latest` of all calls, the latest first."""
        with reading(self._engine) as connection:
            if latest is None:
                return looking_up.live_calls(connection, self._node)
            return looking_up.latest_calls(connection, latest)

    def show(self, prefix: str) -> Document:
        """One call with its legs, offers and events; its id may be cut short. Raises `CallNotFound`."""
        record = self.find(prefix)
        with reading(self._engine) as connection:
            return {
                **record,
                "legs": [_leg(row) for row in legs.of_call(connection, record["id"])],
                "offers": list(reversed(offers.of_call(connection, record["id"]))),
                "events": looking_up.events_of_call(connection, record["id"]),
            }

    def why(self, prefix: str) -> Document:
        """Why a call was offered to whom, or was not: one answer for each time it was asked.

        `moments` has one for each decision, one for its end if no agent answered, and one for now while it
        waits: the agents of its queue, each with all that stood in its way (`why.Why`). `pruned` names those
        of whom the log does not tell any more. Raises `CallNotFound`.
        """
        record = self.find(prefix)
        with reading(self._engine) as connection:
            events = event_log.of_call(connection, record["id"])
            line = looking_up.line(connection, record["queue_id"]) if record["queue_id"] else []
            last = event_log.head(connection)
        moments = moments_of(events)
        place = next((place for place, each in enumerate(line, 1) if each["call_id"] == record["id"]), None)
        if record["state"] == CallState.QUEUED and place is not None:
            missed = missed_before(events, last + 1)
            wanted = Wanted(self._clock.now(), missed=missed)
            moments.append(Moment(last + 1, record["queue"], "now", wanted, {}, {}))
        return {
            "id": record["id"],
            "state": record["state"],
            "disposition": record["disposition"],
            "queue": record["queue"],
            "place": place,
            "moments": explain_all(self._engine, moments),
        }

    def hang_up(self, prefix: str, *, by: str) -> str:
        """End a call that is alive; its id. The cause is `operator`. Raises `CallNotFound`, `NotAllowed`."""
        record = self.find(prefix)
        if record["state"] == CallState.ENDED:
            raise NotAllowed(f"the call {record['id']} has ended already")
        call = self._live.find(record["id"]) if self._live else None
        if call is None:
            raise NotAllowed("a call can be hung up only while the service runs that has it")
        logger.info("the call {} is hung up by {}", call.id, by)
        call.told_to_end = OPERATOR
        greenlets.spawn("hang_up", _hang_up, call.caller.session.hang_up)
        return call.id

    def find(self, prefix: str) -> Document:
        """The record of the call whose id begins so; raises `CallNotFound`."""
        if not prefix or not _HEXADECIMAL.issuperset(prefix):
            raise CallNotFound(
                f"{prefix!r} is no call's id; allowed: hexadecimal digits, the first few will do"
            )
        with reading(self._engine) as connection:
            found = looking_up.calls_beginning(connection, prefix)
        if len(found) != 1:
            what = "no call" if not found else "more than one call"
            raise CallNotFound(f"there is {what} whose id begins with {prefix}")
        return found[0]


def _hang_up(hang_up: Callable[..., bool]) -> None:
    hang_up(reason=_REASON)


_OF_LEG = (
    "id",
    "role",
    "direction",
    "state",
    "transport",
    "host",
    "port",
    "sip_call_id",
    "codec",
    "created_at",
    "answered_at",
    "ended_at",
    "end_cause",
)


def _leg(row: Mapping[str, Any]) -> Document:
    return {name: row[name] for name in _OF_LEG}
