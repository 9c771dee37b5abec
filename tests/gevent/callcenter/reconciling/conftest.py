"""A call center whose parts are at hand, so that a test can make them disagree; its lease is short."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from callengine.assembly import Parts, assemble, begin
from callengine.callcenter.calls import Call
from callengine.clock import SystemClock
from callengine.media.engine import EventSink, MediaEngine
from callengine.media.local import LocalEngine
from callengine.media.port_pool import PortPool
from callengine.sip.incoming_session import IncomingSession
from callengine.sip.outgoing_session import OutgoingSession
from tests.e2e.ports import free_udp_range
from tests.fakes.phone import Phone
from tests.gevent.callcenter.conftest import Desk, make_desk, wait_until

__all__ = ["make_desk"]

LEASE_SECONDS = 0.5

PORT_FIRST, PORT_LAST = free_udp_range(400)
"""Of nobody else: a port that is closed by a test must still be free when it is opened again."""


class SettableClock(SystemClock):
    """The machine's clock, and somebody who sets it."""

    def __init__(self) -> None:
        self._set_by = 0.0

    def now(self) -> float:
        return super().now() + self._set_by

    def set_by(self, seconds: float) -> None:
        """Set the wall clock; no time passes."""
        self._set_by += seconds


class Ward:
    """A desk, the parts of its call center, and what can be done to them."""

    def __init__(self, desk: Desk, parts: Parts, clock: SettableClock) -> None:
        self.desk = desk
        self.parts = parts
        self.clock = clock

    def damage(self, *statements: str) -> None:
        """Change rows behind the service's back."""
        self.desk.change(*statements)

    def repaired(self) -> list[str]:
        """Why something was repaired until now."""
        rows = self.desk.rows("select payload from event_log where type = 'state_repaired' order by number")
        return [json.loads(row["payload"])["reason"] for row in rows]

    def wait_for_repair(self, reason: str) -> None:
        """Wait until something is repaired for this reason."""
        wait_until(lambda: reason in self.repaired(), f"{reason} is repaired")

    def talk(self, agent: Phone) -> tuple[OutgoingSession, IncomingSession]:
        """A caller who talks with the agent: both sessions."""
        count = len(agent.calls)
        caller = self.desk.phone().call("support")
        session = agent.wait_for_call(count + 1)
        assert session.confirmed.wait(5)
        self.desk.until("select count(*) from calls where state = 'connected'", 1)
        return caller, session

    def one_call_over(self, agent: Phone) -> None:
        """A call that was talked through and is over."""
        caller, _ = self.talk(agent)
        assert caller.hang_up()
        self.desk.until("select count(*) from legs where state <> 'ended'", 0)
        self.desk.until("select state from agents", "available")

    def the_call(self) -> Call:
        """The only one that goes on."""
        (call,) = self.parts.people.live.going_on()
        return call

    def nothing_is_left(self) -> None:
        """No call, no leg, no place, and nobody busy."""
        self.desk.until("select count(*) from calls where state <> 'ended'", 0)
        self.desk.until("select count(*) from legs where state <> 'ended'", 0)
        self.desk.until("select sum(depth) from queues", 0)
        self.desk.until("select sum(load) from agents", 0)


MakeWard = Callable[..., Ward]


def _local_engine(on_event: EventSink) -> MediaEngine:
    return LocalEngine(host="127.0.0.1", ports=PortPool(PORT_FIRST, PORT_LAST), on_event=on_event)


@pytest.fixture
def make_ward(make_desk: Callable[..., Desk]) -> Iterator[MakeWard]:
    """Makes a ward with these agents; its phones are hung up at the end."""
    with ExitStack() as opened:

        def make(*agents: str, **variables: str) -> Ward:
            own = {"GENERAL__LEASE_SECONDS": str(LEASE_SECONDS), "GENERAL__BYE_RACE_DELAY_MS": "0"}
            desk = make_desk(*agents, open_now=False, **{**own, **variables})
            clock = SettableClock()
            parts = assemble(desk.settings, clock, opened, _local_engine)
            begin(parts, opened)
            opened.callback(_hang_up_all, desk, parts)
            return Ward(desk, parts, clock)

        yield make


def _hang_up_all(desk: Desk, parts: Parts) -> None:
    for phone in desk.phones:
        phone.close()
    parts.base.endpoint.stop()
    parts.inbound.wait(5)
    parts.clearing.wait(5)
