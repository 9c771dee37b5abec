"""Starting greenlets: name, owner, count, context, and a line for one that fails."""

from collections.abc import Iterator
from contextvars import ContextVar

import gevent
import pytest
from gevent.event import Event
from gevent.pool import Group
from loguru import logger

from callengine import greenlets

COLOUR: ContextVar[str] = ContextVar("COLOUR", default="none")


def counts(*names: str) -> tuple[int, ...]:
    """How many of these run; other tests may have left some of theirs."""
    running = greenlets.running()
    return tuple(running.get(name, 0) for name in names)


def test_it_runs_with_its_arguments_and_gives_the_result() -> None:
    assert greenlets.spawn("sum", max, 3, 4).get() == 4


def test_it_is_counted_by_name_while_it_runs() -> None:
    go = Event()
    started = [greenlets.spawn("twice", go.wait) for _ in range(2)] + [greenlets.spawn("once", go.wait)]
    gevent.sleep(0)
    assert counts("twice", "once") == (2, 1)
    go.set()
    gevent.joinall(started)
    assert not {"twice", "once"} & greenlets.running().keys()


def test_one_killed_before_it_began_is_not_counted() -> None:
    greenlet = greenlets.spawn("never", gevent.sleep, 10)
    greenlet.kill()
    assert counts("never") == (0,)


def test_it_bears_its_name() -> None:
    assert greenlets.spawn("dialog", lambda: getattr(gevent.getcurrent(), "name", "")).get() == "dialog"


def test_the_context_goes_with_it_and_does_not_come_back() -> None:
    def child() -> str:
        seen = COLOUR.get()
        COLOUR.set("blue")
        return seen

    token = COLOUR.set("red")
    try:
        assert greenlets.spawn("child", child).get() == "red"
        assert COLOUR.get() == "red"
    finally:
        COLOUR.reset(token)


def test_the_owner_waits_for_it() -> None:
    owner = Group()
    greenlet = greenlets.spawn("work", gevent.sleep, 0, owner=owner)
    assert len(owner) == 1
    owner.join()
    assert greenlet.dead
    assert len(owner) == 0


@pytest.fixture
def lines() -> Iterator[list[str]]:
    found: list[str] = []
    handler = logger.add(lambda message: found.append(str(message)), format="{level} {message}")
    try:
        yield found
    finally:
        logger.remove(handler)


def test_one_that_fails_is_logged_and_harms_nobody(lines: list[str]) -> None:
    greenlet = greenlets.spawn("failing", lambda: 1 // 0)
    assert greenlet.get() is None
    assert lines[0].startswith("ERROR greenlet failing failed")
    assert "ZeroDivisionError" in lines[0]
    assert counts("failing") == (0,)


def test_one_that_is_killed_is_not_logged(lines: list[str]) -> None:
    greenlet = greenlets.spawn("failing", gevent.sleep, 10)
    gevent.sleep(0)
    greenlet.kill()
    assert lines == []
    assert counts("failing") == (0,)


def test_waiting_for_any_tells_whether_one_was_set() -> None:
    first, second = Event(), Event()
    assert not greenlets.wait_for_any(first, second, timeout=0.01)
    gevent.spawn_later(0.01, second.set)
    assert greenlets.wait_for_any(first, second, timeout=5)
    assert greenlets.wait_for_any(first, second, timeout=0)


def test_nobody_who_comes_while_others_are_woken_is_forgotten() -> None:
    """What gevent's own `wait` may do to a greenlet that comes to a set event at that moment."""
    over, come = Event(), []

    def wait_again_and_again(number: int) -> None:
        for _ in range(3):
            greenlets.wait_for_any(over)
        come.append(number)

    waiting = [gevent.spawn(wait_again_and_again, number) for number in range(200)]
    gevent.sleep(0)
    over.set()
    gevent.joinall(waiting, timeout=5)
    assert len(come) == 200
