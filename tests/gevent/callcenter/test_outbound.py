"""Calls to one agent by name, from their INVITE to their record, with real phones on loopback."""

from collections.abc import Callable

import gevent
import pytest
from sqlalchemy import update

from callengine import store
from callengine.db.models import Agent
from callengine.sip.account import Account
from callengine.sip.incoming_session import IncomingSession
from callengine.sip.outgoing_session import OutgoingSession
from tests.fakes.phone import Script, answer, answer_late, just_ring, reject_with
from tests.gevent.callcenter.conftest import Desk, wait_until

MakeDesk = Callable[..., Desk]
RECORD = "select * from calls"
FREE = "alice available 0,bob available 0"


def both(desk: Desk, expected: str) -> None:
    """Wait until state and load of alice and bob are so."""

    def found() -> str:
        rows = desk.rows("select name, state, load from agents order by name")
        return ",".join("{name} {state} {load}".format(**row) for row in rows)

    wait_until(lambda: found() == expected, expected)


def refused_with(session: OutgoingSession) -> int:
    """The status with which the call was refused."""
    assert session.refused is not None
    return session.refused[0]


def test_an_agent_calls_another_and_both_are_busy(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", "bob")
    alice, bob = desk.agent("alice"), desk.agent("bob", script=answer_late)
    call = alice.call_as_agent("bob")
    assert call.answered.is_set()
    assert [each.status for each in call.provisional] == [180]
    session = bob.wait_for_call()
    assert str(session.invite.from_.uri) == "sip:alice@127.0.0.1"
    assert session.confirmed.wait(5)
    both(desk, "alice busy 1,bob busy 1")
    gevent.sleep(0.2)
    assert call.hang_up()
    assert session.ended.wait(5)
    both(desk, FREE)
    record = desk.one(RECORD)
    assert (record["kind"], record["dialled"], record["queue_id"]) == ("agent", "bob", None)
    assert (record["disposition"], record["hung_up_by"], record["cause"]) == ("answered", "caller", "bye")
    assert 0.1 <= record["ring_seconds"] < 2
    assert record["wait_seconds"] >= record["ring_seconds"]
    assert 0.15 <= record["talk_seconds"] < 2
    assert record["answered_at"] == record["connected_at"]
    names = {row["id"]: row["name"] for row in desk.rows("select id, name from agents")}
    assert (names[record["from_agent_id"]], names[record["agent_id"]]) == ("alice", "bob")
    offer = desk.one("select * from offers")
    assert (offer["entry_id"], offer["state"]) == (None, "ended")
    assert {row["state"] for row in desk.rows("select state from legs")} == {"ended"}
    assert desk.rows("select * from queue_entries") == []
    assert desk.agent_is_free_for_another(alice)


def test_the_called_agent_hangs_up(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", "bob")
    alice, bob = desk.agent("alice"), desk.agent("bob")
    call = alice.call_as_agent("bob")
    assert bob.wait_for_call().confirmed.wait(5)
    both(desk, "alice busy 1,bob busy 1")
    assert bob.wait_for_call().hang_up()
    assert call.ended.wait(5)
    desk.until("select hung_up_by from calls", "agent")
    both(desk, FREE)


@pytest.mark.parametrize(
    ("script", "status", "result"),
    [
        (reject_with(486), 486, "busy"),
        (reject_with(600), 486, "busy"),
        (reject_with(603), 603, "rejected"),
        (reject_with(488), 480, "rejected"),
        (reject_with(480), 480, "unreachable"),
    ],
)
def test_a_refusal_is_told_and_is_no_missed_offer(
    make_desk: MakeDesk, script: Script, status: int, result: str
) -> None:
    desk = make_desk("alice", "bob")
    alice, bob = desk.agent("alice"), desk.agent("bob", script=script)
    idle_since = desk.one("select available_since from agents where name = 'bob'")
    assert refused_with(alice.call_as_agent("bob")) == status
    both(desk, FREE)
    record = desk.one(RECORD)
    assert (record["disposition"], record["cause"], record["talk_seconds"]) == ("rejected", result, None)
    assert desk.one("select state from offers")["state"] == result
    assert desk.one("select available_since from agents where name = 'bob'") == idle_since
    assert desk.one("select missed_in_row from agents where name = 'bob'")["missed_in_row"] == 0
    assert {row["state"] for row in desk.rows("select state from legs")} == {"ended"}
    bob.script = answer
    assert alice.call_as_agent("bob").answered.is_set()


def test_nobody_answers(make_desk: MakeDesk) -> None:
    times = {"ROUTING__AGENT_ASSIGNMENT_TIMEOUT_SECONDS": "1", "QUEUES__SUPPORT__RING_TIMEOUT_SECONDS": "1"}
    desk = make_desk("alice", "bob", **times)
    alice, bob = desk.agent("alice"), desk.agent("bob", script=just_ring)
    assert refused_with(alice.call_as_agent("bob")) == 480
    assert bob.wait_for_call().ended.wait(5)
    both(desk, FREE)
    assert desk.one("select state from offers")["state"] == "no_answer"
    assert desk.one(RECORD)["hung_up_by"] == "system"


def test_the_caller_gives_up(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", "bob")
    alice, bob = desk.agent("alice"), desk.agent("bob", script=just_ring)
    call = alice.dial_as_agent("bob")
    ringing = bob.wait_for_call()
    both(desk, "alice busy 1,bob reserved 1")
    wait_until(lambda: bool(call.provisional), "alice hears ringing")
    call.cancel()
    assert call.final.wait(5)
    assert refused_with(call) == 487
    assert ringing.ended.wait(5)
    both(desk, FREE)
    record = desk.one(RECORD)
    assert (record["disposition"], record["hung_up_by"]) == ("abandoned", "caller")
    assert desk.one("select state from offers")["state"] == "withdrawn"


def test_an_answer_that_crosses_the_cancel_is_hung_up(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", "bob")
    calls: list[OutgoingSession] = []

    def answer_as_it_is_cancelled(session: IncomingSession) -> None:
        session.ring()
        wait_until(lambda: bool(calls), "the caller has dialled")
        calls[0].cancel()
        answer(session)

    alice, bob = desk.agent("alice"), desk.agent("bob", script=answer_as_it_is_cancelled)
    calls.append(alice.dial_as_agent("bob"))
    assert calls[0].final.wait(5)
    assert bob.wait_for_call().ended.wait(5)
    both(desk, FREE)
    assert desk.one(RECORD)["hung_up_by"] == "caller"
    assert {row["state"] for row in desk.rows("select state from legs")} == {"ended"}


def test_who_is_engaged_is_busy(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", "bob")
    alice, bob = desk.agent("alice"), desk.agent("bob")
    customer = desk.phone().call("support")
    both(desk, "alice busy 1,bob available 0")
    assert refused_with(bob.call_as_agent("alice")) == 486
    record = desk.one("select * from calls where kind = 'agent'")
    assert (record["state"], record["disposition"]) == ("ended", "rejected")
    assert record["cause"] == "agent_not_free"
    assert desk.one("select count(*) as n from offers")["n"] == 1
    customer.hang_up()
    both(desk, FREE)
    assert desk.center is not None
    assert desk.center.statistics()["legs"] == 0
    assert len(bob.calls) == 0
    assert len(alice.calls) == 1


def test_who_has_no_phone_or_is_paused_cannot_be_reached(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", "bob")
    alice = desk.agent("alice")
    assert refused_with(alice.call_as_agent("bob")) == 480
    bob = desk.agent("bob")
    assert desk.center is not None
    desk.center._require_parts().administration.agents.pause("bob", reason="lunch", by="test")
    assert refused_with(alice.call_as_agent("bob")) == 480
    assert bob.calls == []
    both(desk, "alice available 0,bob paused 0")
    causes = {row["cause"] for row in desk.rows(RECORD)}
    assert causes == {"agent_not_free"}


def test_a_customer_s_number_leads_to_an_agent(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", NUMBERS__DIRECT__DESTINATION="agent:alice")
    alice = desk.agent("alice")
    customer = desk.phone().call("direct")
    assert customer.answered.is_set()
    assert alice.wait_for_call().confirmed.wait(5)
    desk.until("select state from agents", "busy")
    assert refused_with(desk.phone().call("direct")) == 480
    customer.hang_up()
    desk.until("select state from agents", "available")
    kinds = desk.rows("select kind, from_agent_id, queue_id, disposition from calls order by arrived_at")
    assert [tuple(row.values()) for row in kinds] == [
        ("customer", None, None, "answered"),
        ("customer", None, None, "rejected"),
    ]


@pytest.mark.effect("numbers.NAME.destination")
def test_a_number_of_an_agent_who_is_not_there_is_not_found(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", NUMBERS__DIRECT__DESTINATION="agent:nobody")
    desk.agent("alice")
    assert refused_with(desk.phone().call("direct")) == 404
    assert refused_with(desk.phone().call("alice")) == 404
    assert desk.rows(RECORD) == []


def test_nobody_calls_itself(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    assert refused_with(alice.call_as_agent("alice")) == 403
    assert alice.calls == []
    desk.until("select state || load as it from agents", "available0")


def test_an_agent_has_one_own_call_at_a_time(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", "bob", "carol")
    alice = desk.agent("alice")
    desk.agent("bob"), desk.agent("carol")
    call = alice.call_as_agent("bob")
    assert refused_with(alice.call_as_agent("carol")) == 403
    assert call.hang_up()
    desk.until("select count(*) as n from agents where state = 'available' and load = 0", 3)


def test_an_agent_waits_in_a_queue_and_is_not_offered_its_own_call(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", "bob")
    alice = desk.agent("alice")
    call = alice.call_as_agent("support")
    assert call.answered.is_set()
    desk.until("select state || load as it from agents where name = 'alice'", "busy1")
    gevent.sleep(0.1)
    assert desk.rows("select * from offers") == []
    bob = desk.agent("bob")
    assert bob.wait_for_call().confirmed.wait(5)
    both(desk, "alice busy 1,bob busy 1")
    assert call.hang_up()
    both(desk, FREE)
    record = desk.one(RECORD)
    assert (record["kind"], record["disposition"]) == ("agent", "answered")
    assert record["queue_id"] is not None
    assert record["from_agent_id"] is not None


def test_an_agent_with_room_for_two_calls_is_not_offered_its_own(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", open_now=False)
    _set_capacity(desk, 2)
    desk.open()
    alice = desk.agent("alice")
    own = alice.call_as_agent("support")
    customer = desk.phone().call("support")
    first = alice.wait_for_call()
    assert str(first.invite.from_.uri.user) == "5551"
    assert first.confirmed.wait(5)
    desk.until("select load from agents", 2)
    customer.hang_up()
    desk.until("select load from agents", 1)
    assert own.hang_up()
    desk.until("select state || load as it from agents", "available0")
    assert len(alice.calls) == 1


def _set_capacity(desk: Desk, calls: int) -> None:
    statement = update(Agent).values(max_concurrent_calls=calls)
    with store.offline(desk.settings) as committer:
        committer.commit(lambda tx: tx.change(statement, {}))


def test_who_is_not_registered_may_call(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", "bob")
    desk.agent("bob")
    call = desk.phone("alice").call_as_agent("bob")
    assert call.answered.is_set()
    both(desk, "alice busy 1,bob busy 1")
    assert call.hang_up()
    both(desk, "alice offline 0,bob available 0")


@pytest.mark.parametrize("is_open", ["true", "false"])
def test_an_agent_has_to_prove_who_it_is(make_desk: MakeDesk, is_open: str) -> None:
    desk = make_desk("alice", "bob", SECURITY__OPEN_INBOUND=is_open)
    alice, bob = desk.agent("alice"), desk.agent("bob")
    assert refused_with(alice.call("bob", from_="<sip:alice@127.0.0.1>")) == 407
    assert refused_with(alice.call_as_agent("bob", "wrong")) == 403
    unknown = alice.call("bob", from_="<sip:zed@127.0.0.1>", credentials=Account("zed", "secret"))
    assert refused_with(unknown) == (404 if is_open == "true" else 403)
    in_another_name = alice.call("bob", from_="<sip:bob@127.0.0.1>", credentials=Account("alice", "secret"))
    assert refused_with(in_another_name) == 403
    assert bob.calls == []
    assert desk.rows(RECORD) == []
    assert alice.call_as_agent("bob").answered.is_set()


def test_an_agent_calls_where_nobody_else_may(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", "bob", SECURITY__OPEN_INBOUND="false")
    alice = desk.agent("alice")
    desk.agent("bob")
    assert refused_with(desk.phone().call("support")) == 403
    assert refused_with(desk.phone().call("support", from_="<sip:zed@127.0.0.1>")) == 407
    assert alice.call_as_agent("support").answered.is_set()


def test_who_is_not_in_our_domain_is_a_customer(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    desk.agent("alice")
    customer = desk.phone().call("support", from_="<sip:alice@elsewhere.example>")
    assert customer.answered.is_set()
    assert desk.one(RECORD)["kind"] == "customer"


def test_unproven_calls_hold_nothing(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    assert desk.center is not None
    before = desk.center.statistics()["transactions"]
    for _ in range(50):
        assert refused_with(alice.call("support", from_="<sip:alice@127.0.0.1>")) == 407
    after = desk.center.statistics()
    assert after["transactions"] <= before
    assert (after["dialogs"], after["legs"]) == (0, 0)
    assert after["greenlets"]["serve"].get("sip_worker", 0) == 0
