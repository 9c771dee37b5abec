"""`routing.*` and `queues.*`: what is not tested where calls are, at two values, seen from outside."""

from __future__ import annotations

import pytest

from callengine.callcenter.dispatch import Dispatch
from tests.fakes.phone import just_ring
from tests.gevent.callcenter.conftest import wait_until
from tests.gevent.effects.outside import MakeDesk, finish, run_command


@pytest.mark.effect("routing.agent_assignment_timeout_seconds")
@pytest.mark.parametrize(("seconds", "exit_code"), [(5, 1), (20, 0)])
def test_no_queue_may_ring_longer_than_an_offer_may_take(
    make_desk: MakeDesk, seconds: int, exit_code: int
) -> None:
    desk = make_desk(open_now=False)
    desk.environ["CALLENGINE_ROUTING__AGENT_ASSIGNMENT_TIMEOUT_SECONDS"] = str(seconds)
    desk.environ["CALLENGINE_QUEUES__SUPPORT__RING_TIMEOUT_SECONDS"] = "10"
    done = run_command(desk, "config", "check")
    assert done.returncode == exit_code
    assert ("queues.support.ring_timeout_seconds" in done.stderr) == bool(exit_code)


@pytest.mark.effect("routing.default_strategy")
@pytest.mark.effect("queues.NAME.strategy")
@pytest.mark.parametrize(
    ("variables", "strategy"),
    [
        ({}, "round_robin"),
        ({"ROUTING__DEFAULT_STRATEGY": "longest_idle"}, "longest_idle"),
        ({"QUEUES__SUPPORT__STRATEGY": "longest_idle"}, "longest_idle"),
    ],
)
def test_the_order_in_which_agents_are_rung(
    make_desk: MakeDesk, variables: dict[str, str], strategy: str
) -> None:
    desk = make_desk("alice", "bob", **variables)
    bob, alice = desk.agent("bob"), desk.agent("alice")  # bob is free for longer
    caller = desk.phone().call("support")
    wait_until(lambda: bool(alice.calls or bob.calls), "a ringing phone")
    assert len(alice.calls) == (strategy == "round_robin")
    assert len(bob.calls) == (strategy == "longest_idle")
    finish(desk, caller)


@pytest.mark.effect("queues.NAME.ring_timeout_seconds")
@pytest.mark.parametrize("seconds", [0.2, 2.5])
def test_a_phone_rings_so_long(make_desk: MakeDesk, seconds: float) -> None:
    desk = make_desk("alice", QUEUES__SUPPORT__RING_TIMEOUT_SECONDS=str(seconds))
    desk.agent("alice", script=just_ring)
    caller = desk.phone().call("support")
    desk.until("select count(*) from offers where state = 'no_answer'", 1)
    rang = desk.rows("select ring_seconds from offers where state = 'no_answer'")[0]["ring_seconds"]
    assert seconds <= rang < seconds + 2
    finish(desk, caller)


@pytest.mark.effect("routing.queue_monitor_interval_ms")
@pytest.mark.parametrize(("milliseconds", "is_served"), [(50, True), (600_000, False)])
def test_the_sweep_serves_whom_no_event_called(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, milliseconds: int, is_served: bool
) -> None:
    """The wake-up of the agent who signs on is lost, as a mistake of ours might lose it."""
    monkeypatch.setattr(Dispatch, "_agent_freed", lambda *_lost: None)
    desk = make_desk("alice", ROUTING__QUEUE_MONITOR_INTERVAL_MS=str(milliseconds))
    caller = desk.phone().call("support")
    alice = desk.agent("alice")
    if is_served:
        alice.wait_for_call().confirmed.wait(5)
    else:
        assert not caller.ended.wait(0.7)
        assert alice.calls == []
    finish(desk, caller)
