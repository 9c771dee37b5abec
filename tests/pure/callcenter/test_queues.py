"""Lines and ranks: who is served before whom, in one queue and over several."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from callengine.callcenter.calls import Entry
from callengine.callcenter.queues import Queue, Queues
from callengine.db.repositories.queues import QueueRecord
from tests.fakes import rows


def queue(number: int = 1, *, ageing: float = 0.0, **rules: Any) -> Queue:
    return Queue(number, f"queue{number}", rows.rules(**rules), ageing_points_per_minute=ageing)


def entry(name: str, *, arrived: float = 0.0, priority: int = 0) -> Entry:
    return Entry(name, 1, priority, arrived, arrived, arrived + 300)


def test_higher_priority_then_earlier_arrival() -> None:
    here = queue()
    for each in (entry("c", arrived=3.0), entry("a", arrived=1.0), entry("b", arrived=9.0, priority=1)):
        here.line.join(each)
    assert [each.id for each in here.line] == ["b", "a", "c"]


def test_who_leaves_and_comes_back_has_its_place() -> None:
    here = queue()
    first, second = entry("first", arrived=1.0), entry("second", arrived=2.0)
    here.line.join(first)
    here.line.join(second)
    here.line.leave(first)
    here.line.leave(first)
    assert (first in here.line, second in here.line, len(here.line)) == (False, True, 1)
    here.line.join(first)
    assert [each.id for each in here.line] == ["first", "second"]


def test_over_queues_the_weight_comes_first_then_the_base() -> None:
    heavy, light, urgent = queue(1, weight=2), queue(2), queue(3, priority_base=60)
    early, late = entry("early", arrived=1.0, priority=9), entry("late", arrived=5.0)
    assert heavy.rank(late) < urgent.rank(early) < light.rank(early)
    assert light.rank(early) < urgent.rank(entry("x", priority=-2)) < light.rank(late)


@given(
    rate=st.floats(0.1, 100),
    callers=st.lists(st.tuples(st.floats(0, 10_000), st.integers(-50, 50)), min_size=2, max_size=8),
    now=st.floats(10_000, 20_000),
)
def test_ageing_ranks_as_the_priorities_of_this_moment_do(
    rate: float, callers: list[tuple[float, int]], now: float
) -> None:
    here = queue(ageing=rate)
    for number, (arrived, priority) in enumerate(callers):
        here.line.join(entry(f"{number:02}", arrived=arrived, priority=priority))
    effective = [each.priority + rate * (now - each.first_arrived_at) / 60 for each in here.line]
    assert all(first >= second - 1e-6 for first, second in itertools.pairwise(effective))


def test_another_rate_puts_the_line_in_order_again() -> None:
    queues = Queues()
    queues.take_over([QueueRecord(1, "sales", "settings", 0, None, rows.rules())])
    here = queues.by_id(1)
    here.line.join(entry("patient", arrived=0.0))
    here.line.join(entry("urgent", arrived=100.0, priority=1))
    assert [each.id for each in here.line] == ["urgent", "patient"]
    queues.age_by(60.0)
    assert [each.id for each in here.line] == ["patient", "urgent"]
    queues.take_over([QueueRecord(2, "new", "settings", 0, None, rows.rules())])
    assert queues.by_id(2).ageing_points_per_minute == 60.0


def test_steps_are_those_of_the_rules_in_force() -> None:
    here = queue()
    assert not here.steps
    here.rules = rows.rules(skills=({"after_seconds": 0, "all": ["french"]},))
    assert [str(need) for need in here.steps[0].requirement.all] == ["french>=1"]
    assert here.steps is here.steps
    here.rules = rows.rules()
    assert not here.steps
