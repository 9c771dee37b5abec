"""Figures are equal whether they are kept live or computed from the log afterwards, over any interval."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import gevent
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete

from callengine.callcenter.figures.fold import Sheets
from callengine.callcenter.reckoning import Today, day_of, reckon
from callengine.db.base import table_of
from callengine.db.engine import make_engine
from callengine.db.models import LoggedEvent
from tests.fakes.clock import FakeClock
from tests.fakes.databases import Databases
from tests.fakes.shift import DEEDS, Shift

MIDNIGHT = day_of(1_700_000_000.0)
log = table_of(LoggedEvent)

deeds = st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 40)), max_size=60)
busy_deeds = st.lists(
    st.tuples(
        st.sampled_from(["pass_time", "sign_on", "arrive", "offer", "connect", "end", "end_wrap_up", "miss"]),
        st.integers(0, 40),
    ),
    max_size=60,
)


@pytest.fixture
def fresh_engine(databases: Databases) -> Callable[[], Any]:
    """Makes engines on databases without a call: one for each example."""

    @contextmanager
    def fresh() -> Iterator[Engine]:
        made = make_engine(databases.new())
        yield made
        made.dispose()

    return fresh


class Live:
    """What a service keeps: replaced at each restart."""

    def __init__(self, engine: Engine, clock: FakeClock) -> None:
        self.engine = engine
        self.clock = clock
        self.today = self._start()

    def _start(self) -> Today:
        today = Today(engine=self.engine, clock=self.clock, node="here")
        today.start()
        return today

    def restart(self) -> None:
        self.today.stop()
        self.today = self._start()

    def publish(self, events: Any) -> None:
        for event in events:
            self.today.note(event)


def plain(sheets: Sheets) -> dict[str, Any]:
    """All numbers by their path, without those that are nothing; floats come together in different orders."""
    flat: dict[str, Any] = {}

    def walk(path: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(f"{path}.{name}", inner)
        elif value and not isinstance(value, str):
            flat[path] = value

    walk("", asdict(sheets))
    return flat


def assert_same(one: Sheets, other: Sheets) -> None:
    assert plain(one) == pytest.approx(plain(other), abs=1e-5)


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
@given(
    shift=st.one_of(deeds, busy_deeds),
    late=st.booleans(),
    edges=st.lists(st.integers(0, 100), min_size=3, max_size=3),
)
def test_live_and_afterwards(
    fresh_engine: Callable[[], Any], shift: list[tuple[str, int]], late: bool, edges: list[int]
) -> None:
    clock = FakeClock(MIDNIGHT + (86400.0 - 60.0 if late else 36000.0))
    begun = clock.now()
    with fresh_engine() as engine:
        live = Live(engine, clock)
        work = Shift(engine, clock, live.publish)
        for place, (deed, number) in enumerate(shift):
            if deed == "restart":
                work.restart(number)
                live.restart()
            else:
                work.do(deed, number)
            if place % 7 == 0:
                gevent.sleep(0)
            if place % 20 == 19:
                compare_with_the_log(live, clock)
        compare_with_the_log(live, clock)
        add_up(engine, begun, clock.now(), edges)
        live.today.stop()
        work.close()


def compare_with_the_log(live: Live, clock: FakeClock) -> None:
    clock.advance(0.25)  # an interval ends before its last moment
    kept = live.today.figures()
    assert (kept.since, kept.until, kept.missing) == (day_of(clock.now()), clock.now(), 0)
    assert_same(kept.sheets, reckon(live.engine, kept.since, kept.until).sheets)


def add_up(engine: Engine, begun: float, now: float, edges: list[int]) -> None:
    """[a, b) and [b, c) are [a, c)."""
    a, b, c = (begun + (now - begun) * edge / 100 for edge in sorted(edges))
    both = reckon(engine, a, b).sheets.add(reckon(engine, b, c).sheets)
    assert_same(both, reckon(engine, a, c).sheets)


@pytest.fixture
def shift(engine: Engine, clock: FakeClock) -> Iterator[Shift]:
    made = Shift(engine, clock)
    yield made
    made.close()


def test_an_interval_between_two_events(shift: Shift, clock: FakeClock) -> None:
    shift.sign_on(0)
    shift.arrive(0)
    shift.offer(0)
    shift.connect(0)
    clock.advance(100)
    sheets = reckon(shift.engine, clock.now() - 40, clock.now() - 10).sheets
    assert (sheets.total.offered, sheets.agents["ann"].state_seconds["busy"]) == (0, 30.0)
    assert sheets.agents["bob"].state_seconds["offline"] == 30.0


def test_who_came_later_was_not_there_and_who_was_removed_was(shift: Shift, clock: FakeClock) -> None:
    at = clock.now()
    clock.advance(50)
    shift.remove(0)
    clock.advance(50)
    assert reckon(shift.engine, at + 10, at + 90).sheets.agents["ann"].state_seconds["offline"] == 40.0
    assert reckon(shift.engine, at - 50, at - 10).sheets.agents == {}


def test_pruned_events_are_counted_as_missing(shift: Shift, clock: FakeClock) -> None:
    at = clock.now()
    clock.advance(10)
    for _ in range(4):
        shift.arrive(0)
    clock.advance(10)
    shift.sign_on(0)
    assert reckon(shift.engine, at + 5, clock.now()).missing == 0
    with shift.engine.begin() as connection:
        connection.execute(delete(LoggedEvent).where(log.c.call_id.is_not(None)))
    reckoned = reckon(shift.engine, at + 5, clock.now() + 1)
    assert (reckoned.missing, reckoned.sheets.total.offered) == (8, 0)


def test_a_state_older_than_the_log_is_told_by_what_followed(shift: Shift, clock: FakeClock) -> None:
    shift.sign_on(0)
    shift.sign_on(1)
    clock.advance(100)
    with shift.engine.begin() as connection:
        connection.execute(delete(LoggedEvent))
    shift.sign_off(0)
    clock.advance(50)
    sheets = reckon(shift.engine, clock.now() - 80, clock.now()).sheets
    assert sheets.agents["ann"].state_seconds["available"] == 30.0
    assert sheets.agents["bob"].state_seconds["available"] == 80.0
    assert sheets.queues["support"].state_seconds["available"] == 110.0


def test_a_call_of_yesterday_counts_today_where_it_is_answered(engine: Engine) -> None:
    clock = FakeClock(MIDNIGHT - 10.0)
    live = Live(engine, clock)
    shift = Shift(engine, clock, live.publish)
    shift.sign_on(0)
    shift.arrive(0)
    clock.advance(20)
    shift.offer(0)
    shift.connect(0)
    total = live.today.figures().sheets.total
    assert (total.offered, total.handled, total.waited_seconds) == (0, 1, 20.0)
    assert total.state_seconds["available"] == 10.0
    live.today.stop()
    shift.close()
