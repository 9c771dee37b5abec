"""Round robin goes on after the agent that was chosen last."""

import random
from collections import Counter
from itertools import islice

import pytest

from callengine.callcenter.routing import STRATEGIES, Candidate

round_robin = STRATEGIES["round_robin"]


def _candidates(*agent_ids: int) -> list[Candidate]:
    return [Candidate(agent_id, 0.0) for agent_id in agent_ids]


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
    assert [each.agent_id for each in round_robin(_candidates(2, 5, 9), last)] == expected


def test_nobody_is_nobody() -> None:
    assert list(round_robin([], 3)) == []


@pytest.mark.parametrize("agents", [1, 2, 7, 40])
def test_counts_of_equally_free_agents_differ_by_at_most_one(agents: int) -> None:
    candidates = _candidates(*range(1, agents + 1))
    counts: Counter[int] = Counter()
    last = random.Random(agents).randrange(agents)
    for _ in range(10_000):
        last = next(islice(round_robin(candidates, last), 1)).agent_id
        counts[last] += 1
        assert max(counts.values()) - min(counts[each.agent_id] for each in candidates) <= 1
