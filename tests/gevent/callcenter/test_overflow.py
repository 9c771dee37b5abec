"""Where a caller goes: full, closed and empty queues, and those that kept it waiting for too long."""

from __future__ import annotations

import json
from typing import Any

import pytest

from callengine.errors import CallCenterError, NotAllowed, QueueFull, QueueNotFound
from callengine.sip.outgoing_session import OutgoingSession
from tests.fakes.phone import just_ring
from tests.gevent.callcenter.conftest import Desk, wait_until
from tests.gevent.effects.outside import MakeDesk, call_status

CHAIN = {
    "QUEUES__SUPPORT__OVERFLOW_QUEUE": "premium",
    "QUEUES__PREMIUM__OVERFLOW_QUEUE": "general",
    "QUEUES__GENERAL__CAPACITY": "100",
}
ENTRIES = "select e.*, q.name from queue_entries e join queues q on q.id = e.queue_id order by joined_at"


def events(desk: Desk, kind: str) -> list[dict[str, Any]]:
    rows = desk.rows(f"select queue, agent, payload from event_log where type = '{kind}' order by number")
    return [{"queue": row["queue"], **json.loads(row["payload"])} for row in rows]


def places(desk: Desk) -> list[tuple[str, str]]:
    return [(row["name"], row["state"]) for row in desk.rows(ENTRIES)]


def refused(session: OutgoingSession) -> int:
    assert session.refused is not None
    return session.refused[0]


@pytest.mark.effect("queues.NAME.overflow_queue")
def test_a_full_queue_hands_on_and_that_one_to_its_own(make_desk: MakeDesk) -> None:
    chain = {**CHAIN, "QUEUES__SUPPORT__CAPACITY": "1", "QUEUES__PREMIUM__CAPACITY": "1"}
    desk = make_desk(**chain)
    callers = [desk.phone().call("support") for _ in range(3)]
    assert all(each.answered.is_set() for each in callers)
    assert places(desk) == [("support", "waiting"), ("premium", "waiting"), ("general", "waiting")]
    told = [
        (each["queue"], each["to"], each["reason"], each["depth"])
        for each in events(desk, "queue_overflowed")
    ]
    assert told == [
        ("support", "premium", "full", 1),
        ("support", "premium", "full", 1),
        ("premium", "general", "full", 1),
    ]
    assert [each["depth"] for each in events(desk, "call_queued")] == [1, 1, 1]
    assert [row["queue_id"] for row in desk.rows("select queue_id from calls order by arrived_at")] == [
        row["queue_id"] for row in desk.rows(ENTRIES)
    ]


@pytest.mark.effect("queues.NAME.full_code")
@pytest.mark.effect("queues.NAME.final_destination")
@pytest.mark.effect("routing.enable_overflow")
@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({}, 486),
        ({"QUEUES__PREMIUM__FULL_CODE": "480"}, 480),
        ({"QUEUES__PREMIUM__FINAL_DESTINATION": "hangup:603", "QUEUES__PREMIUM__FULL_CODE": "480"}, 603),
        ({"QUEUES__SUPPORT__FULL_CODE": "600"}, 486),
        ({"QUEUES__SUPPORT__FULL_CODE": "600", "ROUTING__ENABLE_OVERFLOW": "false"}, 600),
    ],
)
def test_with_none_left_the_last_one_says_how_a_caller_is_refused(
    make_desk: MakeDesk, settings: dict[str, str], status: int
) -> None:
    tiny = {"QUEUES__SUPPORT__CAPACITY": "1", "QUEUES__PREMIUM__CAPACITY": "1"}
    desk = make_desk(**tiny, QUEUES__SUPPORT__OVERFLOW_QUEUE="premium", **settings)
    count = 1 if "ROUTING__ENABLE_OVERFLOW" in settings else 2
    for _ in range(count):
        assert desk.phone().call("support").answered.is_set()
    assert refused(desk.phone().call("support")) == status
    assert len(places(desk)) == count
    (told,) = events(desk, "call_rejected")
    assert (told["reason"], told["status"]) == ("full", status)


def test_the_final_destination_may_be_one_more_queue(make_desk: MakeDesk) -> None:
    desk = make_desk(
        QUEUES__SUPPORT__CAPACITY="1",
        QUEUES__SUPPORT__FINAL_DESTINATION="queue:night",
        QUEUES__NIGHT__CAPACITY="5",
        ROUTING__ENABLE_OVERFLOW="false",
    )
    for _ in range(2):
        assert desk.phone().call("support").answered.is_set()
    assert places(desk) == [("support", "waiting"), ("night", "waiting")]


def test_who_has_waited_too_long_goes_on_with_the_first_arrival_kept(make_desk: MakeDesk) -> None:
    desk = make_desk(
        **CHAIN, QUEUES__SUPPORT__MAX_WAIT_TIME_SECONDS="0.3", QUEUES__PREMIUM__MAX_WAIT_TIME_SECONDS="0.3"
    )
    caller = desk.phone().call("support")
    wait_until(lambda: len(places(desk)) == 3)
    assert places(desk) == [("support", "overflowed"), ("premium", "overflowed"), ("general", "waiting")]
    rows = desk.rows(ENTRIES)
    assert len({row["first_arrived_at"] for row in rows}) == 1
    assert [row["joined_at"] for row in rows] == sorted({row["joined_at"] for row in rows})
    assert [row["depth"] for row in desk.rows("select depth from queues order by name")] == [1, 0, 0]
    told = events(desk, "queue_overflowed")
    assert [(each["to"], each["reason"], each["depth"]) for each in told] == [
        ("premium", "max_wait_time", 0),
        ("general", "max_wait_time", 0),
    ]
    assert all(each["waited_seconds"] >= 0.3 for each in told)
    caller.hang_up()
    desk.until("select state from calls", "ended")
    record = desk.one("select * from calls")
    assert record["disposition"] == "abandoned"
    assert record["wait_seconds"] == pytest.approx(record["ended_at"] - record["arrived_at"], abs=0.01)


def test_at_the_end_of_the_chain_the_caller_is_told(make_desk: MakeDesk) -> None:
    desk = make_desk(
        QUEUES__SUPPORT__MAX_WAIT_TIME_SECONDS="0.2", QUEUES__SUPPORT__FINAL_DESTINATION="hangup:603"
    )
    caller = desk.phone().call("support")
    assert caller.ended.wait(5)
    desk.until("select state from calls", "ended")
    record = desk.one("select * from calls")
    assert (record["disposition"], record["cause"]) == ("timed_out", "max_wait_time")
    assert desk.one(ENTRIES)["state"] == "timed_out"


@pytest.mark.parametrize(("answer", "code"), [("with_agent", 600), ("early_media", 600)])
def test_a_caller_who_is_not_answered_is_refused_with_the_full_code(
    make_desk: MakeDesk, answer: str, code: int
) -> None:
    desk = make_desk(
        QUEUES__SUPPORT__MAX_WAIT_TIME_SECONDS="0.2",
        QUEUES__SUPPORT__FULL_CODE=str(code),
        QUEUES__SUPPORT__ANSWER=answer,
    )
    assert refused(desk.phone().call("support")) == code


@pytest.mark.effect("queues.NAME.expires_after_seconds")
def test_expiry_counts_over_all_queues_and_ends_the_call(make_desk: MakeDesk) -> None:
    desk = make_desk(
        **CHAIN,
        QUEUES__SUPPORT__MAX_WAIT_TIME_SECONDS="0.3",
        QUEUES__PREMIUM__EXPIRES_AFTER_SECONDS="0.6",
    )
    assert desk.phone().call("support").ended.wait(5)
    desk.until("select state from calls", "ended")
    record = desk.one("select * from calls")
    assert (record["disposition"], record["cause"]) == ("timed_out", "expired")
    assert 0.6 <= record["wait_seconds"] < 5
    assert places(desk) == [("support", "overflowed"), ("premium", "timed_out")]


def test_an_offer_that_rings_goes_on_when_the_time_has_passed(make_desk: MakeDesk) -> None:
    desk = make_desk(
        "alice",
        **CHAIN,
        QUEUES__SUPPORT__MAX_WAIT_TIME_SECONDS="0.3",
        QUEUES__SUPPORT__RING_TIMEOUT_SECONDS="1",
    )
    desk.agent("alice", script=just_ring)
    desk.phone().call("support")
    desk.until("select count(*) from offers where state = 'no_answer'", 1)
    wait_until(lambda: places(desk) == [("support", "overflowed"), ("premium", "waiting")])
    assert events(desk, "queue_overflowed")[0]["waited_seconds"] >= 1


def test_an_agent_of_the_next_queue_gets_the_caller(make_desk: MakeDesk) -> None:
    desk = make_desk(**CHAIN, open_now=False, QUEUES__SUPPORT__MAX_WAIT_TIME_SECONDS="0.2")
    desk.add_agents("bob", queue="premium")
    desk.open()
    bob = desk.agent("bob")
    caller = desk.phone().call("support")
    assert bob.wait_for_call().confirmed.wait(5)
    record = desk.one("select c.wait_seconds, q.name from calls c join queues q on q.id = c.queue_id")
    assert record["name"] == "premium"
    assert record["wait_seconds"] >= 0.2
    (told,) = events(desk, "call_connected")
    assert told["wait_seconds"] < record["wait_seconds"]
    caller.hang_up()


@pytest.mark.effect("queues.NAME.join_when_empty")
def test_a_queue_empty_of_agents_is_passed_over(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", **CHAIN, QUEUES__SUPPORT__JOIN_WHEN_EMPTY="false")
    first = desk.phone().call("support")
    assert places(desk) == [("premium", "waiting")]
    first.hang_up()
    alice = desk.agent("alice")
    desk.phone().call("support")
    assert alice.wait_for_call().confirmed.wait(5)
    assert places(desk)[1] == ("support", "connected")


@pytest.mark.effect("queues.NAME.leave_when_empty")
@pytest.mark.effect("queues.NAME.empty_when")
def test_when_the_last_agent_leaves_those_who_wait_go_on(make_desk: MakeDesk) -> None:
    desk = make_desk(
        "alice",
        **CHAIN,
        QUEUES__SUPPORT__LEAVE_WHEN_EMPTY="true",
        QUEUES__SUPPORT__EMPTY_WHEN="not_working",
    )
    alice = desk.agent("alice")
    callers = [desk.phone().call("support") for _ in range(2)]
    assert alice.wait_for_call().confirmed.wait(5)
    assert desk.center is not None
    assert desk.center._parts is not None
    desk.center._parts.administration.agents.pause("alice", reason="lunch", by="ann", after_call=True)
    callers[0].hang_up()
    desk.until("select state from agents", "paused")
    wait_until(lambda: places(desk)[1:] == [("support", "overflowed"), ("premium", "waiting")])
    assert events(desk, "queue_overflowed")[0]["reason"] == "no_agents"


def test_who_joins_an_empty_queue_that_keeps_nobody_goes_on_at_once(make_desk: MakeDesk) -> None:
    desk = make_desk(QUEUES__SUPPORT__LEAVE_WHEN_EMPTY="true")
    assert desk.phone().call("support").ended.wait(5)
    desk.until("select state from calls", "ended")
    record = desk.one("select * from calls")
    assert (record["disposition"], record["cause"]) == ("rejected", "no_agents")


def test_max_queue_depth_makes_all_queues_full(make_desk: MakeDesk) -> None:
    desk = make_desk(**CHAIN, ROUTING__MAX_QUEUE_DEPTH="1", QUEUES__GENERAL__FULL_CODE="600")
    desk.phone().call("support")
    assert call_status(desk) == 600


def lines(desk: Desk) -> Any:
    assert desk.center is not None
    assert desk.center._parts is not None
    return desk.center._parts.administration.lines


def test_a_caller_who_waits_is_moved(make_desk: MakeDesk) -> None:
    desk = make_desk(**CHAIN)
    desk.phone().call("support")
    call_id = desk.one("select id from calls")["id"]
    assert lines(desk).move(call_id[:8], "general", by="ann") == call_id
    assert places(desk) == [("support", "overflowed"), ("general", "waiting")]
    (told,) = events(desk, "call_moved")
    assert (told["queue"], told["to"], told["by"], told["depth"]) == ("support", "general", "ann", 0)


def test_a_move_that_is_refused_changes_nothing(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", **CHAIN, QUEUES__PREMIUM__CAPACITY="1")
    desk.phone().call("support")
    call_id = desk.one("select id from calls")["id"]
    lines(desk).move(call_id, "premium", by="ann")
    desk.phone().call("support")
    second = desk.rows("select id from calls order by arrived_at")[1]["id"]
    with pytest.raises(QueueFull, match="queue premium is full"):
        lines(desk).move(second, "premium", by="ann")
    with pytest.raises(QueueNotFound, match="there is no queue 'nowhere'"):
        lines(desk).move(second, "nowhere", by="ann")
    assert places(desk)[2:] == [("support", "waiting")]
    alice = desk.agent("alice")
    assert alice.wait_for_call().confirmed.wait(5)


def test_orders_are_for_those_who_wait(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", **CHAIN)
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    assert alice.wait_for_call().confirmed.wait(5)
    call_id = desk.one("select id from calls")["id"]
    with pytest.raises(NotAllowed, match="does not wait in a queue"):
        lines(desk).withdraw(call_id, by="ann")
    caller.hang_up()
    desk.until("select state from calls", "ended")
    with pytest.raises(NotAllowed, match="does not wait in a queue: it has ended"):
        lines(desk).prioritize(call_id, 5, by="ann")
    with pytest.raises(CallCenterError, match="there is no call"):
        lines(desk).move("f" * 32, "general", by="ann")


def test_who_is_made_more_urgent_comes_first(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    desk.phone("first").call("support")
    desk.phone("second").call("support")
    second = desk.rows("select id from calls order by arrived_at")[1]["id"]
    lines(desk).prioritize(second, 7, by="ann")
    (told,) = events(desk, "call_prioritized")
    assert (told["old"], told["new"], told["by"]) == (0, 7, "ann")
    alice = desk.agent("alice")
    assert alice.wait_for_call().confirmed.wait(5)
    assert desk.one("select id from calls where state = 'connected'")["id"] == second


def test_who_is_withdrawn_goes_on_or_ends(make_desk: MakeDesk) -> None:
    desk = make_desk(QUEUES__SUPPORT__FINAL_DESTINATION="queue:general", QUEUES__GENERAL__CAPACITY="5")
    caller = desk.phone().call("support")
    call_id = desk.one("select id from calls")["id"]
    lines(desk).withdraw(call_id, by="ann")
    assert places(desk) == [("support", "overflowed"), ("general", "waiting")]
    lines(desk).withdraw(call_id, by="ann")
    assert caller.ended.wait(5)
    desk.until("select state from calls", "ended")
    record = desk.one("select * from calls")
    assert (record["disposition"], record["cause"]) == ("rejected", "withdrawn")
    assert [each["by"] for each in events(desk, "call_withdrawn")] == ["ann"]
    assert places(desk)[1] == ("general", "rejected")
