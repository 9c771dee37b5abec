"""Feature numbers: what an agent has done by dialling, how that sounds, and what is recorded of it."""

import json
from collections.abc import Callable
from typing import Any

import gevent
import pytest

from callengine.media.engine import DONE, MUSIC, REFUSED
from callengine.media.local import LocalEngine
from callengine.sip.outgoing_session import OutgoingSession
from tests.fakes.phone import Phone, just_ring
from tests.gevent.callcenter.conftest import Desk, wait_until

MakeDesk = Callable[..., Desk]
RECORD = "select * from calls"
ALICE = "select state, pause_reason, load, signed_on from agents where name = 'alice'"
NUMBERS = {
    "NUMBERS__ON__DESTINATION": "feature:sign_on",
    "NUMBERS__OFF__DESTINATION": "feature:sign_off",
    "NUMBERS__LUNCH__DESTINATION": "feature:pause:lunch",
    "NUMBERS__REST__DESTINATION": "feature:pause",
    "NUMBERS__BACK__DESTINATION": "feature:resume",
}


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sounds that were played, but for the music."""
    sounds: list[str] = []
    play = LocalEngine.play

    def note(self: LocalEngine, leg_id: str, sound: str, *, loop: bool = True) -> None:
        sounds.extend({sound} - {MUSIC})
        play(self, leg_id, sound, loop=loop)

    monkeypatch.setattr(LocalEngine, "play", note)
    return sounds


def dial(phone: Phone, number: str) -> OutgoingSession:
    """Call a feature number as an agent, and wait until the call center has hung up."""
    call = phone.call_as_agent(number)
    assert call.answered.is_set()
    assert call.ended.wait(10)
    assert (call.ended_by, call.end_cause) == ("remote", "bye")
    return call


def alice(desk: Desk) -> tuple[Any, ...]:
    """State, reason of the pause, load, and whether she is signed on, once no call holds her."""
    desk.until("select load from agents where name = 'alice'", 0)
    row = desk.one(ALICE)
    return row["state"], row["pause_reason"], bool(row["signed_on"])


def test_an_agent_pauses_and_resumes_by_dialling(make_desk: MakeDesk, heard: list[str]) -> None:
    desk = make_desk("alice", **NUMBERS)
    phone = desk.agent("alice")
    dial(phone, "lunch")
    assert alice(desk) == ("paused", "lunch", True)
    dial(phone, "rest")
    assert alice(desk) == ("paused", "feature", True)
    dial(phone, "back")
    assert alice(desk) == ("available", None, True)
    dial(phone, "back")
    assert alice(desk) == ("available", None, True)
    assert heard == [DONE] * 4
    told = desk.rows("select payload from event_log where type = 'agent_state_changed' order by number")
    payloads = [json.loads(row["payload"]) for row in told]
    assert [each["by"] for each in payloads if each["cause"] == "feature"] == ["alice"] * 3
    assert desk.agent_is_free_for_another(phone)


@pytest.mark.effect("agents.sign_on")
def test_an_agent_signs_on_and_off_by_dialling(make_desk: MakeDesk, heard: list[str]) -> None:
    desk = make_desk("alice", AGENTS__SIGN_ON="explicit", **NUMBERS)
    phone = desk.agent("alice")
    assert alice(desk) == ("offline", None, False)
    caller = desk.phone().call("support")
    gevent.sleep(0.1)
    assert phone.calls == []
    dial(phone, "on")
    assert phone.wait_for_call().confirmed.wait(5)
    caller.hang_up()
    assert alice(desk) == ("available", None, True)
    dial(phone, "off")
    assert alice(desk) == ("offline", None, False)
    assert heard == [DONE, DONE]


def test_a_caller_who_waits_is_offered_when_the_feature_s_call_is_over(make_desk: MakeDesk) -> None:
    """The one line of the phone is taken until then."""
    desk = make_desk("alice", **NUMBERS)
    phone = desk.agent("alice")
    dial(phone, "lunch")
    caller = desk.phone().call("support")
    back = phone.call_as_agent("back")
    assert phone.calls == []
    session = phone.wait_for_call()
    assert back.ended.is_set()
    assert session.confirmed.wait(5)
    assert caller.hang_up()
    assert alice(desk) == ("available", None, True)


def test_what_cannot_be_done_sounds_otherwise_and_is_recorded(make_desk: MakeDesk, heard: list[str]) -> None:
    desk = make_desk("alice", **NUMBERS)
    dial(desk.phone("alice"), "on")
    assert alice(desk) == ("offline", None, False)
    assert heard == [REFUSED]
    record = desk.one(RECORD)
    assert (record["disposition"], record["cause"], record["hung_up_by"]) == ("rejected", "feature", "system")


def test_a_feature_s_call_is_recorded_as_the_agent_s(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", **NUMBERS)
    dial(desk.agent("alice"), "rest")
    alice(desk)
    record = desk.one(RECORD)
    assert (record["kind"], record["dialled"], record["queue_id"]) == ("agent", "rest", None)
    assert (record["disposition"], record["cause"], record["hung_up_by"]) == ("answered", "feature", "system")
    assert record["from_agent_id"] == desk.one("select id from agents")["id"]
    assert record["answered_at"] is not None
    assert (record["connected_at"], record["talk_seconds"]) == (None, None)
    assert {row["state"] for row in desk.rows("select state from legs")} == {"ended"}
    assert desk.center is not None
    assert desk.center.statistics()["legs"] == 0
    assert desk.center.statistics()["average_wait_time"] == 0


def test_features_are_for_agents(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", **NUMBERS)
    desk.agent("alice")
    refused = desk.phone().call("rest").refused
    assert refused is not None
    assert refused[0] == 403
    assert alice(desk) == ("available", None, True)
    assert desk.rows(RECORD) == []


def test_who_has_a_call_has_no_room_for_a_feature(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", **NUMBERS)
    phone = desk.agent("alice", script=just_ring)
    caller = desk.phone().call("support")
    phone.wait_for_call()
    refused = phone.call_as_agent("rest").refused
    assert refused is not None
    assert refused[0] == 403
    assert caller.hang_up()
    assert alice(desk) == ("available", None, True)


def test_an_agent_that_hangs_up_at_once_has_it_done_all_the_same(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", **NUMBERS)
    phone = desk.agent("alice")
    call = phone.call_as_agent("rest")
    assert call.hang_up()
    assert alice(desk) == ("paused", "feature", True)
    record = desk.one(RECORD)
    assert (record["disposition"], record["hung_up_by"]) == ("abandoned", "caller")


def test_a_pause_and_a_wrap_up_go_on_after_an_own_call(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", "bob", QUEUES__SUPPORT__WRAP_UP_SECONDS="3", **NUMBERS)
    phone = desk.agent("alice")
    caller = desk.phone().call("support")
    assert phone.wait_for_call().confirmed.wait(5)
    caller.hang_up()
    desk.until("select state from agents where name = 'alice'", "wrap_up")
    until = desk.one("select wrap_up_until from agents where name = 'alice'")["wrap_up_until"]
    desk.agent("bob")
    own = phone.call_as_agent("bob")
    desk.until("select state from agents where name = 'alice'", "busy")
    assert own.hang_up()
    desk.until("select state from agents where name = 'alice'", "wrap_up")
    again = desk.one("select wrap_up_until from agents where name = 'alice'")["wrap_up_until"]
    assert again == pytest.approx(until, abs=0.05)
    desk.until("select state from agents where name = 'alice'", "available")
    dial(phone, "lunch")
    assert alice(desk) == ("paused", "lunch", True)
    own = phone.call_as_agent("bob")
    desk.until("select state from agents where name = 'alice'", "busy")
    assert own.hang_up()
    wait_until(lambda: alice(desk) == ("paused", "lunch", True), "the pause goes on")
