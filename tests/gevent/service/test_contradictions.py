"""A database that contradicts itself, or another node's: the service starts, calls go on or end well."""

from __future__ import annotations

import json

import pytest

from callengine.callcenter.repair_reasons import Reason
from tests.gevent.callcenter.conftest import Desk, make_desk
from tests.gevent.service.test_recovery import MakeServing, Serving, serving, talk

__all__ = ["make_desk", "serving"]

SHORT_LEASE = {"GENERAL__LEASE_SECONDS": "1"}


def damage(desk: Desk, *statements: str) -> None:
    """Change rows while nothing runs."""
    desk.change(*statements)


def repaired(desk: Desk) -> list[str]:
    """Why something was repaired."""
    rows = desk.rows("select payload from event_log where type = 'state_repaired' order by number")
    return [json.loads(row["payload"])["reason"] for row in rows]


def nothing_is_left(desk: Desk) -> None:
    desk.until("select count(*) from calls where state <> 'ended'", 0)
    desk.until("select count(*) from legs where state <> 'ended'", 0)
    desk.until("select depth from queues", 0)
    desk.until("select load from agents", 0)


@pytest.mark.long
def test_calls_of_another_node_are_taken_up(serving: MakeServing) -> None:
    desk, service = serving("alice", **SHORT_LEASE)
    _alice, caller, agent = talk(desk)
    waiting = desk.phone().call("support")
    service.kill()
    damage(desk, *(f"UPDATE {table} SET node = 'other'" for table in ("calls", "legs", "queue_entries")))
    Serving(desk, into=service)
    assert repaired(desk) == [Reason.ROWS_OF_ANOTHER_NODE]
    assert caller.hang_up()
    assert agent.ended.wait(5)
    desk.until("select count(*) from calls where state = 'connected'", 1)
    assert waiting.hang_up()
    nothing_is_left(desk)


@pytest.mark.long
def test_a_caller_whose_place_is_gone_is_hung_up(serving: MakeServing) -> None:
    desk, service = serving("alice", **SHORT_LEASE)
    caller = desk.phone().call("support")
    service.kill()
    damage(desk, "DELETE FROM queue_entries")
    Serving(desk, into=service)
    assert caller.ended.wait(8)
    assert caller.ended_by == "remote"
    nothing_is_left(desk)
    assert Reason.CALL_WITHOUT_STORY in repaired(desk)
    assert desk.one("select cause from calls")["cause"] == Reason.CALL_WITHOUT_STORY


@pytest.mark.long
def test_both_phones_are_hung_up_if_the_talk_has_no_agents_leg(serving: MakeServing) -> None:
    desk, service = serving("alice", **SHORT_LEASE)
    _alice, caller, agent = talk(desk)
    service.kill()
    damage(desk, "UPDATE legs SET offer_id = NULL WHERE role = 'agent'")
    Serving(desk, into=service)
    for session in (caller, agent):
        assert session.ended.wait(8)
        assert session.ended_by == "remote"
    nothing_is_left(desk)
    assert desk.one("select state from agents")["state"] == "available"


@pytest.mark.parametrize(
    "nonsense",
    [
        "local_sdp = 'nonsense'",
        pytest.param("media_port = NULL", marks=pytest.mark.long),
        pytest.param("remote_target = 'nonsense'", marks=pytest.mark.long),
    ],
)
def test_a_leg_that_makes_no_sense_costs_its_call_alone(serving: MakeServing, nonsense: str) -> None:
    desk, service = serving("alice", **SHORT_LEASE)
    _alice, caller, _agent = talk(desk)
    waiting = desk.phone().call("support")
    service.kill()
    damage(desk, f"UPDATE legs SET {nonsense} WHERE role = 'agent'")
    Serving(desk, into=service)
    assert caller.ended.wait(8)
    assert caller.ended_by == "remote"
    desk.until("select count(*) from calls where state = 'ended'", 1)
    assert not waiting.ended.is_set()
    assert Reason.LEG_UNREADABLE in repaired(desk)
    assert waiting.hang_up()


def test_a_clock_that_was_set_back_meanwhile_changes_no_place(serving: MakeServing) -> None:
    desk, service = serving("alice", **SHORT_LEASE)
    waiting = [desk.phone().call("support") for _ in range(2)]
    service.kill()
    places = desk.rows("select id from queue_entries order by first_arrived_at")
    later = {
        "calls": ("arrived_at", "queued_at", "answered_at"),
        "queue_entries": ("first_arrived_at", "joined_at", "expires_at"),
        "event_log": ("at",),
    }
    for table, columns in later.items():
        damage(desk, f"UPDATE {table} SET " + ", ".join(f"{each} = {each} + 86400" for each in columns))
    Serving(desk, into=service)
    waiting.append(desk.phone().call("support"))
    now = desk.rows(
        "select id, expires_at - first_arrived_at as patience from queue_entries order by first_arrived_at"
    )
    assert [row["id"] for row in now][:2] == [row["id"] for row in places]
    assert [row["patience"] for row in now] == [pytest.approx(300, abs=1)] * 3
    assert repaired(desk) == [Reason.CLOCK_JUMPED]
    alice = desk.agent("alice")
    for number, caller in enumerate(waiting, 1):
        assert alice.wait_for_call(number).confirmed.wait(5)
        assert caller.hang_up()
    nothing_is_left(desk)
    assert desk.one("select max(wait_seconds) as longest from calls")["longest"] < 60
