"""A whole call center on paper: the real one, with real phones, over a paper network and in virtual time.

Everything is real but the sockets, the audio and the time. Wherever the product may be interrupted (before
and after each commit, between two datagrams) a seeded random number of other greenlets gets its turn, so a
seed is an order of events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

import gevent
import pytest
from loguru import logger

from callengine import foundation, greenlets, store
from callengine.assembly import Parts, assemble, begin
from callengine.callcenter.calls import Entry
from callengine.callcenter.roster import Agent
from callengine.clock import SystemClock
from callengine.config import load
from callengine.db import schema
from callengine.db.checkpoint import Checkpointer
from callengine.db.committer import Committer, Pending
from callengine.ending import hang_up_all
from callengine.errors import DatabaseError
from callengine.events.types import Event
from callengine.people import People
from callengine.sip.outgoing_session import OutgoingSession
from callengine.sip.transport import switch
from tests.fakes.paper_network import PaperNetwork
from tests.fakes.phone import CALLER, Phone, Script, just_ring
from tests.fakes.silent_media import SilentMedia
from tests.fakes.virtual_time import VirtualTime, virtual_time
from tests.fakes.workers import Worker, add_workers

DOMAIN = "127.0.0.1"
_NEVER_MS = "3600000"
_SETTINGS = {
    "GENERAL__DOMAIN": DOMAIN,
    "GENERAL__BYE_TIMEOUT_SECONDS": "2",
    "GENERAL__BYE_RETRY_ATTEMPTS": "0",
    "GENERAL__BYE_RACE_DELAY_MS": "0",
    "GENERAL__LEASE_SECONDS": "3600",
    "ROUTING__QUEUE_MONITOR_INTERVAL_MS": _NEVER_MS,
    "SIP__PORT": "5060",
    "SIP__ENABLE_TCP": "false",
    "SECURITY__OPEN_INBOUND": "true",
    "DATABASE__URL": "sqlite:none",
}
"""The safety nets are out of reach: what needs them is found."""
_HELD_ALL_THE_TIME = 1
"""How many connections the service keeps: the committer's."""


@dataclass
class _Units:
    """How many units were handed over to the committers of a center."""

    submitted: int = 0
    committers: list[Committer] = field(default_factory=list)


class _CountedCommitter(Committer):
    """A committer that tells what it is handed."""

    def __init__(self, *arguments: Any, units: _Units, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._units = units
        units.committers.append(self)

    def submit(self, unit: Callable[..., Any]) -> Pending[Any]:
        self._units.submitted += 1
        return super().submit(unit)

    def come_to_an_end(self) -> None:
        """Wait until all that was handed over is committed."""
        super().submit(_nothing).get()


def _nothing(_tx: object) -> None:
    """A unit that is there to be waited for."""


class PaperCenter:
    """The service, whoever works for it and whoever calls it."""

    def __init__(self, time: VirtualTime, random: Random, units: _Units, opened: ExitStack) -> None:
        self.time = time
        self.random = random
        self.phones: list[Phone] = []
        self.dialled: list[OutgoingSession] = []
        """Every call, as its caller's phone has it."""
        self.events: list[Event] = []
        """What has been committed, in order."""
        self.complaints: list[str] = []
        """What the service has logged as an error."""
        self.ageing = 0.0
        """By how many points a caller grows more urgent in a minute."""
        self.held: set[int] = set()
        """The agents that dispatch has chosen since somebody emptied this, whatever became of it."""
        self.missed: set[tuple[str, int]] = set()
        """The places in queues whose callers an agent has ever missed, or could not be claimed for."""
        self._units = units
        self._opened = opened
        self._settled_at = -1
        self._running: ExitStack | None = None
        self._parts: Parts | None = None
        time.settle = self.settle

    @property
    def parts(self) -> Parts:
        assert self._parts is not None
        return self._parts

    def open(self, url: str, workers: Sequence[Worker], variables: dict[str, str]) -> None:
        """Start the service on the database `url`, which has all tables, with these agents."""
        settings = load(_environment({**variables, "DATABASE__URL": url}))
        with store.offline(settings) as committer:
            committer.commit(partial(add_workers, workers=workers, realm=DOMAIN))
        running = ExitStack()
        self._parts = assemble(settings, SystemClock(), running, lambda _sink: SilentMedia())
        self._parts.base.bus.subscribe(self.events.append)
        self.ageing = settings.routing.ageing_points_per_minute
        self._watch_dispatch(self._parts.people)
        begin(self._parts, running)
        self._running = running
        self.settle()

    def _watch_dispatch(self, people: People) -> None:
        """Note what is in motion: the order of service is judged by what is not."""
        hold, miss = people.roster.hold, people.dispatch.missed

        def held(agent: Agent) -> None:
            self.held.add(agent.id)
            hold(agent)

        def missed(entry: Entry, agent_id: int) -> None:
            self.missed.add((entry.id, agent_id))
            miss(entry, agent_id)

        vars(people.roster)["hold"], vars(people.dispatch)["missed"] = held, missed

    def agent_phone(self, name: str, *, script: Script = just_ring) -> Phone:
        """A phone of the agent, registered."""
        phone = self._phone(name, script)
        phone.register()
        return phone

    def dial(self, number: str, *, from_: str = CALLER) -> OutgoingSession:
        """A caller calls, and takes the answer if one comes."""
        return self._has_dialled(self._phone("caller", just_ring).dial(number, from_=from_))

    def dial_as_agent(self, phone: Phone, number: str) -> OutgoingSession:
        """An agent calls from its phone, and takes the answer if one comes."""
        return self._has_dialled(phone.dial_as_agent(number))

    def _has_dialled(self, session: OutgoingSession) -> OutgoingSession:
        self.dialled.append(session)
        gevent.spawn(_take_answer, session)
        return session

    def settle(self) -> None:
        """Return when nothing more happens unless time passes or somebody does something."""
        while True:
            gevent.idle()
            if self._settled_at != self._units.submitted:
                self._settled_at = self._units.submitted
                for committer in self._units.committers:
                    _wait_for(committer)
            elif self._is_reading():
                self.time.wait_really(0.0005)
            else:
                return

    def do(self, action: Callable[[], object], *, seconds: float = 0.0) -> None:
        """Do what may wait for others; `seconds` pass meanwhile at least."""
        greenlet = gevent.spawn(action)
        self.time.advance(seconds)
        for _ in range(1000):
            if greenlet.ready():
                greenlet.get()
                return
            self.time.advance(0.1)
        raise AssertionError(f"{action} does not come to an end")

    def close(self) -> None:
        """Hang everything up."""
        if self._running is not None and self._parts is not None:
            parts, running = self._parts, self._running
            self._running = None
            self.do(partial(hang_up_all, parts))
            self.do(running.close)
        for phone in self.phones:
            self.do(phone.close)
        self.time.advance(1.0)
        assert not greenlets.running()

    def _phone(self, name: str, script: Script) -> Phone:
        phone = Phone((DOMAIN, 5060), name=name, script=script)
        self.phones.append(phone)
        return phone

    def _is_reading(self) -> bool:
        """Whether a greenlet waits for a database server."""
        if self._parts is None:
            return False
        in_use: int = self._parts.base.engine.pool.checkedout()  # type: ignore[attr-defined]
        return in_use > _HELD_ALL_THE_TIME


def _wait_for(committer: Committer) -> None:
    assert isinstance(committer, _CountedCommitter)
    try:
        committer.come_to_an_end()
    except DatabaseError:
        return  # it has stopped


def _take_answer(session: OutgoingSession) -> None:
    session.final.wait()
    session.acknowledge()


def _environment(variables: dict[str, str]) -> dict[str, str]:
    prefixed = {f"CALLENGINE_{key}": value for key, value in {**_SETTINGS, **variables}.items()}
    return {**prefixed, "CALLENGINE_ENV": "testing"}


@contextmanager
def paper_center(
    patch: pytest.MonkeyPatch,
    url: str,
    workers: Sequence[Worker],
    *,
    seed: int = 0,
    **variables: str,
) -> Iterator[PaperCenter]:
    """A call center with these agents, none of whom has a phone yet, until the end of the block."""
    random, units = Random(seed), _Units()

    def switch_some() -> None:
        for _ in range(random.randrange(3)):
            gevent.sleep(0)

    network = PaperNetwork(switch_some)
    with virtual_time(patch) as time, patch.context() as patched, ExitStack() as opened:
        counted = partial(_CountedCommitter, units=units, switch=switch_some)
        patched.setattr(foundation, "Committer", counted)
        patched.setattr(Checkpointer, "start", lambda _: None)
        patched.setattr(switch, "UdpTransport", network.transport)
        patched.setattr(schema, "require_head", lambda _url: None)
        center = PaperCenter(time, random, units, opened)
        sink = logger.add(lambda line: center.complaints.append(str(line)), level="ERROR")
        opened.callback(logger.remove, sink)
        try:
            center.open(url, workers, variables)
            yield center
        finally:
            center.close()
