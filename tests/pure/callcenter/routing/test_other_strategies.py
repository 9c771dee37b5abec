"""Each strategy puts all candidates in the order that its name says, lazily."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.callcenter.routing import fewest_calls, least_talk_time, ring_all, skills, top_down
from callengine.callcenter.routing.at_random import order_by
from callengine.callcenter.routing.base import Caller, Candidate, Order
from callengine.callcenter.routing.best_skilled import order as best_skilled
from callengine.callcenter.routing.strategies import BUILT_IN, Strategies

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()
TODAY, YESTERDAY = "2026-11-28", "2026-11-27"


def found(order: Order, *candidates: Candidate, **caller: Any) -> list[int]:
    return [each.agent_id for each in order(Caller("sales", **caller), candidates, NOON)]


def test_fewest_calls_counts_those_of_today() -> None:
    assert found(
        fewest_calls.order,
        Candidate(1, 50.0, calls_handled=3, counted_on=TODAY),
        Candidate(2, 40.0, calls_handled=9, counted_on=YESTERDAY),
        Candidate(3, 30.0, calls_handled=1, counted_on=TODAY),
        Candidate(4, 20.0, calls_handled=1, counted_on=TODAY),
        Candidate(5, 60.0),
    ) == [2, 5, 4, 3, 1]


def test_least_talk_time_counts_that_of_today() -> None:
    assert found(
        least_talk_time.order,
        Candidate(1, 50.0, talk_seconds=30.5, counted_on=TODAY),
        Candidate(2, 40.0, talk_seconds=900.0, counted_on=YESTERDAY),
        Candidate(3, 30.0, talk_seconds=30.25, counted_on=TODAY),
    ) == [2, 3, 1]


def test_top_down_goes_by_the_position() -> None:
    assert found(
        top_down.order,
        Candidate(1, 1.0, position=5),
        Candidate(2, 2.0, position=0),
        Candidate(3, 3.0, position=5),
        Candidate(4, 4.0, position=-1),
    ) == [4, 2, 1, 3]


def test_ring_all_takes_them_as_they_come() -> None:
    assert found(ring_all.order, Candidate(1, 9.0), Candidate(2, 5.0), last_agent_id=1) == [1, 2]


def test_skills_go_by_level_then_by_idle_time() -> None:
    (step,) = skills.read_steps([{"all": ["french>=2"], "any": ["gold", "silver"]}])
    levels: list[dict[str, int]] = [
        {"french": 2, "gold": 1},
        {"french": 5, "silver": 1},
        {"french": 2, "gold": 3, "silver": 4},
        {"french": 2, "gold": 1, "billing": 10},
    ]
    candidates = [Candidate(n, 100.0 - n, levels=each) for n, each in enumerate(levels, 1)]
    assert found(best_skilled, *candidates, required=step.requirement) == [3, 2, 4, 1]
    assert found(best_skilled, *candidates) == [4, 3, 2, 1]


def test_random_draws_from_the_given_source() -> None:
    candidates = [Candidate(n, 0.0) for n in range(1, 8)]
    once, again = (found(order_by(Random(5)), *candidates) for _ in range(2))
    assert once == again
    assert once != found(order_by(Random(6)), *candidates)


def test_random_prefers_nobody() -> None:
    order = order_by(Random(1))
    candidates = [Candidate(n, float(n)) for n in range(1, 6)]
    firsts = Counter(next(iter(order(Caller("sales"), candidates, NOON))).agent_id for _ in range(5000))
    assert all(850 < firsts[each.agent_id] < 1150 for each in candidates)


some_candidates = st.dictionaries(
    st.integers(1, 50),
    st.builds(
        dict,
        available_since=st.floats(0, 100),
        position=st.integers(0, 5),
        levels=st.dictionaries(st.sampled_from(["french", "gold"]), st.integers(1, 10)),
        calls_handled=st.integers(0, 5),
        talk_seconds=st.floats(0, 1000),
        counted_on=st.sampled_from([None, TODAY, YESTERDAY]),
    ),
).map(lambda each: [Candidate(key, **each[key]) for key in sorted(each)])


@pytest.mark.parametrize("name", BUILT_IN)
@given(candidates=some_candidates, last=st.none() | st.integers(0, 60))
def test_every_strategy_answers_each_candidate_once(
    name: str, candidates: list[Candidate], last: int | None
) -> None:
    strategy = Strategies(Random(3)).find(name)
    assert strategy is not None
    order = list(strategy.order(Caller("sales", last_agent_id=last), candidates, NOON))
    assert sorted(each.agent_id for each in order) == [each.agent_id for each in candidates]


def test_only_ring_all_rings_all() -> None:
    known = Strategies()
    found = {name: known.find(name) for name in BUILT_IN}
    assert [name for name, each in found.items() if each is not None and each.rings_all] == ["ring_all"]
