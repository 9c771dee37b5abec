"""Round robin goes on after the agent that was chosen last."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.callcenter.routing.base import Caller, Candidate
from callengine.callcenter.routing.round_robin import order


def _candidates(*agent_ids: int) -> list[Candidate]:
    return [Candidate(agent_id, 0.0) for agent_id in agent_ids]


def _order(candidates: list[Candidate], last: int | None) -> list[int]:
    return [each.agent_id for each in order(Caller("sales", last_agent_id=last), candidates, 0.0)]


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (None, [2, 5, 9]),
        (2, [5, 9, 2]),
        (5, [9, 2, 5]),
        (9, [2, 5, 9]),
        (3, [5, 9, 2]),
        (100, [2, 5, 9]),
    ],
)
def test_order_starts_after_the_last_agent(last: int | None, expected: list[int]) -> None:
    assert _order(_candidates(2, 5, 9), last) == expected


def test_nobody_is_nobody() -> None:
    assert _order([], 3) == []


@pytest.mark.parametrize("agents", [1, 2, 7, 40])
def test_counts_of_equally_free_agents_differ_by_at_most_one(agents: int) -> None:
    candidates = _candidates(*range(1, agents + 1))
    counts: Counter[int] = Counter()
    last = random.Random(agents).randrange(agents)
    for _ in range(10_000):
        last = next(order(Caller("sales", last_agent_id=last), candidates, 0.0)).agent_id
        counts[last] += 1
        assert max(counts.values()) - min(counts[each.agent_id] for each in candidates) <= 1


@given(
    agents=st.sets(st.integers(1, 30), min_size=1),
    absent=st.lists(st.sets(st.integers(1, 30), max_size=3), max_size=40),
)
def test_nobody_is_passed_twice_while_another_is_free(agents: set[int], absent: list[set[int]]) -> None:
    """Between two turns of an agent, each other that was free all the time had one."""
    last: int | None = None
    turns: list[tuple[int, set[int]]] = []
    for away in absent:
        free = sorted(agents - away)
        if not free:
            continue
        last = _order(_candidates(*free), last)[0]
        turns.append((last, set(free)))
    for index, (who, _free) in enumerate(turns):
        again = next((n for n in range(index + 1, len(turns)) if turns[n][0] == who), None)
        if again is not None:
            always = set.intersection(*(free for _who, free in turns[index : again + 1]))
            assert always <= {each for each, _free in turns[index : again + 1]}
