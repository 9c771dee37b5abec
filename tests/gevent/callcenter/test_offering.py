"""One call offered to one agent after another, with all that can come between."""

from collections.abc import Callable

import gevent
import pytest

from callengine.sdp.negotiation import make_offer
from tests.fakes.phone import answer, answer_late, answer_now, just_ring, reject_with
from tests.gevent.callcenter.conftest import Desk

MakeDesk = Callable[..., Desk]


@pytest.mark.parametrize(
    ("status", "result"),
    [(603, "rejected"), (486, "busy"), (600, "busy"), (480, "unreachable"), (488, "rejected")],
)
def test_an_agent_that_refuses_is_followed_by_the_next(make_desk: MakeDesk, status: int, result: str) -> None:
    desk = make_desk("alice", "bob")
    desk.agent("alice", script=reject_with(status))
    bob = desk.agent("bob")
    caller = desk.phone().call("support")
    bob.wait_for_call().confirmed.wait(5)
    caller.hang_up()
    desk.until("select count(*) from agents where state = 'available'", 2)
    offers = desk.rows("select state, sip_status from offers order by offered_at")
    assert [(row["state"], row["sip_status"]) for row in offers] == [(result, status), ("ended", 200)]
    entry = desk.one("select * from queue_entries")
    assert (entry["state"], entry["rounds"]) == ("connected", 2)
    assert entry["first_arrived_at"] == desk.one("select arrived_at from calls")["arrived_at"]


def test_an_agent_that_does_not_answer_is_cancelled(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", "bob", QUEUES__SUPPORT__RING_TIMEOUT_SECONDS="0.3")
    alice = desk.agent("alice", script=just_ring)
    bob = desk.agent("bob")
    caller = desk.phone().call("support")
    bob.wait_for_call().confirmed.wait(5)
    assert alice.calls[0].ended.wait(5)
    assert alice.calls[0].end_cause == "cancelled"
    caller.hang_up()
    desk.until("select count(*) from agents where state = 'available'", 2)
    assert [row["state"] for row in desk.rows("select state from offers order by offered_at")] == [
        "no_answer",
        "ended",
    ]


def test_an_agent_that_is_gone_is_followed_by_the_next(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", "bob", QUEUES__SUPPORT__RING_TIMEOUT_SECONDS="0.3")
    desk.agent("alice").vanish()
    bob = desk.agent("bob")
    caller = desk.phone().call("support")
    bob.wait_for_call().confirmed.wait(5)
    caller.hang_up()
    desk.until("select disposition from calls", "answered")


def test_the_only_agent_is_offered_the_call_again(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice", script=reject_with(603))
    caller = desk.phone().call("support")
    alice.wait_for_call()
    alice.script = answer
    alice.wait_for_call(2).confirmed.wait(5)
    caller.hang_up()
    desk.until("select rounds from queue_entries", 2)


def test_a_caller_who_gives_up_stops_the_ringing(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice", script=just_ring)
    caller = desk.phone().call("support")
    ringing = alice.wait_for_call()
    caller.hang_up()
    assert ringing.ended.wait(5)
    assert ringing.end_cause == "cancelled"
    desk.until("select state from agents", "available")
    assert desk.one("select disposition from calls")["disposition"] == "abandoned"
    assert desk.one("select state from offers")["state"] == "withdrawn"


def test_an_answer_that_crosses_the_cancel_is_hung_up(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice", script=just_ring)
    caller = desk.phone().call("support")
    ringing = alice.wait_for_call()
    gevent.spawn(caller.hang_up)
    answer_now(ringing)
    assert ringing.ended.wait(5)
    desk.until("select state from agents", "available")
    desk.until("select count(*) from legs where state <> 'ended'", 0)


def test_all_phones_of_an_agent_ring_and_the_first_answer_wins(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    silent = desk.agent("alice", script=just_ring)
    quick = desk.agent("alice", script=answer_late)
    caller = desk.phone().call("support")
    quick.wait_for_call().confirmed.wait(5)
    assert silent.wait_for_call().ended.wait(5)
    assert silent.calls[0].end_cause == "cancelled"
    caller.hang_up()
    desk.until("select state from agents", "available")
    assert desk.one("select count(*) as n from offers")["n"] == 1
    assert desk.one("select count(*) as n from legs where role = 'agent'")["n"] == 2


def test_one_dead_phone_among_live_ones_is_no_missed_offer(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    desk.agent("alice", script=reject_with(480))
    live = desk.agent("alice", script=answer_late)
    caller = desk.phone().call("support")
    live.wait_for_call().confirmed.wait(5)
    caller.hang_up()
    desk.until("select state from agents", "available")
    assert desk.one("select state from offers")["state"] == "ended"


@pytest.mark.parametrize(
    ("statuses", "result", "status"),
    [
        ((480, 486), "busy", 486),
        ((503, 480), "unreachable", 480),
        ((404, 403), "rejected", 403),
        ((486, 603), "rejected", 603),
        ((503, 600), "busy", 600),
    ],
)
def test_an_offer_that_all_phones_refuse_ends_by_the_best_answer(
    make_desk: MakeDesk, statuses: tuple[int, int], result: str, status: int
) -> None:
    """The best is a 6xx, else of the lowest class what a phone has said that is there."""
    desk = make_desk("alice")
    for each in statuses:
        desk.agent("alice", script=reject_with(each))
    caller = desk.phone().call("support")
    desk.until("select count(*) > 0 from offers where ended_at is not null", 1)
    offer = desk.rows("select state, sip_status from offers order by offered_at")[0]
    assert (offer["state"], offer["sip_status"]) == (result, status)
    caller.hang_up()
    desk.until("select state from agents", "available")


def test_an_answer_without_a_usable_codec_is_a_refusal(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", "bob")
    odd = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4 RTP/AVP 96\r\n"
    alice = desk.agent("alice", script=lambda session: session.answer(odd))
    bob = desk.agent("bob")
    caller = desk.phone().call("support")
    bob.wait_for_call().confirmed.wait(5)
    assert alice.calls[0].ended.wait(5)
    caller.hang_up()
    desk.until("select count(*) from agents where state = 'available'", 2)


@pytest.mark.effect("queues.NAME.wrap_up_seconds")
@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_wrap_up_keeps_the_agent_free_of_calls_for_its_time(make_desk: MakeDesk, seconds: float) -> None:
    desk = make_desk("alice", QUEUES__SUPPORT__WRAP_UP_SECONDS=str(seconds))
    alice = desk.agent("alice")
    first = desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    first.hang_up()
    desk.until("select state from agents", "wrap_up")
    second = desk.phone().call("support")
    assert len(alice.calls) == 1
    alice.wait_for_call(2).confirmed.wait(5)
    rows = desk.rows("select at, payload from event_log where type = 'agent_state_changed' order by number")
    began = next(row["at"] for row in rows if '"new":"wrap_up"' in row["payload"])
    ended = next(row["at"] for row in rows if '"old":"wrap_up"' in row["payload"])
    assert seconds - 0.01 <= ended - began < seconds + 2
    second.hang_up()


@pytest.mark.parametrize("agents", [2, 3])
def test_round_robin_gives_everybody_the_same(make_desk: MakeDesk, agents: int) -> None:
    names = [f"agent{number}" for number in range(agents)]
    desk = make_desk(*names)
    phones = [desk.agent(name) for name in names]
    for _ in range(2 * agents + 1):
        caller = desk.phone().call("support")
        desk.until("select count(*) from agents where state = 'busy'", 1)
        caller.hang_up()
        desk.until("select count(*) from agents where state = 'available'", agents)
    counts = [len(phone.calls) for phone in phones]
    assert sum(counts) == 2 * agents + 1
    assert max(counts) - min(counts) <= 1


def test_callers_are_served_in_the_order_of_their_arrival(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    callers = [desk.phone().call("support") for _ in range(3)]
    alice = desk.agent("alice")
    order = desk.rows("select id from calls order by arrived_at")
    for number, caller in enumerate(callers):
        alice.wait_for_call(number + 1).confirmed.wait(5)
        desk.until("select count(*) from calls where state = 'connected'", 1)
        assert desk.one("select id from calls where state = 'connected'")["id"] == order[number]["id"]
        caller.hang_up()
        desk.until("select count(*) from calls where state = 'connected'", 0)


def test_a_change_of_the_session_is_stored_before_it_is_answered(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    desk.until("select state from calls", "connected")
    held = make_offer(
        host="127.0.0.1", port=40010, codecs=["PCMU"], session_id=1, version=2, direction="sendonly"
    )
    caller.contact = caller.endpoint.contact("elsewhere")
    assert caller.reinvite(held.serialise()).status == 200
    leg = desk.one("select * from legs where role = 'caller'")
    assert (leg["direction_of_media"], leg["remote_media_port"]) == ("recvonly", 40010)
    assert leg["sdp_version"] == 2
    assert leg["remote_target"].startswith("sip:elsewhere@")
    assert leg["remote_cseq"] == 2
    other = make_offer(host="127.0.0.1", port=40010, codecs=["PCMA"], session_id=1, version=3)
    assert caller.reinvite(other.serialise()).status == 488
    caller.hang_up()
    desk.until("select state from agents", "available")


@pytest.mark.effect("general.bye_retry_attempts")
@pytest.mark.parametrize("retries", [0, 2])
def test_a_bye_that_stays_unanswered_is_sent_again_so_often(make_desk: MakeDesk, retries: int) -> None:
    desk = make_desk("alice", GENERAL__BYE_TIMEOUT_SECONDS="0.2", GENERAL__BYE_RETRY_ATTEMPTS=str(retries))
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    session = alice.wait_for_call()
    session.confirmed.wait(5)
    numbers: set[int] = set()
    session.receive_request = lambda transaction: numbers.add(transaction.request.cseq.number)  # type: ignore[method-assign]
    caller.hang_up()
    desk.until("select state from agents", "available")
    assert len(numbers) == 1 + retries
    assert len(desk.rows("select * from event_log where type = 'leg_closed_unconfirmed'")) == 1


def test_the_agent_does_not_wait_for_a_caller_whose_phone_is_dead(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", GENERAL__BYE_TIMEOUT_SECONDS="3", GENERAL__BYE_RETRY_ATTEMPTS="0")
    alice = desk.agent("alice")
    phone = desk.phone()
    phone.call("support")
    session = alice.wait_for_call()
    session.confirmed.wait(5)
    desk.until("select state from calls", "connected")
    phone.endpoint.stop()
    session.hang_up()
    desk.until("select state from agents", "available")
    assert desk.one("select state from legs where role = 'caller'")["state"] == "ending"
    desk.until("select state from legs where role = 'caller'", "ended")


def test_an_unusable_answer_is_hung_up_while_the_other_phone_rings(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    odd = b"v=0\r\no=- 1 1 IN IP6 ::1\r\ns=-\r\nc=IN IP6 ::1\r\nt=0 0\r\nm=audio 4 RTP/AVP 0\r\n"
    unusable = desk.agent("alice", script=lambda session: session.answer(odd))
    ringing = desk.agent("alice", script=just_ring)
    caller = desk.phone().call("support")
    assert unusable.wait_for_call().ended.wait(5)
    assert not ringing.wait_for_call().ended.is_set()
    answer_now(ringing.calls[0])
    ringing.calls[0].confirmed.wait(5)
    caller.hang_up()
    desk.until("select state from agents", "available")
