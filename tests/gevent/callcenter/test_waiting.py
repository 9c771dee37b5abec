"""A caller for whom an agent is free hears ringing at once, and waits in line if that comes to nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import gevent
import pytest

from tests.fakes.phone import Script, answer_now, just_ring, reject_with
from tests.fakes.rtp_phone import RtpPhone
from tests.gevent.callcenter.conftest import Desk, wait_until
from tests.gevent.callcenter.test_answering import MODE, dial, told

MakeDesk = Callable[..., Desk]


@pytest.fixture
def ear() -> Iterator[RtpPhone]:
    """Where the caller's phone listens."""
    ear = RtpPhone()
    yield ear
    ear.close()


@pytest.fixture
def direct(make_desk: MakeDesk) -> MakeDesk:
    """Makes desks where free agents are rung at once."""

    def make(*agents: str, **variables: str) -> Desk:
        return make_desk(*agents, **{"ROUTING__MODE": "direct_when_available", **variables})

    return make


@pytest.mark.effect("routing.mode")
@pytest.mark.parametrize("mode", ["queue_first", "direct_when_available"])
def test_what_a_caller_hears_while_a_free_agent_rings(make_desk: MakeDesk, ear: RtpPhone, mode: str) -> None:
    desk = make_desk("alice", ROUTING__MODE=mode)
    alice = desk.agent("alice", script=just_ring)
    caller = dial(desk, ear)
    ringing = alice.wait_for_call()
    if mode == "queue_first":
        assert caller.answered.wait(5)
        caller.acknowledge()
        ear.wait_for(10)
        assert told(caller) == []
    else:
        gevent.sleep(0.5)
        assert told(caller) == [(180, False)]
        assert not ear.heard
        assert not caller.final.is_set()
    answer_now(ringing)
    assert caller.answered.wait(5)
    caller.acknowledge()
    assert ringing.confirmed.wait(5)
    assert caller.hang_up()
    assert ringing.ended.wait(5)
    desk.until("select disposition from calls", "answered")


def test_arrival_and_claim_are_one(direct: MakeDesk, ear: RtpPhone) -> None:
    desk = direct("alice")
    alice = desk.agent("alice")
    caller = dial(desk, ear)
    assert caller.answered.wait(5)
    caller.acknowledge()
    assert alice.wait_for_call().confirmed.wait(5)
    events = desk.rows("select type, at, call_id from event_log where call_id is not null order by number")
    kinds = [row["type"] for row in events]
    assert kinds[:4] == ["call_arrived", "call_queued", "agent_state_changed", "call_offered"]
    assert len({row["at"] for row in events[:4]}) == 1
    entry, call = desk.one("select * from queue_entries"), desk.one("select * from calls")
    assert (entry["state"], entry["rounds"]) == ("connected", 1)
    assert call["answered_at"] == call["connected_at"]
    assert caller.hang_up()
    desk.until("select state from agents", "available")
    record = desk.one("select * from calls")
    assert (record["disposition"], record["wait_seconds"]) == ("answered", pytest.approx(0, abs=5))
    assert desk.one("select depth from queues")["depth"] == 0


@pytest.mark.parametrize(
    ("answer", "told_then"),
    [("immediately", []), ("early_media", [(183, True)]), ("with_agent", [])],
)
@pytest.mark.parametrize("script", [reject_with(486), just_ring], ids=["refused", "missed"])
def test_refused_or_missed_it_goes_on_as_in_line(
    direct: MakeDesk, ear: RtpPhone, script: Script, answer: str, told_then: list[tuple[int, bool]]
) -> None:
    desk = direct("alice", "bob", **{MODE: answer, "QUEUES__SUPPORT__RING_TIMEOUT_SECONDS": "0.3"})
    alice = desk.agent("alice", script=script)
    caller = dial(desk, ear)
    alice.wait_for_call()
    desk.until("select count(*) from queue_entries where state = 'waiting'", 1)
    wait_until(lambda: told(caller) == [(180, False), *told_then], "it is told")
    assert caller.answered.wait(5) if answer == "immediately" else not caller.answered.is_set(), (
        "it is answered only where callers who wait are"
    )
    caller.acknowledge()
    if answer == "with_agent":
        gevent.sleep(0.3)
        assert not ear.heard
    else:
        ear.wait_for(10)
    answered = desk.rows("select 1 from calls where answered_at is not null")
    assert len(answered) == (1 if answer == "immediately" else 0)
    bob = desk.agent("bob").wait_for_call()
    assert caller.answered.wait(5)
    caller.acknowledge()
    assert bob.confirmed.wait(5)
    assert caller.hang_up()
    assert bob.ended.wait(5)
    desk.until("select disposition from calls", "answered")
    desk.until("select count(*) from legs where state <> 'ended'", 0)


def test_without_a_free_agent_the_caller_waits_with_music(direct: MakeDesk, ear: RtpPhone) -> None:
    desk = direct("alice")
    caller = dial(desk, ear)
    assert caller.answered.wait(5)
    caller.acknowledge()
    assert told(caller) == []
    ear.wait_for(10)
    assert desk.one("select state from queue_entries")["state"] == "waiting"
    alice = desk.agent("alice").wait_for_call()
    assert alice.confirmed.wait(5)
    assert caller.hang_up()
    desk.until("select disposition from calls", "answered")


def test_an_agent_that_cannot_be_claimed_after_all_is_waited_for(direct: MakeDesk, ear: RtpPhone) -> None:
    desk = direct("alice")
    alice = desk.agent("alice")
    desk.change("update agents set state = 'busy', load = 1")
    caller = dial(desk, ear)
    assert caller.answered.wait(5)
    caller.acknowledge()
    ear.wait_for(10)
    assert not desk.rows("select 1 from offers")
    assert len(desk.rows("select 1 from event_log where type = 'call_arrived'")) == 1
    desk.change("update agents set state = 'available', load = 0")
    assert alice.wait_for_call().confirmed.wait(5)
    assert caller.hang_up()
    desk.until("select state from agents", "available")


def test_a_caller_who_gives_up_while_it_rings_is_abandoned(direct: MakeDesk, ear: RtpPhone) -> None:
    desk = direct("alice")
    alice = desk.agent("alice", script=just_ring)
    caller = dial(desk, ear)
    ringing = alice.wait_for_call()
    assert caller.hang_up()
    assert ringing.ended.wait(5)
    assert ringing.end_cause == "cancelled"
    desk.until("select state from agents", "available")
    desk.until("select disposition from calls", "abandoned")
    assert desk.one("select state from offers")["state"] == "withdrawn"
    assert desk.one("select depth from queues")["depth"] == 0


def test_a_full_queue_refuses_although_an_agent_is_free(direct: MakeDesk, ear: RtpPhone) -> None:
    desk = direct("alice", "bob", QUEUES__SUPPORT__CAPACITY="1")
    phones = [desk.agent(name, script=just_ring) for name in ("alice", "bob")]
    first = dial(desk, ear)
    wait_until(lambda: any(phone.calls for phone in phones), "one phone rings")
    second = desk.phone().call("support")
    assert second.refused is not None
    assert second.refused[0] == 486
    assert sum(len(phone.calls) for phone in phones) == 1
    assert first.hang_up()
    desk.until("select count(*) from agents where state = 'available'", 2)
    desk.until("select count(*) from legs where state <> 'ended'", 0)
