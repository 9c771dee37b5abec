"""A caller who waits for the agent it spoke with last goes on waiting for it when the service was killed."""

from __future__ import annotations

from tests.gevent.effects.outside import finish, run_command
from tests.gevent.service.test_recovery import MakeServing, Serving, own_ports, serving

__all__ = ["serving"]


def test_the_wait_for_an_agent_outlives_a_kill(serving: MakeServing) -> None:
    desk, service = serving(
        "alice",
        "bob",
        QUEUES__SUPPORT__PREFER_LAST_AGENT_SECONDS="600",
        QUEUES__SUPPORT__WRAP_UP_SECONDS="600",
        **own_ports(),
    )
    alice = desk.agent("alice")
    first = desk.phone("ann").call("support")
    alice.wait_for_call().confirmed.wait(5)
    desk.until("select count(*) from calls where connected_at is not null", 1)
    finish(desk, first)
    desk.until("select count(*) from agents where state = 'wrap_up'", 1)
    bob = desk.agent("bob")
    second = desk.phone("ann").call("support")
    desk.until("select count(*) from queue_entries where preferred_until is not null", 1)
    service.kill()
    Serving(desk, into=service)
    assert not second.ended.wait(0.5)
    assert bob.calls == []
    assert run_command(desk, "agents", "wrap-up", "alice", "--end").returncode == 0
    alice.wait_for_call(2)
    desk.until("select count(*) from calls where connected_at is not null", 2)
    finish(desk, second)
