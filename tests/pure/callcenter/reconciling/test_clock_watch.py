"""The clock watch: time that passes is no jump, a clock that was set is one, once."""

from __future__ import annotations

import pytest

from callengine.callcenter.reconciling.clock_watch import ClockWatch
from tests.fakes.clock import FakeClock


@pytest.mark.parametrize("seconds", [3600.0, -3600.0, 1.5, -1.5])
def test_a_clock_that_was_set_is_noticed_once(clock: FakeClock, seconds: float) -> None:
    watch = ClockWatch(clock)
    clock.advance(10.0)
    clock.set_by(seconds)
    assert watch.jump() == pytest.approx(seconds)
    clock.advance(10.0)
    assert watch.jump() == 0.0


@pytest.mark.parametrize("seconds", [0.0, 0.4, -0.4])
def test_time_that_passes_and_small_corrections_are_no_jump(clock: FakeClock, seconds: float) -> None:
    watch = ClockWatch(clock)
    for _ in range(20):
        clock.advance(5.0)
        clock.set_by(seconds)
        assert watch.jump() == 0.0
