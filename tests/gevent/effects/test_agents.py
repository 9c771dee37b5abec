"""`agents.*` and what queues say about wrap-ups: each setting at two values, seen from outside."""

from __future__ import annotations

import gevent
import pytest

from tests.fakes.phone import Script, just_ring, reject_with
from tests.gevent.callcenter.conftest import Desk, wait_until
from tests.gevent.effects.outside import MakeDesk, finish, run_command

STATE = "select state from agents"


@pytest.mark.effect("agents.sign_on")
@pytest.mark.parametrize(("sign_on", "state"), [("register", "available"), ("explicit", "offline")])
def test_what_a_registration_makes_of_an_agent(make_desk: MakeDesk, sign_on: str, state: str) -> None:
    desk = make_desk("alice", AGENTS__SIGN_ON=sign_on)
    desk.agent("alice")
    assert desk.one(STATE)["state"] == state
    assert run_command(desk, "agents", "sign-on", "alice").returncode == 0
    assert desk.one(STATE)["state"] == "available"


@pytest.mark.effect("agents.ring_contacts")
@pytest.mark.parametrize(("which", "older_rings"), [("all", True), ("newest", False)])
def test_which_of_two_phones_ring(make_desk: MakeDesk, which: str, older_rings: bool) -> None:
    desk = make_desk("alice", AGENTS__RING_CONTACTS=which)
    older, newer = desk.agent("alice", script=just_ring), desk.agent("alice", script=just_ring)
    caller = desk.phone().call("support")
    newer.wait_for_call()
    if older_rings:
        older.wait_for_call()
    assert desk.one("select count(*) as n from legs where role = 'agent'")["n"] == 1 + older_rings
    assert bool(older.calls) is older_rings
    finish(desk, caller)


def _second_try_after(desk: Desk, script: Script) -> float:
    """The seconds between two offers of one call to the only agent, who takes the second."""
    alice = desk.agent("alice", script=script)
    caller = desk.phone().call("support")
    alice.wait_for_call()
    desk.until("select count(*) from offers where state not in ('ringing', 'connected')", 1)
    alice.wait_for_call(2)
    first, second = desk.rows("select offered_at, ended_at from offers order by offered_at")[:2]
    finish(desk, caller)
    return float(second["offered_at"] - first["ended_at"])


@pytest.mark.effect("agents.delay_after_rejected_seconds")
@pytest.mark.effect("agents.delay_after_busy_seconds")
@pytest.mark.effect("agents.delay_after_unreachable_seconds")
@pytest.mark.parametrize(("key", "status"), [("rejected", 603), ("busy", 486), ("unreachable", 480)])
def test_an_agent_is_left_alone_after_a_refusal(make_desk: MakeDesk, key: str, status: int) -> None:
    """Without a delay the same call comes back after one second."""
    delays = dict.fromkeys(("rejected", "busy", "no_answer", "unreachable"), "600") | {key: "2.5"}
    settings = {f"AGENTS__DELAY_AFTER_{name.upper()}_SECONDS": value for name, value in delays.items()}
    desk = make_desk("alice", **settings)
    assert _second_try_after(desk, reject_with(status)) >= 2.5


@pytest.mark.effect("agents.delay_after_no_answer_seconds")
@pytest.mark.parametrize("seconds", [0, 2.5])
def test_an_agent_is_left_alone_after_no_answer(make_desk: MakeDesk, seconds: float) -> None:
    desk = make_desk(
        "alice",
        QUEUES__SUPPORT__RING_TIMEOUT_SECONDS="0.3",
        AGENTS__DELAY_AFTER_NO_ANSWER_SECONDS=str(seconds),
    )
    assert _second_try_after(desk, just_ring) >= max(1.0, seconds)


@pytest.mark.parametrize("status", [603, 486, 480])
def test_without_a_delay_another_caller_is_offered_at_once(make_desk: MakeDesk, status: int) -> None:
    """Beside the other tests: what a delay keeps away is offered when there is none."""
    desk = make_desk("alice")
    alice = desk.agent("alice", script=reject_with(status))
    first, second = desk.phone().call("support"), desk.phone().call("support")
    alice.wait_for_call(2)
    desk.until("select count(distinct call_id) from offers", 2)
    first.hang_up()
    finish(desk, second)


@pytest.mark.effect("agents.auto_pause_after_missed")
@pytest.mark.parametrize(("missed", "state"), [(0, "available"), (2, "paused")])
def test_an_agent_that_misses_too_many_is_paused(make_desk: MakeDesk, missed: int, state: str) -> None:
    desk = make_desk("alice", AGENTS__AUTO_PAUSE_AFTER_MISSED=str(missed))
    alice = desk.agent("alice", script=reject_with(603))
    caller = desk.phone().call("support")
    alice.wait_for_call(2)
    if missed:
        desk.until(STATE, state)
        assert desk.one("select pause_reason from agents")["pause_reason"] == "missed"
        gevent.sleep(1.5)
        assert len(alice.calls) == missed
    else:
        alice.wait_for_call(3)
    finish(desk, caller)


@pytest.mark.effect("agents.pause_reasons")
@pytest.mark.parametrize(("reasons", "exit_code"), [("[]", 0), ('["training", "long break"]', 1)])
def test_which_reasons_are_taken(make_desk: MakeDesk, reasons: str, exit_code: int) -> None:
    desk = make_desk("alice", AGENTS__PAUSE_REASONS=reasons)
    desk.agent("alice")
    done = run_command(desk, "agents", "pause", "alice", "--reason", "lunch")
    assert done.returncode == exit_code
    assert ("the reason 'lunch'; allowed: training, long break" in done.stderr) == bool(exit_code)
    assert desk.one(STATE)["state"] == ("available" if exit_code else "paused")
    assert run_command(desk, "agents", "pause", "alice", "--reason", "training").returncode == 0


def _in_wrap_up(desk: Desk) -> None:
    """Have alice talk, and wrap up."""
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    desk.until(STATE, "busy")
    finish(desk, caller)
    desk.until(STATE, "wrap_up")


@pytest.mark.effect("queues.NAME.wrap_up_codes")
@pytest.mark.parametrize(("codes", "exit_code"), [("[]", 0), ('["sale", "no sale"]', 1)])
def test_which_codes_are_taken(make_desk: MakeDesk, codes: str, exit_code: int) -> None:
    wrap_up = {"QUEUES__SUPPORT__WRAP_UP_SECONDS": "60", "QUEUES__SUPPORT__WRAP_UP_CODES": codes}
    desk = make_desk("alice", **wrap_up)
    _in_wrap_up(desk)
    done = run_command(desk, "agents", "wrap-up", "alice", "--end", "--code", "lunch")
    assert done.returncode == exit_code
    assert ("allowed in the queue support: sale, no sale" in done.stderr) == bool(exit_code)
    if exit_code:
        assert run_command(desk, "agents", "wrap-up", "alice", "--end", "--code", "sale").returncode == 0
    assert desk.one(STATE)["state"] == "available"
    assert desk.one("select wrap_up_code from offers")["wrap_up_code"] == ("sale" if exit_code else "lunch")


@pytest.mark.effect("queues.NAME.wrap_up_code_required")
@pytest.mark.parametrize(("required", "exit_code"), [("false", 0), ("true", 1)])
def test_whether_a_wrap_up_may_be_ended_without_a_code(
    make_desk: MakeDesk, required: str, exit_code: int
) -> None:
    wrap_up = {"QUEUES__SUPPORT__WRAP_UP_SECONDS": "60", "QUEUES__SUPPORT__WRAP_UP_CODE_REQUIRED": required}
    desk = make_desk("alice", **wrap_up)
    _in_wrap_up(desk)
    done = run_command(desk, "agents", "wrap-up", "alice", "--end")
    assert done.returncode == exit_code
    assert ("the queue support wants a code; allowed: any word" in done.stderr) == bool(exit_code)
    assert desk.one(STATE)["state"] == ("wrap_up" if exit_code else "available")


@pytest.mark.effect("general.agent_heartbeat_interval")
@pytest.mark.parametrize(("seconds", "is_asked"), [(0.2, True), (0, False)])
def test_phones_are_asked_whether_they_are_there(make_desk: MakeDesk, seconds: float, is_asked: bool) -> None:
    desk = make_desk("alice", GENERAL__AGENT_HEARTBEAT_INTERVAL=str(seconds))
    alice = desk.agent("alice")
    asked = alice.endpoint.counts.requests
    if is_asked:
        wait_until(lambda: asked.get(("OPTIONS", 200), 0) >= 2, "being asked twice")
    else:
        gevent.sleep(1)
        assert ("OPTIONS", 200) not in asked
