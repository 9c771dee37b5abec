"""TimerDriver: does what is due, wakes for what is earlier, survives a failing action."""

import time
from collections.abc import Iterator

import gevent
import pytest
from gevent.event import Event

from callengine import greenlets
from callengine.sip.timer_driver import TimerDriver
from tests.fakes.sip_peer import wait_until


@pytest.fixture
def driver() -> Iterator[TimerDriver]:
    driver = TimerDriver(time.monotonic)
    driver.start()
    yield driver
    driver.stop()


def test_runs_as_one_greenlet_named_timers(driver: TimerDriver) -> None:
    gevent.sleep(0)
    assert greenlets.running() == {"timers": 1}
    driver.stop()
    driver.stop()
    assert greenlets.running() == {}


def test_what_is_scheduled_earlier_comes_first(driver: TimerDriver) -> None:
    order = list[str]()
    now = time.monotonic()
    driver.queue.schedule(now + 0.3, lambda: order.append("late"))
    gevent.sleep(0.01)
    driver.queue.schedule(now + 0.03, lambda: order.append("early"))
    wait_until(lambda: len(order) == 2)
    assert order == ["early", "late"]


def test_never_runs_before_its_time(driver: TimerDriver) -> None:
    at = time.monotonic() + 0.02
    seen = list[float]()
    driver.queue.schedule(at, lambda: seen.append(time.monotonic()))
    wait_until(lambda: seen)
    assert seen[0] >= at


def test_a_failing_action_does_not_stop_the_others(driver: TimerDriver) -> None:
    done = Event()
    now = time.monotonic()
    driver.queue.schedule(now, lambda: 1 / 0)
    driver.queue.schedule(now, done.set)
    assert done.wait(3.0)
