"""Callers, agents and time in random order: what must hold in every moment does, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any, cast

import gevent
import pytest
from gevent.lock import BoundedSemaphore
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from callengine.errors import CallCenterError
from callengine.sip.incoming_session import IncomingSession
from tests.fakes.databases import Databases
from tests.fakes.invariants import OrderOfService, at_rest, of_rows, read_rows
from tests.fakes.paper_center import PaperCenter, Worker, paper_center
from tests.fakes.phone import Phone, Script, answer, answer_now, just_ring

NAMES = ("alice", "bob", "carol", "dave")
QUEUES = ("support", "sales")
RULES = {
    "QUEUES__SUPPORT__STRATEGY": "round_robin",
    "QUEUES__SUPPORT__RING_TIMEOUT_SECONDS": "20",
    "QUEUES__SUPPORT__MAX_WAIT_TIME_SECONDS": "300",
    "QUEUES__SUPPORT__CAPACITY": "6",
    "QUEUES__SALES__STRATEGY": "longest_idle",
    "QUEUES__SALES__RING_TIMEOUT_SECONDS": "10",
    "QUEUES__SALES__WRAP_UP_SECONDS": "5",
    "NUMBERS__SALES__DESTINATION": "queue:sales",
}
NO_DELAYS: dict[str, str] = {}
DELAYS = {
    "AGENTS__DELAY_AFTER_REJECTED_SECONDS": "3",
    "AGENTS__DELAY_AFTER_NO_ANSWER_SECONDS": "30",
    "AGENTS__AUTO_PAUSE_AFTER_MISSED": "3",
}
SECONDS = (0.3, 1.1, 4.0, 11.0, 25.0, 320.0)

OpenCenter = Callable[..., AbstractContextManager[PaperCenter]]


class AgentsDesk:
    """An agent who comes and goes, one after the other."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self._is_there = True
        self._turn = BoundedSemaphore()

    def come_or_go(self) -> None:
        """Take the phone off the network, or back on."""
        with self._turn:
            self._is_there = not self._is_there
            if self._is_there:
                self._phone.register()
            else:
                self._phone.unregister()


class Floor(RuleBasedStateMachine):
    """Whatever may happen in a call center, one thing after the other or several at once."""

    def __init__(self, open_center: OpenCenter) -> None:
        super().__init__()
        self.open_center = open_center
        self.opened = ExitStack()
        self.is_at_rest = False
        self.phones: dict[str, Phone] = {}
        self.desks: dict[str, AgentsDesk] = {}

    # How it begins and ends

    @initialize(
        seed=st.integers(0, 2**32),
        capacities=st.lists(st.integers(1, 3), min_size=2, max_size=len(NAMES)),
        serves=st.lists(st.sampled_from([("support",), ("sales",), QUEUES]), min_size=4, max_size=4),
        scripts=st.lists(st.sampled_from([just_ring, answer]), min_size=4, max_size=4),
        callers=st.lists(st.sampled_from(QUEUES), max_size=6),
        answers=st.sampled_from(["immediately", "early_media", "with_agent"]),
        mode=st.sampled_from(["queue_first", "direct_when_available"]),
        delays=st.sampled_from([NO_DELAYS, DELAYS]),
    )
    def open(
        self,
        seed: int,
        capacities: list[int],
        serves: list[tuple[str, ...]],
        scripts: list[Script],
        callers: list[str],
        answers: str,
        mode: str,
        delays: dict[str, str],
    ) -> None:
        workers = [
            Worker(name, queues, capacity)
            for name, queues, capacity in zip(NAMES, serves, capacities, strict=False)
        ]
        variables = {**RULES, **delays, "ROUTING__MODE": mode, "QUEUES__SALES__ANSWER": answers}
        self.center = self.opened.enter_context(self.open_center(workers, seed=seed, **variables))
        self.order = OrderOfService(self.center)
        self.phones = {
            worker.name: self.center.agent_phone(worker.name, script=script)
            for worker, script in zip(workers, scripts, strict=False)
        }
        self.desks = {name: AgentsDesk(phone) for name, phone in self.phones.items()}
        self.names = list(self.phones)
        self.rest()
        self.several_call(callers, rests=False)

    def teardown(self) -> None:
        """Everybody hangs up, and nothing is left of any call."""
        if not self.phones:
            return
        try:
            for session in self.center.dialled:
                gevent.spawn(session.hang_up)
            self.center.time.advance(60.0)
            rows = read_rows(self.center.parts.base.engine)
            assert [call for call in rows.calls if call["state"] != "ended"] == []
            assert [leg for leg in rows.legs if leg["state"] != "ended"] == []
            assert [agent["load"] for agent in rows.agents] == [0] * len(rows.agents)
            self.is_at_rest = True
            self.holds()
        finally:
            self.opened.close()

    # What callers do

    @rule(number=st.sampled_from(QUEUES), rests=st.booleans())
    def call(self, number: str, rests: bool) -> None:
        self.center.dial(number)
        self._then(rests)

    @rule(numbers=st.lists(st.sampled_from(QUEUES), min_size=2, max_size=5), rests=st.booleans())
    def several_call(self, numbers: list[str], rests: bool) -> None:
        for number in numbers:
            self.center.dial(number)
        self._then(rests)

    @rule(which=st.integers(0, 50), rests=st.booleans())
    def caller_hangs_up(self, which: int, rests: bool) -> None:
        here = [each for each in self.center.dialled if not each.ended.is_set()]
        if here:
            gevent.spawn(here[which % len(here)].hang_up)
        self._then(rests)

    # What agents do

    @rule(which=st.integers(0, 50), rests=st.booleans())
    def answer(self, which: int, rests: bool) -> None:
        self._with_ringing(which, lambda session: answer_now(session))
        self._then(rests)

    @rule(which=st.integers(0, 50), status=st.sampled_from([486, 603, 480]), rests=st.booleans())
    def refuse(self, which: int, status: int, rests: bool) -> None:
        self._with_ringing(which, lambda session: session.reject(status))
        self._then(rests)

    @rule(which=st.integers(0, 50), rests=st.booleans())
    def answer_while_the_caller_leaves(self, which: int, rests: bool) -> None:
        self._with_ringing(which, lambda session: answer_now(session))
        self.caller_hangs_up(which, rests)

    @rule(who=st.integers(0, 3), number=st.sampled_from([*QUEUES, *NAMES]), rests=st.booleans())
    def agent_calls(self, who: int, number: str, rests: bool) -> None:
        self.center.dial_as_agent(self.phones[self._name(who)], number)
        self._then(rests)

    @rule(which=st.integers(0, 50), rests=st.booleans())
    def agent_hangs_up(self, which: int, rests: bool) -> None:
        talking = [each for each in self._sessions() if each.confirmed.is_set() and not each.ended.is_set()]
        if talking:
            gevent.spawn(talking[which % len(talking)].hang_up)
        self._then(rests)

    @rule(who=st.integers(0, 3), is_to_pause=st.booleans(), rests=st.booleans())
    def pause_or_resume(self, who: int, is_to_pause: bool, rests: bool) -> None:
        desk, name = self.center.parts.administration.agents, self._name(who)
        pause = partial(desk.pause, name, reason="lunch", by="a test")
        gevent.spawn(_if_allowed, pause if is_to_pause else partial(desk.resume, name, by="a test"))
        self._then(rests)

    @rule(who=st.integers(0, 3), rests=st.booleans())
    def come_or_go(self, who: int, rests: bool) -> None:
        gevent.spawn(_if_allowed, self.desks[self._name(who)].come_or_go)
        self._then(rests)

    # What time does

    @rule(seconds=st.sampled_from(SECONDS))
    def time_passes(self, seconds: float) -> None:
        self.center.time.advance(seconds)
        self.rest()

    @rule(seconds=st.sampled_from([-5000.0, -30.0, 30.0, 5000.0]))
    def the_clock_is_set(self, seconds: float) -> None:
        """What was before is judged before: the times of whoever waits are moved, those of the past stay."""
        self.rest()
        self.holds()
        self.center.time.set_by(seconds)
        self.center.time.advance(0.6)
        self.rest()

    # What holds

    @rule()
    def rest(self) -> None:
        self.center.settle()
        self.is_at_rest = True

    @invariant()
    def holds(self) -> None:
        if not self.phones:
            return
        rows = read_rows(self.center.parts.base.engine)
        wrong = list(of_rows(rows))
        if self.is_at_rest:
            wrong += [*at_rest(self.center, rows), *self.order.judge(rows)]
        assert not wrong, "\n".join(wrong)

    def _then(self, rests: bool) -> None:
        """Go on when all is done, or in the middle of it."""
        self.is_at_rest = False
        if rests:
            self.rest()
        else:
            for _ in range(self.center.random.randrange(6)):
                gevent.sleep(0)

    def _sessions(self) -> list[IncomingSession]:
        return [session for phone in self.phones.values() for session in phone.calls]

    def _with_ringing(self, which: int, act: Callable[[IncomingSession], None]) -> None:
        ringing = [each for each in self._sessions() if not each.is_answered and not each.ended.is_set()]
        if ringing:
            act(ringing[which % len(ringing)])

    def _name(self, who: int) -> str:
        return self.names[who % len(self.names)]


def _if_allowed(action: Callable[[], object]) -> None:
    """Do what somebody asks for; it may be refused."""
    try:
        action()
    except CallCenterError:
        return


@pytest.fixture
def open_center(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> OpenCenter:
    """Opens call centers, each on a database of its own."""

    def make(workers: list[Worker], **options: Any) -> AbstractContextManager[PaperCenter]:
        return paper_center(monkeypatch, databases.new(), workers, **options)

    return make


def run(open_center: OpenCenter, *, examples: int, is_the_same_each_time: bool) -> None:
    """Live through so many shifts. What fails is not made smaller: on a server no two runs are the same."""
    run_state_machine_as_test(
        cast(type[Floor], partial(Floor, open_center)),
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            derandomize=is_the_same_each_time,
            deadline=None,
            phases=[Phase.reuse, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_what_must_hold_does(open_center: OpenCenter) -> None:
    run(open_center, examples=15, is_the_same_each_time=True)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_what_must_hold_does_in_other_orders_each_time(open_center: OpenCenter) -> None:
    run(open_center, examples=300, is_the_same_each_time=False)
