"""Longest idle goes by the time since which an agent is free."""

from callengine.callcenter.routing.base import Caller, Candidate
from callengine.callcenter.routing.longest_idle import order


def test_order_is_by_idle_time_then_by_key() -> None:
    candidates = [Candidate(1, 30.0), Candidate(2, 10.0), Candidate(3, 20.0), Candidate(4, 10.0)]
    found = [each.agent_id for each in order(Caller("sales", last_agent_id=2), candidates, 100.0)]
    assert found == [2, 4, 3, 1]
