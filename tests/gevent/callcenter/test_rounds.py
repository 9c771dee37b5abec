"""One call offered to several agents at the same time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from callengine.sip.flow import Flow
from callengine.sip.incoming_session import IncomingSession
from callengine.sip.transport.switch import Switch
from tests.fakes.phone import Phone, Script, answer_now, just_ring, reject_with
from tests.gevent.callcenter.conftest import Desk, wait_until

MakeDesk = Callable[..., Desk]
NAMES = ("alice", "bob", "carol")


def ring_all(make_desk: MakeDesk, *scripts: Script, **variables: str) -> tuple[Desk, list[Phone]]:
    """A queue that rings all of its agents, one with each script, and their phones."""
    names = NAMES[: len(scripts)]
    desk = make_desk(*names, **{"QUEUES__SUPPORT__STRATEGY": "ring_all", **variables})
    return desk, [desk.agent(name, script=script) for name, script in zip(names, scripts, strict=True)]


def offers_of(desk: Desk) -> dict[str, Any]:
    """What the latest offer to each agent came to."""
    statement = (
        "select name, offers.state from offers join agents on agent_id = agents.id order by offered_at"
    )
    return {row["name"]: row["state"] for row in desk.rows(statement)}


def payloads(desk: Desk, kind: str) -> list[dict[str, Any]]:
    """Of the events of that type, in their order."""
    rows = desk.rows(f"select agent, payload from event_log where type = '{kind}' order by number")
    return [json.loads(row["payload"]) | {"agent": row["agent"]} for row in rows]


def ringing(phones: list[Phone]) -> list[IncomingSession]:
    """The calls that they have, once each has one."""
    return [phone.wait_for_call() for phone in phones]


def all_are_free(desk: Desk, count: int = 3) -> None:
    """Nothing is left of the call."""
    desk.until("select count(*) from agents where state = 'available' and load = 0", count)
    desk.until("select count(*) from legs where state <> 'ended'", 0)
    assert desk.one("select depth from queues")["depth"] == 0


def test_all_ring_and_the_first_who_answers_has_the_call(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, phones = ring_all(make_desk, just_ring, just_ring, just_ring)
    cancels: list[bytes] = []
    note_cancels(monkeypatch, cancels)
    free_since = desk.rows("select available_since from agents where name <> 'bob' order by id")
    caller = desk.phone().call("support")
    alice, bob, carol = ringing(phones)
    answer_now(bob)
    assert bob.confirmed.wait(5)
    for other in (alice, carol):
        assert other.ended.wait(5)
        assert other.end_cause == "cancelled"
    desk.until("select count(*) from agents where state = 'available'", 2)
    assert offers_of(desk) == {"alice": "withdrawn", "bob": "connected", "carol": "withdrawn"}
    assert [one["withdrawn"] for one in payloads(desk, "call_connected")] == [["alice", "carol"]]
    assert desk.rows("select available_since from agents where name <> 'bob' order by id") == free_since
    assert caller.hang_up()
    all_are_free(desk)
    assert len(cancels) == 2
    assert all(b'Reason: SIP;cause=200;text="Call completed elsewhere"' in cancel for cancel in cancels)
    assert [row["round"] for row in desk.rows("select round from offers")] == [1, 1, 1]
    assert desk.one("select rounds from queue_entries")["rounds"] == 1
    assert not payloads(desk, "call_offer_failed")


def note_cancels(monkeypatch: pytest.MonkeyPatch, cancels: list[bytes]) -> None:
    """Keep each CANCEL that is sent."""
    send = Switch.send

    def note_and_send(switch: Switch, wire: bytes, flow: Flow) -> bool:
        if wire.startswith(b"CANCEL"):
            cancels.append(wire)
        return send(switch, wire, flow)

    monkeypatch.setattr(Switch, "send", note_and_send)


def test_one_who_refuses_is_free_while_the_others_ring(make_desk: MakeDesk) -> None:
    desk, phones = ring_all(make_desk, reject_with(486), just_ring, just_ring)
    caller = desk.phone().call("support")
    _, bob, carol = ringing(phones)
    desk.until("select state from agents where name = 'alice'", "available")
    assert offers_of(desk) == {"alice": "busy", "bob": "ringing", "carol": "ringing"}
    assert desk.one("select state from queue_entries")["state"] == "offered"
    assert desk.one("select state from calls")["state"] == "offered"
    assert [one["still_ringing"] for one in payloads(desk, "call_offer_failed")] == [2]
    answer_now(carol)
    assert carol.confirmed.wait(5)
    assert bob.ended.wait(5)
    assert offers_of(desk) == {"alice": "busy", "bob": "withdrawn", "carol": "connected"}
    assert caller.hang_up()
    all_are_free(desk)
    assert len(phones[0].calls) == 1


def test_when_all_have_refused_the_caller_is_back_in_line(make_desk: MakeDesk) -> None:
    desk, phones = ring_all(make_desk, reject_with(603), reject_with(486))
    caller = desk.phone().call("support")
    ringing(phones)
    for phone in phones:
        phone.script = just_ring
    wait_until(lambda: len(phones[0].calls) > 1 and len(phones[1].calls) > 1, "they ring again")
    assert [one["still_ringing"] for one in payloads(desk, "call_offer_failed")][-1] == 0
    assert desk.one("select rounds from queue_entries")["rounds"] >= 2
    answer_now(phones[0].calls[-1])
    assert phones[0].calls[-1].confirmed.wait(5)
    assert caller.hang_up()
    all_are_free(desk, 2)


def test_when_nobody_answers_in_time_all_have_missed_it(make_desk: MakeDesk) -> None:
    desk, phones = ring_all(make_desk, just_ring, just_ring, QUEUES__SUPPORT__RING_TIMEOUT_SECONDS="0.3")
    caller = desk.phone().call("support")
    for session in ringing(phones):
        assert session.ended.wait(5)
        assert session.end_cause == "cancelled"
    desk.until("select count(*) from offers where state = 'no_answer' and round = 1", 2)
    assert {one["still_ringing"] for one in payloads(desk, "call_offer_failed")} == {0}
    assert caller.hang_up()
    all_are_free(desk, 2)


def test_a_caller_who_gives_up_stops_all_phones_and_nobody_has_missed_it(make_desk: MakeDesk) -> None:
    desk, phones = ring_all(make_desk, just_ring, just_ring, just_ring)
    free_since = desk.rows("select available_since from agents order by id")
    caller = desk.phone().call("support")
    sessions = ringing(phones)
    assert caller.hang_up()
    for session in sessions:
        assert session.ended.wait(5)
        assert session.end_cause == "cancelled"
    all_are_free(desk)
    assert set(offers_of(desk).values()) == {"withdrawn"}
    assert desk.one("select disposition from calls")["disposition"] == "abandoned"
    assert desk.rows("select available_since from agents order by id") == free_since
    (ended,) = payloads(desk, "call_ended")
    assert (ended["agent"], ended["withdrawn"]) == (None, ["alice", "bob", "carol"])


def test_of_two_who_answer_at_once_one_is_hung_up(make_desk: MakeDesk) -> None:
    desk, phones = ring_all(make_desk, just_ring, just_ring)
    caller = desk.phone().call("support")
    sessions = ringing(phones)
    for session in sessions:
        answer_now(session)
    wait_until(lambda: sum(one.ended.is_set() for one in sessions) == 1, "one of them is hung up")
    lost, won = sorted(sessions, key=lambda one: not one.ended.is_set())
    assert lost.confirmed.is_set(), "its 200 was acknowledged"
    assert (lost.ended_by, lost.end_cause) == ("remote", "bye")
    assert won.confirmed.wait(5)
    assert sorted(offers_of(desk).values()) == ["connected", "withdrawn"]
    assert caller.hang_up()
    assert won.ended.wait(5)
    all_are_free(desk, 2)


def make_busy(desk: Desk, *names: str, busy: bool = True) -> None:
    """Have the database know better than dispatch."""
    state, load = ("busy", 1) if busy else ("available", 0)
    for name in names:
        desk.change(f"update agents set state = '{state}', load = {load} where name = '{name}'")


def test_an_agent_that_cannot_be_claimed_is_left_out(make_desk: MakeDesk) -> None:
    desk, phones = ring_all(make_desk, just_ring, just_ring, just_ring)
    make_busy(desk, "bob")
    caller = desk.phone().call("support")
    alice = phones[0].wait_for_call()
    phones[2].wait_for_call()
    assert offers_of(desk) == {"alice": "ringing", "carol": "ringing"}
    assert not phones[1].calls
    answer_now(alice)
    assert alice.confirmed.wait(5)
    assert caller.hang_up()
    make_busy(desk, "bob", busy=False)
    all_are_free(desk)


def test_if_nobody_can_be_claimed_nothing_is_changed(make_desk: MakeDesk) -> None:
    desk, phones = ring_all(make_desk, just_ring, just_ring)
    make_busy(desk, "alice", "bob")
    caller = desk.phone().call("support")
    wait_until(lambda: len(desk.rows("select 1 from calls where state = 'queued'")) == 1, "it is queued")
    assert not desk.rows("select 1 from offers")
    assert desk.one("select rounds from queue_entries")["rounds"] == 0
    make_busy(desk, "alice", "bob", busy=False)
    ringing(phones)
    assert caller.hang_up()
    all_are_free(desk, 2)


def test_a_phone_that_cannot_be_called_leaves_the_others_ringing(make_desk: MakeDesk) -> None:
    desk, phones = ring_all(make_desk, just_ring, just_ring)
    phones[0].vanish()
    caller = desk.phone().call("support")
    bob = phones[1].wait_for_call()
    answer_now(bob)
    assert bob.confirmed.wait(5)
    desk.until("select state from calls", "connected")
    assert caller.hang_up()
    assert bob.ended.wait(5)
    desk.until("select state from agents where name = 'bob'", "available")
