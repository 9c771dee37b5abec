"""TimerQueue: order, cancelling, and that what was cancelled does not pile up."""

import random

import pytest

from callengine.sip.timer_queue import TimerQueue


def test_runs_what_is_due_in_order_of_time() -> None:
    queue, done = TimerQueue(), list[str]()
    queue.schedule(3.0, lambda: done.append("late"))
    queue.schedule(1.0, lambda: done.append("first"))
    queue.schedule(2.0, lambda: done.append("second"))
    assert queue.run_due(2.0) == 2
    assert done == ["first", "second"]
    assert queue.next_due() == 3.0
    assert len(queue) == 1


def test_equal_times_keep_the_order_of_scheduling() -> None:
    queue, done = TimerQueue(), list[int]()
    for number in range(5):
        queue.schedule(1.0, lambda number=number: done.append(number))  # type: ignore[misc]
    queue.run_due(1.0)
    assert done == [0, 1, 2, 3, 4]


def test_what_an_action_schedules_for_now_runs_as_well() -> None:
    queue, done = TimerQueue(), list[str]()
    queue.schedule(1.0, lambda: queue.schedule(1.0, lambda: done.append("second")))
    assert queue.run_due(1.0) == 2
    assert done == ["second"]


def test_cancelled_actions_do_not_run() -> None:
    queue, done = TimerQueue(), list[str]()
    entry = queue.schedule(1.0, lambda: done.append("no"))
    queue.cancel(entry)
    queue.cancel(entry)
    assert len(queue) == 0
    assert queue.next_due() is None
    assert queue.run_due(2.0) == 0
    assert done == []


def test_cancelling_what_is_done_changes_nothing() -> None:
    queue = TimerQueue()
    entry = queue.schedule(1.0, lambda: None)
    queue.schedule(2.0, lambda: None)
    queue.run_due(1.0)
    queue.cancel(entry)
    assert len(queue) == 1


def test_cancelled_entries_do_not_pile_up() -> None:
    queue = TimerQueue()
    pending = [queue.schedule(1000.0 + number, lambda: None) for number in range(10)]
    for number in range(100_000):
        queue.cancel(queue.schedule(float(number), lambda: None))
    assert len(queue) == len(pending)
    assert len(queue._heap) < 200


def test_many_random_schedules_and_cancels_agree_with_a_plain_list() -> None:
    chance = random.Random(7)
    queue, expected, done = TimerQueue(), dict[int, float](), list[int]()
    entries = {}
    for number in range(2000):
        at = chance.uniform(0, 100)
        expected[number] = at
        entries[number] = queue.schedule(at, lambda number=number: done.append(number))  # type: ignore[misc]
        if chance.random() < 0.6:
            gone = chance.choice(list(expected))
            queue.cancel(entries[gone])
            del expected[gone]
    assert len(queue) == len(expected)
    queue.run_due(100.0)
    assert done == sorted(expected, key=lambda number: expected[number])


def test_tells_when_something_earlier_is_scheduled() -> None:
    wakes = list[str]()
    queue = TimerQueue(on_earlier=lambda: wakes.append("wake"))
    queue.schedule(5.0, lambda: None)
    queue.schedule(6.0, lambda: None)
    assert len(wakes) == 1
    queue.schedule(4.0, lambda: None)
    assert len(wakes) == 2


def test_an_action_that_raises_is_out_of_the_queue() -> None:
    queue, done = TimerQueue(), list[str]()

    def fail() -> None:
        raise ValueError("no")

    queue.schedule(1.0, fail)
    queue.schedule(1.0, lambda: done.append("yes"))
    with pytest.raises(ValueError, match="no"):
        queue.run_due(1.0)
    queue.run_due(1.0)
    assert done == ["yes"]
