"""What a restart keeps of agents: a delay, a pause that was ordered, a wrap-up that was extended."""

from __future__ import annotations

import json
from collections.abc import Callable

import gevent

from tests.fakes.phone import reject_with
from tests.gevent.callcenter.conftest import Desk
from tests.gevent.effects.outside import finish, run_command

MakeDesk = Callable[..., Desk]
STATE = "select state from agents"


def restart(desk: Desk) -> None:
    """End the service, and start it again."""
    assert desk.center is not None
    desk.center.stop()
    desk.open()


def test_an_agent_is_left_alone_as_long_as_it_would_have_been(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", AGENTS__DELAY_AFTER_REJECTED_SECONDS="4")
    alice = desk.agent("alice", script=reject_with(603))
    desk.phone().call("support")
    alice.wait_for_call()
    desk.until("select count(*) from agents where delayed_after = 'rejected' and state = 'available'", 1)
    restart(desk)
    caller = desk.phone().call("support")
    alice.wait_for_call(2)
    first, second = desk.rows("select offered_at, ended_at from offers order by offered_at")[:2]
    assert 4.0 <= second["offered_at"] - first["ended_at"] < 8
    finish(desk, caller)


def test_a_pause_that_was_ordered_begins_at_the_sign_on(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    assert run_command(desk, "agents", "pause", "alice", "--reason", "lunch", "--after-call").returncode == 0
    assert desk.one(STATE)["state"] == "offline"
    restart(desk)
    desk.agent("alice")
    row = desk.one("select state, pause_reason, pause_next_reason from agents")
    assert tuple(row.values()) == ("paused", "lunch", None)


def test_a_wrap_up_lasts_as_long_as_it_was_extended(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", QUEUES__SUPPORT__WRAP_UP_SECONDS="2")
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    desk.until(STATE, "busy")
    finish(desk, caller)
    desk.until(STATE, "wrap_up")
    assert run_command(desk, "agents", "wrap-up", "alice", "--extend", "3").returncode == 0
    restart(desk)
    desk.until(STATE, "available")
    rows = desk.rows("select payload from event_log where type = 'agent_state_changed' order by number")
    took = [json.loads(row["payload"]).get("wrap_up_seconds") for row in rows][-1]
    assert 5.0 - 0.02 <= took < 9
    assert desk.one("select wrap_up_seconds from offers")["wrap_up_seconds"] == took


def test_an_agent_that_was_signed_off_stays_so(make_desk: MakeDesk) -> None:
    """Its phone is registered all the time, and the reconciler does not take that for a mistake."""
    desk = make_desk("alice", GENERAL__LEASE_SECONDS="0.3")
    alice = desk.agent("alice")
    assert run_command(desk, "agents", "sign-off", "alice").returncode == 0
    restart(desk)
    assert alice.refresh()
    gevent.sleep(1)
    assert desk.one(STATE)["state"] == "offline"
    assert desk.rows("select * from event_log where type = 'state_repaired'") == []
    assert run_command(desk, "agents", "sign-on", "alice").returncode == 0
    assert desk.agent_is_free_for_another(alice)
