"""What a caller who waits is told: 200 and music, 183 and music, or 180 until an agent answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import pytest

from callengine.api.client import RemoteAdministration
from callengine.sdp.negotiation import make_offer
from callengine.sdp.session import SessionDescription
from callengine.sip.outgoing_session import OutgoingSession
from tests.fakes.phone import just_ring, reject_with
from tests.fakes.rtp_phone import RtpPhone, assert_one_stream, longest_gap
from tests.gevent.callcenter.conftest import Desk, wait_until

MakeDesk = Callable[..., Desk]
MODE = "QUEUES__SUPPORT__ANSWER"


@pytest.fixture
def ear() -> Iterator[RtpPhone]:
    """Where the caller's phone listens."""
    ear = RtpPhone()
    yield ear
    ear.close()


def dial(desk: Desk, ear: RtpPhone) -> OutgoingSession:
    """Call, with an ear that hears what comes; it is not answered yet."""
    body = make_offer(host="127.0.0.1", port=ear.port, codecs=["PCMU"], session_id=1, version=1)
    return desk.phone().dial("support", body=body.serialise())


def told(session: OutgoingSession) -> list[tuple[int, bool]]:
    """The provisional answers so far: status, and whether there was a session description."""
    return [(response.status, bool(response.body)) for response in session.provisional]


def ports_of(desk: Desk) -> set[int]:
    """The port of the caller's leg."""
    return {row["media_port"] for row in desk.rows("select media_port from legs where role = 'caller'")}


def port_in(body: bytes) -> int:
    """The port of audio in a session description."""
    return SessionDescription.parse(body).media[0].port


@pytest.mark.effect("queues.NAME.answer")
@pytest.mark.parametrize(
    ("mode", "provisional", "hears_music"),
    [("immediately", [], True), ("early_media", [(183, True)], True), ("with_agent", [(180, False)], False)],
)
def test_what_a_caller_is_told(
    make_desk: MakeDesk, ear: RtpPhone, mode: str, provisional: list[tuple[int, bool]], hears_music: bool
) -> None:
    desk = make_desk("alice", **{MODE: mode})
    caller = dial(desk, ear)
    desk.until("select count(*) from queue_entries where state = 'waiting'", 1)
    is_answered = mode == "immediately"
    if is_answered:
        assert caller.final.wait(5)
        caller.acknowledge()
    wait_until(lambda: told(caller) == provisional, f"it hears {provisional}")
    leg, call = desk.one("select * from legs"), desk.one("select * from calls")
    assert (leg["state"], leg["last_status"]) == (
        ("connected", 200) if is_answered else ("inviting", provisional[0][0])
    )
    assert (call["answered_at"] is not None, leg["answered_at"] is not None) == (is_answered, is_answered)
    if hears_music:
        ear.wait_for(20)
    else:
        gevent.sleep(0.5)
        assert not ear.heard
    assert caller.answered.is_set() == is_answered
    alice = desk.agent("alice").wait_for_call()
    assert caller.answered.wait(5)
    caller.acknowledge()
    assert alice.confirmed.wait(5)
    desk.until("select state from calls", "connected")
    assert {port_in(caller.remote_body)} == ports_of(desk)
    if mode == "early_media":
        assert caller.provisional[0].body == caller.remote_body, "the answer is what was promised"
    call = desk.one("select * from calls")
    assert (call["answered_at"] == call["connected_at"]) == (not is_answered)
    legs = desk.rows("select state, last_status, peer_leg_id from legs")
    assert [(row["state"], row["last_status"], bool(row["peer_leg_id"])) for row in legs] == [
        ("connected", 200, True)
    ] * 2
    assert caller.hang_up()
    assert alice.ended.wait(5)
    desk.until("select disposition from calls", "answered")
    desk.until("select count(*) from legs where state <> 'ended'", 0)


@pytest.mark.parametrize("mode", ["early_media", "with_agent"])
def test_a_caller_who_gives_up_unanswered_is_abandoned(make_desk: MakeDesk, ear: RtpPhone, mode: str) -> None:
    desk = make_desk("alice", **{MODE: mode})
    alice = desk.agent("alice", script=just_ring)
    caller = dial(desk, ear)
    ringing = alice.wait_for_call()
    wait_until(lambda: len(told(caller)) == 1, "it rings")
    assert caller.hang_up()
    assert caller.refused is not None
    assert caller.refused[0] == 487
    assert ringing.ended.wait(5)
    desk.until("select state from agents", "available")
    desk.until("select count(*) from legs where state <> 'ended'", 0)
    call = desk.one("select * from calls")
    assert (call["disposition"], call["cause"], call["hung_up_by"]) == ("abandoned", "cancelled", "caller")
    assert call["answered_at"] is None
    assert call["talk_seconds"] is None
    assert desk.one("select state from queue_entries")["state"] == "abandoned"
    assert desk.one("select depth from queues")["depth"] == 0


@pytest.mark.parametrize("mode", ["early_media", "with_agent"])
def test_a_caller_whose_time_is_over_is_refused(make_desk: MakeDesk, ear: RtpPhone, mode: str) -> None:
    desk = make_desk("alice", **{MODE: mode, "QUEUES__SUPPORT__MAX_WAIT_TIME_SECONDS": "0.5"})
    caller = dial(desk, ear)
    assert caller.final.wait(5)
    assert caller.refusal is not None
    assert caller.refusal.status == 486
    assert caller.refusal.headers.get("reason") == 'SIP;cause=480;text="No agent answered in time"'
    desk.until("select disposition from calls", "timed_out")
    desk.until("select count(*) from legs where state <> 'ended'", 0)


def test_a_caller_who_is_not_answered_hears_when_the_service_stops(
    make_desk: MakeDesk, ear: RtpPhone
) -> None:
    desk = make_desk("alice", **{MODE: "with_agent", "GENERAL__DRAIN_SECONDS": "0"})
    caller = dial(desk, ear)
    wait_until(lambda: len(told(caller)) == 1, "it rings")
    assert desk.center is not None
    desk.center.stop()
    assert caller.final.wait(5)
    assert caller.refusal is not None
    assert caller.refusal.status == 503
    assert "Service stops" in (caller.refusal.headers.get("reason") or "")
    desk.until("select disposition from calls", "failed")


@pytest.mark.parametrize("mode", ["early_media", "with_agent"])
def test_an_agent_who_refuses_changes_nothing_for_the_caller(
    make_desk: MakeDesk, ear: RtpPhone, mode: str
) -> None:
    desk = make_desk("alice", "bob", **{MODE: mode})
    alice = desk.agent("alice", script=reject_with(486))
    caller = dial(desk, ear)
    alice.wait_for_call()
    desk.until("select count(*) from offers where state = 'busy'", 1)
    assert len(told(caller)) == 1
    assert not caller.answered.is_set()
    bob = desk.agent("bob").wait_for_call()
    assert caller.answered.wait(5)
    caller.acknowledge()
    assert bob.confirmed.wait(5)
    assert caller.hang_up()
    desk.until("select count(*) from legs where state <> 'ended'", 0)


def test_an_operator_can_end_a_call_that_is_not_answered(make_desk: MakeDesk, ear: RtpPhone) -> None:
    desk = make_desk("alice", **{MODE: "with_agent"})
    caller = dial(desk, ear)
    wait_until(lambda: len(told(caller)) == 1, "it rings")
    office = RemoteAdministration(Path(desk.settings.general.control_socket))
    office.calls.hang_up(desk.one("select id from calls")["id"], by="test")
    assert caller.final.wait(5)
    assert caller.refused is not None
    assert caller.refused[0] == 480
    desk.until("select state from calls", "ended")


def test_a_caller_who_is_given_music_hears_one_stream_through_rounds_and_the_answer(
    make_desk: MakeDesk, ear: RtpPhone
) -> None:
    desk = make_desk("alice", "bob", **{MODE: "early_media"})
    alice = desk.agent("alice", script=reject_with(486))
    voice = RtpPhone(tone=800.0)
    caller = dial(desk, ear)
    alice.wait_for_call()
    ear.wait_for(20)
    bob = desk.agent("bob", script=just_ring).wait_for_call()
    offer = SessionDescription.parse(bob.invite.body)
    voice.engine_port = offer.media[0].port
    voice.speak()
    body = make_offer(host="127.0.0.1", port=voice.port, codecs=["PCMU"], session_id=1, version=1)
    bob.answer(body.serialise())
    assert caller.answered.wait(5)
    caller.acknowledge()
    ear.wait_for(len(ear.heard) + 25)
    voice.close()
    assert_one_stream(ear.heard)
    assert longest_gap(ear.heard) < 0.06
    assert caller.hang_up()
    desk.until("select count(*) from legs where state <> 'ended'", 0)
