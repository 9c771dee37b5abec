"""Free agents are found by queue, tier and skill as if all had been looked at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.callcenter.routing.base import Candidate
from callengine.callcenter.routing.free_agents import FreeAgents
from callengine.callcenter.routing.skills import Need, Requirement, meets

SKILLS = ["french", "gold", "silver"]
needs = st.lists(st.builds(Need, st.sampled_from(SKILLS), st.integers(1, 4)), max_size=2).map(tuple)
people = st.lists(
    st.tuples(
        st.integers(1, 2),
        st.integers(1, 3),
        st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 4)),
        st.booleans(),
    ),
    max_size=20,
)


@given(people, st.builds(Requirement, needs, needs))
def test_who_is_found_are_those_who_meet_it(
    people: list[tuple[int, int, dict[str, int], bool]], required: Requirement
) -> None:
    free, left = FreeAgents(), []
    everyone = [
        (queue_id, Candidate(number, 0.0, tier=tier, levels=levels), goes)
        for number, (queue_id, tier, levels, goes) in enumerate(people)
    ]
    for queue_id, candidate, _goes in reversed(everyone):
        free.put(queue_id, candidate)
    for queue_id, candidate, goes in everyone:
        if goes:
            free.take(queue_id, candidate)
        else:
            left.append((queue_id, candidate))
    for queue_id in (1, 2):
        here = [each for queue, each in left if queue == queue_id]
        assert free.count(queue_id) == len(here)
        assert free.any_of(queue_id) is bool(here)
        assert free.tiers(queue_id) == sorted({each.tier for each in here})
        for tier in (1, 2, 3):
            wanted = [each for each in here if each.tier == tier and meets(required, each.levels)]
            assert list(free.of(queue_id, tier, required)) == wanted


def test_who_was_not_put_cannot_be_taken() -> None:
    free = FreeAgents()
    free.put(1, Candidate(1, 0.0))
    with pytest.raises(KeyError):
        free.take(1, Candidate(1, 0.0))
    with pytest.raises(KeyError):
        free.take(2, Candidate(1, 0.0))
