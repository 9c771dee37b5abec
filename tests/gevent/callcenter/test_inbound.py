"""A customer's call from its INVITE to its record, with real phones on loopback."""

from collections.abc import Callable

import gevent
import pytest
from loguru import logger

from callengine.callcenter.calls import Call
from callengine.callcenter.inbound import Inbound
from callengine.errors import MediaError
from callengine.media.local import LocalEngine
from tests.fakes.phone import just_ring
from tests.gevent.callcenter.conftest import Desk

MakeDesk = Callable[..., Desk]
RECORD = "select * from calls"


def test_a_call_is_queued_answered_and_recorded(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    assert caller.answered.is_set()
    session = alice.wait_for_call()
    session.confirmed.wait(5)
    gevent.sleep(0.2)
    caller.hang_up()
    session.ended.wait(5)
    desk.until("select state from agents", "available")
    record = desk.one(RECORD)
    assert (record["disposition"], record["hung_up_by"], record["cause"]) == ("answered", "caller", "bye")
    assert (record["caller_number"], record["caller_name"], record["dialled"]) == (
        "5551",
        "Ann Caller",
        "support",
    )
    assert 0.15 <= record["talk_seconds"] < 2
    assert record["wait_seconds"] == pytest.approx(record["connected_at"] - record["queued_at"], abs=0.01)
    offer = desk.one("select * from offers")
    assert (offer["state"], offer["sip_status"]) == ("ended", 200)
    assert {row["state"] for row in desk.rows("select state from legs")} == {"ended"}
    assert desk.one("select depth from queues")["depth"] == 0


def test_the_agent_sees_the_caller(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    invite = alice.wait_for_call().invite
    assert str(invite.from_).startswith('"Ann Caller" <sip:5551@127.0.0.1>')
    assert invite.to.uri.user == "alice"
    caller.hang_up()


def test_the_agent_hangs_up(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    session = alice.wait_for_call()
    session.confirmed.wait(5)
    desk.until("select state from calls", "connected")
    assert session.hang_up()
    assert caller.ended.wait(5)
    assert caller.ended_by == "remote"
    desk.until("select hung_up_by from calls", "agent")
    desk.until("select state from agents", "available")


def test_events_tell_the_call_in_order(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    caller.hang_up()
    desk.until("select state from agents", "available")
    rows = desk.rows("select type, number from event_log where call_id is not null order by number")
    told = [row["type"] for row in rows if row["type"] not in ("agent_state_changed", "leg_closed")]
    assert told == ["call_arrived", "call_queued", "call_offered", "call_connected", "call_ended"]
    numbers = [row["number"] for row in desk.rows("select number from event_log order by number")]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize(
    ("number", "variables", "status"),
    [
        ("nobody", {}, 404),
        ("closed", {"NUMBERS__CLOSED__DESTINATION": "hangup:603"}, 603),
        ("support", {"SECURITY__OPEN_INBOUND": "false"}, 403),
    ],
)
def test_who_is_not_taken_hears_why(
    make_desk: MakeDesk, number: str, variables: dict[str, str], status: int
) -> None:
    desk = make_desk("alice", **variables)
    session = desk.phone().call(number)
    assert session.refused is not None
    assert session.refused[0] == status
    assert desk.rows(RECORD) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4 RTP/AVP 96\r\n",
    ],
)
def test_a_call_without_a_usable_codec_is_refused(make_desk: MakeDesk, body: bytes) -> None:
    desk = make_desk()
    session = desk.phone().call("support", body=body)
    assert session.refused is not None
    assert session.refused[0] in (400, 488)
    assert desk.rows(RECORD) == []
    assert desk.center is not None
    assert desk.center.statistics()["legs"] == 0


def test_a_call_refused_for_the_media_s_sake_is_an_error_in_the_log(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_sound(_self: LocalEngine, _leg_id: str, _sound: str, **_how: bool) -> None:
        raise MediaError("sound 'music' cannot be read")

    loud: list[str] = []
    sink = logger.add(loud.append, level="ERROR", format="{message}")
    try:
        desk = make_desk()
        monkeypatch.setattr(LocalEngine, "play", no_sound)
        refused = desk.phone().call("support").refused
        assert refused is not None
        assert refused[0] == 500
    finally:
        logger.remove(sink)
    (line,) = loud
    assert "was refused: sound 'music' cannot be read" in line


@pytest.mark.effect("queues.NAME.capacity")
@pytest.mark.parametrize("capacity", [1, 2])
def test_a_full_queue_is_busy(make_desk: MakeDesk, capacity: int) -> None:
    desk = make_desk("alice", QUEUES__SUPPORT__CAPACITY=str(capacity))
    first, *others = [desk.phone().call("support") for _ in range(capacity)]
    refused = desk.phone().call("support").refused
    assert all(session.answered.is_set() for session in (first, *others))
    assert refused is not None
    assert refused[0] == 486
    first.hang_up()
    desk.until("select depth from queues", capacity - 1)
    assert desk.phone().call("support").answered.is_set()


@pytest.mark.effect("routing.max_queue_depth")
@pytest.mark.parametrize("depth", [1, 2])
def test_too_many_waiting_over_all_queues_is_busy(make_desk: MakeDesk, depth: int) -> None:
    desk = make_desk("alice", ROUTING__MAX_QUEUE_DEPTH=str(depth))
    for _ in range(depth):
        assert desk.phone().call("support").answered.is_set()
    refused = desk.phone().call("support").refused
    assert refused is not None
    assert refused[0] == 486


@pytest.mark.effect("queues.NAME.max_wait_time_seconds")
@pytest.mark.parametrize("seconds", [0.3, 1.0])
def test_who_waits_too_long_is_sent_away(make_desk: MakeDesk, seconds: float) -> None:
    desk = make_desk("alice", QUEUES__SUPPORT__MAX_WAIT_TIME_SECONDS=str(seconds))
    caller = desk.phone().call("support")
    assert caller.ended.wait(5)
    assert caller.ended_by == "remote"
    desk.until("select disposition from calls", "timed_out")
    assert desk.one("select state from queue_entries")["state"] == "timed_out"
    assert seconds <= desk.one(RECORD)["wait_seconds"] < seconds + 0.6


def test_who_gives_up_while_waiting_is_abandoned(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    caller = desk.phone().call("support")
    caller.hang_up()
    desk.until("select disposition from calls", "abandoned")
    record = desk.one(RECORD)
    assert (record["hung_up_by"], record["talk_seconds"]) == ("caller", None)
    assert desk.one("select state from queue_entries")["state"] == "abandoned"


def test_stopping_hangs_up_everybody(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", "bob")
    alice = desk.agent("alice")
    desk.agent("bob", script=just_ring)
    talking, ringing, waiting = (desk.phone().call("support") for _ in range(3))
    alice.wait_for_call().confirmed.wait(5)
    assert desk.center is not None
    desk.center.stop()
    desk.center = None
    for session in (talking, ringing, waiting):
        assert session.ended.wait(5)
    rows = desk.rows("select state, disposition, hung_up_by from calls order by arrived_at")
    assert {row["hung_up_by"] for row in rows} == {"system"}
    assert [row["disposition"] for row in rows] == ["answered", "failed", "failed"]
    desk.until("select count(*) from legs where state <> 'ended'", 0)


@pytest.mark.effect("general.max_call_duration_minutes")
@pytest.mark.parametrize("minutes", [0.01, 0.03])
def test_a_call_that_lasts_too_long_is_ended(make_desk: MakeDesk, minutes: float) -> None:
    desk = make_desk("alice", GENERAL__MAX_CALL_DURATION_MINUTES=str(minutes))
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    alice.wait_for_call()
    assert caller.ended.wait(5)
    desk.until("select cause from calls", "max_duration")
    assert desk.one(RECORD)["hung_up_by"] == "system"
    assert minutes * 60 - 0.1 <= desk.one(RECORD)["talk_seconds"] < minutes * 60 + 0.8


def test_a_caller_who_cancels_before_the_answer_is_abandoned(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk("alice")
    go_on = Inbound.go_on

    def answer_late(inbound: Inbound, call: Call) -> None:
        """The call is stored, and its answer is on the way."""
        gevent.sleep(0.5)
        go_on(inbound, call)

    monkeypatch.setattr(Inbound, "go_on", answer_late)
    caller = desk.phone().dial("support")
    gevent.sleep(0.3)
    assert caller.cancel()
    assert caller.final.wait(5)
    desk.until("select disposition from calls", "abandoned")
    assert desk.one("select depth from queues")["depth"] == 0
    desk.until("select count(*) from legs where state <> 'ended'", 0)
