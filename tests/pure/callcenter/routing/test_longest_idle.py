"""Longest idle goes by the time since which an agent is free."""

from callengine.callcenter.routing import STRATEGIES, Candidate


def test_order_is_by_idle_time_then_by_key() -> None:
    candidates = [Candidate(1, 30.0), Candidate(2, 10.0), Candidate(3, 20.0), Candidate(4, 10.0)]
    order = [each.agent_id for each in STRATEGIES["longest_idle"](candidates, 2)]
    assert order == [2, 4, 3, 1]
