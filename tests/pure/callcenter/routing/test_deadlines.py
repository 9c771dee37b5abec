"""Deadlines: one time for each, and the earliest first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from callengine.callcenter.routing.deadlines import SAME, Deadlines


def test_the_earliest_is_known_and_each_is_due_once() -> None:
    deadlines: Deadlines[str] = Deadlines()
    assert deadlines.earliest() is None
    deadlines.set("late", 9.0)
    deadlines.set("soon", 3.0)
    deadlines.set("never", 1.0)
    deadlines.drop("never")
    deadlines.drop("unknown")
    assert (deadlines.earliest(), len(deadlines)) == (3.0, 2)
    assert deadlines.due(2.9) == []
    assert deadlines.due(10.0) == ["soon", "late"]
    assert (deadlines.earliest(), deadlines.due(10.0)) == (None, [])


def test_another_time_replaces_the_first_unless_it_is_the_same() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.set("one", 5.0)
    deadlines.set("one", 5.0 + SAME / 2)
    assert deadlines.earliest() == 5.0
    deadlines.set("one", 7.0)
    assert (deadlines.due(6.0), deadlines.due(7.0)) == ([], ["one"])


@given(st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers(0, 100)), max_size=400))
def test_it_is_a_table_of_times(steps: list[tuple[int, int | None]]) -> None:
    deadlines: Deadlines[int] = Deadlines()
    table: dict[int, int] = {}
    for who, at in steps:
        if at is None:
            deadlines.drop(who)
            table.pop(who, None)
        else:
            deadlines.set(who, at)
            table[who] = at
        assert deadlines.earliest() == min(table.values(), default=None)
    assert sorted(deadlines.due(50)) == sorted(who for who, at in table.items() if at <= 50)
    assert sorted(deadlines.due(100)) == sorted(who for who, at in table.items() if at > 50)
