"""The floor: callers, agents, operators and time in random order, over a call center on paper."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial

import gevent
from gevent.lock import BoundedSemaphore
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from callengine.callcenter.administration import LineDesk
from callengine.errors import CallCenterError
from callengine.sip.incoming_session import IncomingSession
from tests.fakes.committed import read_rows
from tests.fakes.going_on import GoingOn
from tests.fakes.invariants import at_rest, of_rows
from tests.fakes.order_of_service import OrderOfService
from tests.fakes.paper_center import PaperCenter
from tests.fakes.phone import Phone, answer_now
from tests.gevent.callcenter.floor_plan import CALLERS, NAMES, NUMBERS, QUEUES, SKILLS, Plan, plans

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

    @initialize(plan=plans(), calls=st.lists(st.sampled_from(NUMBERS), max_size=6))
    def open(self, plan: Plan, calls: list[str]) -> None:
        self.center = self.opened.enter_context(
            self.open_center(plan.workers, seed=plan.seed, **plan.variables)
        )
        self.order, self.going_on = OrderOfService(self.center), GoingOn(self.center)
        self.phones = {
            worker.name: self.center.agent_phone(worker.name, script=script)
            for worker, script in zip(plan.workers, plan.scripts, strict=True)
        }
        self.desks = {name: AgentsDesk(phone) for name, phone in self.phones.items()}
        self.names = list(self.phones)
        self.rest()
        self.forget()
        self.several_call(calls, rests=False)

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

    @rule(number=st.sampled_from(NUMBERS), caller=st.sampled_from(CALLERS), rests=st.booleans())
    def call(self, number: str, caller: str, rests: bool) -> None:
        self.center.dial(number, from_=f"<sip:{caller}@example.com>")
        self._then(rests)

    @rule(numbers=st.lists(st.sampled_from(NUMBERS), min_size=2, max_size=5), rests=st.booleans())
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

    @rule(who=st.integers(0, 3), number=st.sampled_from([*NUMBERS, *NAMES]), rests=st.booleans())
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

    # What operators do

    @rule(which=st.integers(0, 50), queue=st.sampled_from(QUEUES), rests=st.booleans())
    def caller_is_moved(self, which: int, queue: str, rests: bool) -> None:
        self._order(which, partial(self._lines.move, queue=queue, by="a test"))
        self._then(rests)

    @rule(which=st.integers(0, 50), priority=st.sampled_from([-4, 0, 4, 9]), rests=st.booleans())
    def caller_is_prioritized(self, which: int, priority: int, rests: bool) -> None:
        self._order(which, partial(self._lines.prioritize, priority=priority, by="a test"))
        self._then(rests)

    @rule(which=st.integers(0, 50), rests=st.booleans())
    def caller_is_withdrawn(self, which: int, rests: bool) -> None:
        self._order(which, partial(self._lines.withdraw, by="a test"))
        self._then(rests)

    @rule(
        who=st.integers(0, 3),
        queue=st.sampled_from(QUEUES),
        place=st.one_of(st.none(), st.tuples(st.integers(1, 2), st.integers(0, 2))),
        rests=st.booleans(),
    )
    def agent_is_assigned(self, who: int, queue: str, place: tuple[int, int] | None, rests: bool) -> None:
        """To a place in a queue, or to none there."""
        desk, name = self.center.parts.administration.agents, self._name(who)
        change = partial(desk.unassign, name, queue, by="a test")
        if place is not None:
            change = partial(desk.assign, name, queue, tier=place[0], position=place[1], by="a test")
        gevent.spawn(_if_allowed, change)
        self._then(rests)

    @rule(who=st.integers(0, 3), skill=st.sampled_from(SKILLS), level=st.integers(0, 5), rests=st.booleans())
    def agent_learns(self, who: int, skill: str, level: int, rests: bool) -> None:
        desk = self.center.parts.administration.agents
        gevent.spawn(_if_allowed, partial(desk.set_skill, self._name(who), skill, level, by="a test"))
        self._then(rests)

    @rule(who=st.integers(0, 3), seconds=st.sampled_from([0.0, 7.0]), rests=st.booleans())
    def wrap_up_is_changed(self, who: int, seconds: float, rests: bool) -> None:
        """Ended, or extended by so many seconds."""
        desk, name = self.center.parts.administration.agents, self._name(who)
        end = partial(desk.end_wrap_up, name, by="a test")
        gevent.spawn(
            _if_allowed, partial(desk.extend_wrap_up, name, seconds=seconds, by="a test") if seconds else end
        )
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
        self.forget()

    # What holds

    @rule()
    def rest(self) -> None:
        self.center.settle()
        self.is_at_rest = True

    def forget(self) -> None:
        """What has happened until now is not judged."""
        rows = read_rows(self.center.parts.base.engine)
        self.order.forget(rows)
        self.going_on.forget(rows)

    @invariant()
    def holds(self) -> None:
        if not self.phones:
            return
        rows = read_rows(self.center.parts.base.engine)
        wrong = list(of_rows(rows))
        if self.is_at_rest:
            wrong += at_rest(self.center, rows)
            wrong += [*self.order.judge(rows), *self.going_on.judge(rows)]
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

    @property
    def _lines(self) -> LineDesk:
        return self.center.parts.administration.lines

    def _order(self, which: int, give: Callable[[str], object]) -> None:
        """Give an order for somebody who waits."""
        people = self.center.parts.people
        waiting = [call for call in people.live if call.place and people.dispatch.is_in_line(call.place)]
        if waiting:
            call_id = waiting[which % len(waiting)].id
            self.order.ordered.add(call_id)
            gevent.spawn(_if_allowed, partial(give, call_id))

    def _name(self, who: int) -> str:
        return self.names[who % len(self.names)]


def _if_allowed(action: Callable[[], object]) -> None:
    """Do what somebody asks for; it may be refused."""
    try:
        action()
    except CallCenterError:
        return
