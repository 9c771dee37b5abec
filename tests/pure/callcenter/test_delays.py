"""A delay ends when its time is over, by the clock that nobody can set."""

from __future__ import annotations

from callengine.callcenter.delays import Delays
from callengine.callcenter.roster import Agent, Roster
from callengine.sip.timer_driver import TimerDriver
from callengine.vocabulary import AgentState
from tests.fakes.clock import FakeClock


def room(clock: FakeClock, *, delayed_for: float | None = None) -> tuple[Roster, TimerDriver]:
    """alice, who may be left alone from the start, and the timers that watch; only the test runs them."""
    until = None if delayed_for is None else clock.now() + delayed_for
    roster = Roster([Agent(1, "alice", 1, (1,), AgentState.AVAILABLE, 0, 0.0, until)])
    timers = TimerDriver(clock.monotonic)
    Delays(roster=roster, timers=timers, clock=clock)
    return roster, timers


def test_who_is_left_alone_at_the_start_is_free_when_that_is_over(clock: FakeClock) -> None:
    roster, timers = room(clock, delayed_for=10.0)
    clock.advance(9.9)
    timers.queue.run_due(clock.monotonic())
    assert not roster.find("alice").free
    clock.advance(0.2)
    timers.queue.run_due(clock.monotonic())
    assert roster.find("alice").free


def test_a_delay_that_was_over_before_the_start_ends_at_once(clock: FakeClock) -> None:
    roster, timers = room(clock, delayed_for=-5.0)
    timers.queue.run_due(clock.monotonic())
    assert roster.find("alice").free


def test_a_clock_that_is_set_changes_no_delay(clock: FakeClock) -> None:
    roster, timers = room(clock, delayed_for=10.0)
    clock.set_by(1000.0)
    roster.shift(1000.0)
    clock.advance(9.9)
    timers.queue.run_due(clock.monotonic())
    assert not roster.find("alice").free
    clock.advance(0.2)
    timers.queue.run_due(clock.monotonic())
    assert roster.find("alice").free
