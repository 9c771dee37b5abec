"""What decides who serves whom, each setting at two values: weight, priority, tiers, skills, preference."""

from __future__ import annotations

import json

import gevent
import pytest

from callengine.sip.outgoing_session import OutgoingSession
from tests.gevent.callcenter.conftest import Desk
from tests.gevent.effects.outside import MakeDesk, finish, run_command

SALES = {"NUMBERS__SALES__DESTINATION": "queue:sales"}


def order(desk: Desk, *arguments: str) -> None:
    """Have `callengine` do it in the running service."""
    done = run_command(desk, *arguments)
    assert done.returncode == 0, done.stderr


def first_served(desk: Desk, *numbers: str, apart: float = 0.0) -> str:
    """Call these numbers while nobody is there; the one whose caller alice serves first when she comes."""
    order(desk, "agents", "assign", "alice", "sales")
    callers: list[OutgoingSession] = []
    for number in numbers:
        callers.append(desk.phone().call(number))
        gevent.sleep(apart)
    alice = desk.agent("alice")
    alice.wait_for_call()
    desk.until("select count(*) from calls where connected_at is not null", 1)
    served = desk.one("select dialled from calls where connected_at is not null")["dialled"]
    for caller in callers:
        caller.hang_up()
    desk.until("select count(*) from legs where state <> 'ended'", 0)
    return str(served)


@pytest.mark.effect("queues.NAME.weight")
@pytest.mark.effect("queues.NAME.priority_base")
@pytest.mark.parametrize(
    ("key", "value", "first"),
    [("WEIGHT", "1", "support"), ("WEIGHT", "2", "sales"), ("PRIORITY_BASE", "51", "sales")],
)
def test_which_of_an_agents_queues_comes_first(make_desk: MakeDesk, key: str, value: str, first: str) -> None:
    desk = make_desk("alice", **SALES, **{f"QUEUES__SALES__{key}": value})
    assert first_served(desk, "support", "sales") == first


@pytest.mark.effect("routing.ageing_points_per_minute")
@pytest.mark.parametrize(("points", "first"), [("0", "sales"), ("1000", "support")])
def test_how_fast_callers_grow_urgent(make_desk: MakeDesk, points: str, first: str) -> None:
    """A second of waiting is worth 16 points or none; the queue of the later caller has one point more."""
    desk = make_desk(
        "alice", **SALES, QUEUES__SALES__PRIORITY_BASE="51", ROUTING__AGEING_POINTS_PER_MINUTE=points
    )
    assert first_served(desk, "support", "sales", apart=0.5) == first


@pytest.mark.effect("queues.NAME.tier_wait_seconds")
@pytest.mark.parametrize(("seconds", "is_served"), [(0, True), (600, False)])
def test_when_the_second_tier_opens(make_desk: MakeDesk, seconds: int, is_served: bool) -> None:
    desk = make_desk("alice", "bob", QUEUES__SUPPORT__TIER_WAIT_SECONDS=str(seconds))
    order(desk, "agents", "assign", "alice", "support", "--tier", "2")
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    if is_served:
        alice.wait_for_call()
    else:
        assert not caller.ended.wait(0.5)
        assert alice.calls == []
        desk.agent("bob").wait_for_call()
    finish(desk, caller)


@pytest.mark.effect("queues.NAME.skills")
@pytest.mark.parametrize("steps", ["[]", '[{all = ["french>=3"]}, {after_seconds = 600}]'])
def test_what_an_agent_must_know(make_desk: MakeDesk, steps: str) -> None:
    desk = make_desk("alice", QUEUES__SUPPORT__SKILLS=steps)
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    if steps != "[]":
        assert not caller.ended.wait(0.5)
        order(desk, "agents", "skill", "alice", "french", "2")
        assert not caller.ended.wait(0.3)
        assert alice.calls == []
        order(desk, "agents", "skill", "alice", "french", "3")
    alice.wait_for_call()
    finish(desk, caller)


@pytest.mark.effect("routing.enable_skills_routing")
@pytest.mark.parametrize(("is_on", "exit_code"), [("true", 0), ("false", 1)])
def test_whether_queues_may_want_skills(make_desk: MakeDesk, is_on: str, exit_code: int) -> None:
    desk = make_desk(open_now=False)
    desk.environ["CALLENGINE_ROUTING__ENABLE_SKILLS_ROUTING"] = is_on
    desk.environ["CALLENGINE_QUEUES__SUPPORT__SKILLS"] = '[{all = ["french"]}]'
    done = run_command(desk, "config", "check")
    assert done.returncode == exit_code
    assert ("queues.support.skills" in done.stderr) == bool(exit_code)


@pytest.mark.effect("queues.NAME.prefer_last_agent_seconds")
@pytest.mark.parametrize(("seconds", "second"), [(0, "bob"), (30, "alice")])
def test_who_serves_a_caller_that_calls_again(make_desk: MakeDesk, seconds: int, second: str) -> None:
    desk = make_desk("alice", "bob", QUEUES__SUPPORT__PREFER_LAST_AGENT_SECONDS=str(seconds))
    desk.agent("alice"), desk.agent("bob")
    for number in (1, 2):
        caller = desk.phone("ann").call("support")
        desk.until("select count(*) from calls where connected_at is not null", number)
        finish(desk, caller)
    served = desk.rows("select name from calls join agents on agents.id = agent_id order by connected_at")
    assert [row["name"] for row in served] == ["alice", second]


@pytest.mark.parametrize(("seconds", "second"), [(0, "bob"), (30, "alice")])
def test_who_serves_a_caller_that_goes_on_to_another_queue(
    make_desk: MakeDesk, seconds: int, second: str
) -> None:
    desk = make_desk(
        "alice",
        "bob",
        QUEUES__SUPPORT__PREFER_LAST_AGENT_SECONDS=str(seconds),
        QUEUES__VIP__OVERFLOW_QUEUE="support",
        QUEUES__VIP__MAX_WAIT_TIME_SECONDS="0.2",
        NUMBERS__VIP__DESTINATION="queue:vip",
    )
    desk.agent("alice"), desk.agent("bob")
    for number, dialled in enumerate(("support", "vip"), 1):
        caller = desk.phone("ann").call(dialled)
        desk.until("select count(*) from calls where connected_at is not null", number)
        finish(desk, caller)
    served = desk.rows("select name from calls join agents on agents.id = agent_id order by connected_at")
    assert [row["name"] for row in served] == ["alice", second]


def test_the_log_says_on_what_an_agent_was_chosen(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", QUEUES__SUPPORT__STRATEGY="longest_idle")
    desk.agent("alice")
    caller = desk.phone().call("support")
    desk.until("select count(*) from calls where connected_at is not null", 1)
    payload = desk.one("select payload from event_log where type = 'call_offered'")["payload"]
    decision = json.loads(payload)["decision"]
    assert decision.pop("waited_seconds") >= 0
    assert decision == {
        "strategy": "longest_idle",
        "tier": 0,
        "skill_step": None,
        "required": None,
        "preferred": None,
        "free": 1,
        "missed": [],
    }
    finish(desk, caller)


def test_conversations_are_counted_for_the_day(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    for number in (1, 2):
        caller = desk.phone().call("support")
        alice.wait_for_call(number).confirmed.wait(5)
        desk.until("select count(*) from calls where connected_at is not null", number)
        finish(desk, caller)
    desk.until("select state from agents", "available")
    counted = desk.one("select calls_handled, talk_seconds, counted_on from agents")
    talked = desk.one("select sum(talk_seconds) as seconds from offers")["seconds"]
    assert (counted["calls_handled"], counted["talk_seconds"]) == (2, pytest.approx(talked))
    assert counted["counted_on"] is not None
