"""What disagrees is made to disagree, one thing at a time, and is repaired with its event, for the better.

Each test damages one thing, behind the service's back, and then asks the phones and the database.
"""

from __future__ import annotations

import gevent
import pytest
from gevent.pool import Pool

from callengine.callcenter.calls import new_id
from callengine.callcenter.repair_reasons import Reason
from callengine.sip.outgoing_session import OutgoingSession
from callengine.vocabulary import AgentState
from tests.fakes.phone import Phone, answer, answer_now, just_ring, reject_with
from tests.gevent.callcenter.conftest import wait_until
from tests.gevent.callcenter.reconciling.conftest import LEASE_SECONDS, MakeWard


def test_a_call_without_a_story_is_ended(make_ward: MakeWard) -> None:
    ward = make_ward("alice")
    ward.one_call_over(ward.desk.agent("alice"))
    ward.damage("UPDATE calls SET state = 'queued', ended_at = NULL, disposition = NULL, connected_at = NULL")
    ward.wait_for_repair(Reason.CALL_WITHOUT_STORY)
    record = ward.desk.one("select * from calls")
    assert (record["disposition"], record["cause"]) == ("failed", Reason.CALL_WITHOUT_STORY)
    assert record["wait_seconds"] is not None
    ward.nothing_is_left()


def test_a_call_that_lasts_too_long_is_hung_up(make_ward: MakeWard) -> None:
    ward = make_ward("alice")
    caller, agent = ward.talk(ward.desk.agent("alice"))
    ward.damage("UPDATE calls SET connected_at = connected_at - 8000")
    ward.wait_for_repair(Reason.CALL_PAST_ITS_LEASE)
    assert caller.ended.wait(5)
    assert agent.ended.wait(5)
    ward.nothing_is_left()
    assert ward.desk.one("select cause from calls")["cause"] == Reason.CALL_PAST_ITS_LEASE


def test_a_story_whose_call_has_ended_is_ended_too(make_ward: MakeWard) -> None:
    ward = make_ward()
    caller = ward.desk.phone().call("support")
    ward.damage("UPDATE calls SET state = 'ended', ended_at = arrived_at, disposition = 'failed'")
    ward.wait_for_repair(Reason.STORY_WITHOUT_CALL)
    assert caller.ended.wait(5)
    assert caller.ended_by == "remote"
    wait_until(lambda: not ward.parts.people.live.going_on())
    ward.desk.until("select count(*) from legs where state <> 'ended'", 0)
    ward.desk.until("select depth from queues", 0)


def test_a_place_without_a_call_is_given_up(make_ward: MakeWard) -> None:
    ward = make_ward()
    assert ward.desk.phone().call("support").hang_up()
    ward.desk.until("select state from calls", "ended")
    ward.damage("UPDATE queue_entries SET state = 'waiting', left_at = NULL", "UPDATE queues SET depth = 1")
    ward.wait_for_repair(Reason.ENTRY_WITHOUT_CALL)
    ward.desk.until("select state from queue_entries", "rejected")
    ward.desk.until("select depth from queues", 0)


def test_a_caller_who_is_offered_to_nobody_waits_again_and_is_served(make_ward: MakeWard) -> None:
    ward = make_ward("alice")
    caller = ward.desk.phone().call("support")
    before = ward.desk.one("select id, first_arrived_at from queue_entries")
    ward.damage("UPDATE queue_entries SET state = 'offered'", "UPDATE calls SET state = 'offered'")
    ward.wait_for_repair(Reason.ENTRY_OFFERED_TO_NOBODY)
    assert ward.desk.one("select id, first_arrived_at from queue_entries") == before
    assert ward.desk.agent("alice").wait_for_call().confirmed.wait(5)
    assert caller.hang_up()
    ward.nothing_is_left()


def test_a_caller_who_waits_too_long_is_sent_away(make_ward: MakeWard) -> None:
    ward = make_ward()
    caller = ward.desk.phone().call("support")
    ward.damage("UPDATE queue_entries SET expires_at = 1")
    ward.wait_for_repair(Reason.ENTRY_PAST_ITS_LEASE)
    assert caller.ended.wait(5)
    ward.desk.until("select count(*) from calls where state <> 'ended'", 0)
    ward.desk.until("select depth from queues", 0)


def test_a_caller_who_fell_out_of_the_line_is_served(make_ward: MakeWard) -> None:
    ward = make_ward("alice")
    caller = ward.desk.phone().call("support")
    call = ward.the_call()
    wait_until(lambda: call.entry in ward.parts.people.queues.find("support").line)
    ward.parts.people.queues.find("support").line.leave(call.entry)
    ward.wait_for_repair(Reason.CALLER_NOT_IN_LINE)
    assert ward.desk.agent("alice").wait_for_call().confirmed.wait(5)
    assert caller.hang_up()


@pytest.mark.parametrize("depth", [0, 7])
def test_a_depth_is_counted_again(make_ward: MakeWard, depth: int) -> None:
    ward = make_ward()
    caller = ward.desk.phone().call("support")
    ward.damage(f"UPDATE queues SET depth = {depth}")
    ward.wait_for_repair(Reason.DEPTH_DIFFERS)
    ward.desk.until("select depth from queues", 1)
    assert caller.hang_up()
    ward.desk.until("select depth from queues", 0)


def test_an_offer_that_its_call_does_not_know_is_withdrawn(make_ward: MakeWard) -> None:
    ward = make_ward("alice", "bob")
    ward.talk(ward.desk.agent("alice"))
    bob = ward.desk.agent("bob")
    ward.damage(
        "INSERT INTO offers (id, entry_id, call_id, agent_id, state, offered_at, deadline_at) "
        f"SELECT '{new_id()}', entry_id, call_id, (SELECT id FROM agents WHERE name = 'bob'), 'ringing', "
        "offered_at, deadline_at FROM offers",
        "UPDATE agents SET state = 'reserved', load = 1 WHERE name = 'bob'",
    )
    ward.wait_for_repair(Reason.OFFER_WITHOUT_STORY)
    ward.desk.until("select count(*) from offers where state = 'withdrawn'", 1)
    ward.desk.until("select state from agents where name = 'bob'", "available")
    assert ward.desk.agent_is_free_for_another(bob)


def test_an_offer_whose_call_has_ended_is_ended(make_ward: MakeWard) -> None:
    ward = make_ward("alice")
    alice = ward.desk.agent("alice")
    ward.one_call_over(alice)
    ward.damage("UPDATE offers SET state = 'connected', ended_at = NULL")
    ward.wait_for_repair(Reason.OFFER_WITHOUT_CALL)
    ward.desk.until("select state from offers", "ended")
    ward.nothing_is_left()
    assert ward.desk.agent_is_free_for_another(alice)


def test_an_offer_past_its_deadline_is_stopped_and_the_caller_served(make_ward: MakeWard) -> None:
    ward = make_ward("alice")
    alice = ward.desk.agent("alice", script=just_ring)
    caller = ward.desk.phone().call("support")
    ringing = alice.wait_for_call()
    ward.desk.until("select state from agents", "reserved")
    alice.script = answer
    ward.damage("UPDATE offers SET deadline_at = 1")
    ward.wait_for_repair(Reason.OFFER_PAST_ITS_LEASE)
    assert ringing.ended.wait(5)
    assert alice.wait_for_call(2).confirmed.wait(5)
    assert caller.hang_up()
    ward.nothing_is_left()


def test_of_a_round_only_the_offer_past_its_deadline_is_stopped(make_ward: MakeWard) -> None:
    ward = make_ward("alice", "bob", QUEUES__SUPPORT__STRATEGY="ring_all")
    alice = ward.desk.agent("alice", script=just_ring)
    bob = ward.desk.agent("bob", script=just_ring)
    caller = ward.desk.phone().call("support")
    late, ringing = alice.wait_for_call(), bob.wait_for_call()
    ward.damage(
        "update offers set deadline_at = 1 where agent_id = (select id from agents where name = 'alice')"
    )
    ward.wait_for_repair(Reason.OFFER_PAST_ITS_LEASE)
    assert late.ended.wait(5)
    ward.desk.until("select state from agents where name = 'alice'", "available")
    assert not ringing.ended.is_set()
    answer_now(ringing)
    assert ringing.confirmed.wait(5)
    assert caller.hang_up()
    ward.nothing_is_left()


def test_a_caller_who_was_not_answered_and_waits_too_long_is_refused(make_ward: MakeWard) -> None:
    ward = make_ward("alice", QUEUES__SUPPORT__ANSWER="with_agent")
    caller = ward.desk.phone().dial("support")
    ward.desk.until("select count(*) from queue_entries where state = 'waiting'", 1)
    gevent.sleep(2 * LEASE_SECONDS)
    assert ward.repaired() == [], "to wait unanswered is no disagreement"
    ward.damage("update queue_entries set expires_at = 1")
    ward.wait_for_repair(Reason.ENTRY_PAST_ITS_LEASE)
    assert caller.final.wait(5)
    assert caller.refused is not None
    assert caller.refused[0] == 480
    ward.nothing_is_left()


def test_an_agent_that_is_busy_with_nothing_is_free(make_ward: MakeWard) -> None:
    ward = make_ward("alice")
    alice = ward.desk.agent("alice")
    ward.damage("UPDATE agents SET state = 'busy', load = 1")
    ward.wait_for_repair(Reason.AGENT_BUSY_WITHOUT_CALL)
    ward.desk.until("select state from agents", "available")
    assert ward.desk.agent_is_free_for_another(alice)


def test_an_agent_that_talks_is_not_free(make_ward: MakeWard) -> None:
    ward = make_ward("alice")
    caller, _ = ward.talk(ward.desk.agent("alice"))
    ward.damage("UPDATE agents SET state = 'available', load = 0")
    ward.wait_for_repair(Reason.AGENT_LOAD_DIFFERS)
    agent = ward.desk.one("select state, load from agents")
    assert (agent["state"], agent["load"]) == ("busy", 1)
    assert caller.hang_up()
    ward.nothing_is_left()


def test_an_agent_that_calls_is_not_free(make_ward: MakeWard) -> None:
    ward = make_ward("alice", "bob")
    alice, bob = ward.desk.agent("alice"), ward.desk.agent("bob")
    call = alice.call_as_agent("bob")
    assert bob.wait_for_call().confirmed.wait(5)
    ward.damage("UPDATE agents SET state = 'available', load = 0 WHERE name = 'alice'")
    ward.wait_for_repair(Reason.AGENT_LOAD_DIFFERS)
    ward.desk.until("select state from agents where name = 'alice'", "busy")
    assert call.hang_up()
    ward.nothing_is_left()
    assert set(ward.repaired()) <= {Reason.AGENT_LOAD_DIFFERS, Reason.ROSTER_DIFFERS}


def test_a_call_to_one_agent_without_a_story_is_ended(make_ward: MakeWard) -> None:
    ward = make_ward("alice", "bob")
    alice, bob = ward.desk.agent("alice"), ward.desk.agent("bob")
    call = alice.call_as_agent("bob")
    assert bob.wait_for_call().confirmed.wait(5)
    lost = ward.the_call()
    ward.parts.people.live.remove(lost)
    ward.wait_for_repair(Reason.CALL_WITHOUT_STORY)
    assert call.ended.wait(5)
    assert bob.wait_for_call().ended.wait(5)
    for leg in lost.legs:
        leg.session.abandon()
    record = ward.desk.one("select * from calls")
    assert (record["disposition"], record["cause"]) == ("failed", Reason.CALL_WITHOUT_STORY)
    assert record["wait_seconds"] is not None
    ward.nothing_is_left()


def test_an_agent_whose_phone_is_not_registered_is_signed_off(make_ward: MakeWard) -> None:
    ward = make_ward("alice")
    ward.desk.agent("alice")
    ward.damage("DELETE FROM bindings")
    ward.wait_for_repair(Reason.AGENT_WITHOUT_PHONE)
    ward.desk.until("select state from agents", "offline")


def test_an_agent_whose_phone_is_registered_is_signed_on(make_ward: MakeWard) -> None:
    ward = make_ward("alice")
    alice = ward.desk.agent("alice")
    ward.damage("UPDATE agents SET state = 'offline', available_since = NULL")
    ward.wait_for_repair(Reason.AGENT_NOT_SIGNED_ON)
    ward.desk.until("select state from agents", "available")
    assert ward.desk.agent_is_free_for_another(alice)


def test_a_wrap_up_whose_time_is_over_ends(make_ward: MakeWard) -> None:
    ward = make_ward("alice")
    alice = ward.desk.agent("alice")
    ward.damage("UPDATE agents SET state = 'wrap_up', wrap_up_until = 1")
    ward.wait_for_repair(Reason.WRAP_UP_PAST_ITS_LEASE)
    ward.desk.until("select state from agents", "available")
    assert ward.desk.agent_is_free_for_another(alice)


def test_an_agent_that_dispatch_believes_offline_is_offered_calls(make_ward: MakeWard) -> None:
    ward = make_ward("alice")
    alice = ward.desk.agent("alice")
    ward.parts.people.roster.find("alice").state = AgentState.OFFLINE
    ward.parts.people.roster.let_go(ward.parts.people.roster.find("alice"))
    ward.wait_for_repair(Reason.ROSTER_DIFFERS)
    assert ward.desk.agent_is_free_for_another(alice)


def test_an_agent_whose_delay_nobody_ends_is_offered_calls(make_ward: MakeWard) -> None:
    ward = make_ward("alice")
    alice = ward.desk.agent("alice")
    agent = ward.parts.people.roster.find("alice")
    agent.delayed_until = 1.0
    ward.parts.people.roster.let_go(agent)
    ward.wait_for_repair(Reason.ROSTER_DIFFERS)
    assert ward.desk.agent_is_free_for_another(alice)


def test_an_agent_that_dispatch_believes_about_to_leave_is_offered_calls(make_ward: MakeWard) -> None:
    ward = make_ward("alice")
    alice = ward.desk.agent("alice")
    agent = ward.parts.people.roster.find("alice")
    agent.is_leaving = True
    ward.parts.people.roster.let_go(agent)
    ward.wait_for_repair(Reason.ROSTER_DIFFERS)
    assert ward.desk.agent_is_free_for_another(alice)


def test_an_agent_that_is_held_for_nobody_is_let_go(make_ward: MakeWard) -> None:
    ward = make_ward("alice")
    alice = ward.desk.agent("alice")
    ward.parts.people.roster.hold(ward.parts.people.roster.find("alice"))
    ward.wait_for_repair(Reason.AGENT_HELD_FOR_NOBODY)
    assert ward.desk.agent_is_free_for_another(alice)


def test_a_leg_without_a_dialog_is_closed(make_ward: MakeWard) -> None:
    ward = make_ward("alice")
    ward.one_call_over(ward.desk.agent("alice"))
    ward.damage("UPDATE legs SET state = 'connected', ended_at = NULL WHERE role = 'agent'")
    ward.wait_for_repair(Reason.LEG_WITHOUT_DIALOG)
    ward.nothing_is_left()


def test_a_leg_that_nobody_hangs_up_is_hung_up(make_ward: MakeWard) -> None:
    ward = make_ward("alice")
    ward.one_call_over(ward.desk.agent("alice"))
    ward.damage(
        "UPDATE legs SET state = 'ending', ended_at = NULL WHERE role = 'agent'",
        "UPDATE agents SET state = 'busy', load = 1",
    )
    ward.wait_for_repair(Reason.LEG_PAST_ITS_LEASE)
    ward.nothing_is_left()
    ward.desk.until("select state from agents", "available")


@pytest.mark.parametrize("role", ["caller", "agent"])
def test_a_leg_whose_media_is_gone_is_opened_and_joined_again(make_ward: MakeWard, role: str) -> None:
    ward = make_ward("alice")
    caller, _ = ward.talk(ward.desk.agent("alice"))
    call = ward.the_call()
    assert call.answered_by is not None
    leg, other = call.caller, call.answered_by
    if role == "agent":
        leg, other = other, leg
    ward.parts.base.media.close(leg.id)
    ward.wait_for_repair(Reason.LEG_WITHOUT_MEDIA)
    wait_until(lambda: ward.parts.base.media.statistics(leg.id).joined_to == other.id)
    assert ward.parts.base.media.statistics(leg.id).port == leg.media_port
    assert not caller.ended.is_set()
    assert caller.hang_up()
    ward.nothing_is_left()


def test_a_waiting_caller_whose_media_is_gone_hears_music_again(make_ward: MakeWard) -> None:
    ward = make_ward()
    caller = ward.desk.phone().call("support")
    leg = ward.the_call().caller
    ward.parts.base.media.close(leg.id)
    ward.wait_for_repair(Reason.LEG_WITHOUT_MEDIA)
    wait_until(lambda: ward.parts.base.media.statistics(leg.id).playing is not None)
    assert caller.hang_up()


def test_a_dialog_that_was_forgotten_is_known_again(make_ward: MakeWard) -> None:
    ward = make_ward("alice")
    caller, agent = ward.talk(ward.desk.agent("alice"))
    dialog = ward.the_call().caller.session.dialog
    assert dialog is not None
    ward.parts.base.endpoint.forget((dialog.call_id, dialog.local_tag))
    ward.wait_for_repair(Reason.DIALOG_NOT_KNOWN)
    assert caller.hang_up()
    assert agent.ended.wait(5)
    ward.nothing_is_left()


def test_a_dialog_that_belongs_to_no_leg_is_hung_up(make_ward: MakeWard) -> None:
    ward = make_ward()
    phone, endpoint = ward.desk.phone(), ward.parts.base.endpoint
    host, port = phone.endpoint.local_address
    stray = OutgoingSession(
        endpoint,
        target_uri=f"sip:someone@{host}:{port}",
        flow=endpoint.resolve(f"sip:{host}:{port}"),
        from_="<sip:us@127.0.0.1>",
        to="<sip:someone@127.0.0.1>",
        contact=endpoint.contact(),
        body=b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        b"m=audio 40000 RTP/AVP 0\r\n",
    )
    stray.send()
    assert stray.answered.wait(5)
    stray.acknowledge()
    ward.wait_for_repair(Reason.DIALOG_WITHOUT_LEG)
    assert phone.wait_for_call().ended.wait(5)
    wait_until(lambda: endpoint.dialog_count() == 0)


def test_a_media_leg_that_belongs_to_nobody_is_closed(make_ward: MakeWard) -> None:
    ward = make_ward()
    ward.parts.base.media.open(new_id())
    ward.wait_for_repair(Reason.MEDIA_WITHOUT_LEG)
    wait_until(lambda: not ward.parts.base.media.list())


@pytest.mark.parametrize("seconds", [7200, -7200])
def test_a_clock_that_is_set_changes_no_place_and_no_deadline(make_ward: MakeWard, seconds: int) -> None:
    ward = make_ward("alice", QUEUES__SUPPORT__WRAP_UP_SECONDS="2")
    alice = ward.desk.agent("alice", script=answer)
    talking, _ = ward.talk(alice)
    waiting = [ward.desk.phone().call("support")]
    before = ward.desk.rows("select id, expires_at from queue_entries where state = 'waiting'")
    ward.clock.set_by(seconds)
    ward.wait_for_repair(Reason.CLOCK_JUMPED)
    waiting.append(ward.desk.phone().call("support"))
    after = ward.desk.rows("select id, expires_at from queue_entries where state = 'waiting'")
    assert after[0]["expires_at"] == pytest.approx(before[0]["expires_at"] + seconds, abs=2)
    assert talking.hang_up()
    for number, caller in enumerate(waiting, 2):
        session = alice.wait_for_call(number)
        assert session.confirmed.wait(5)
        assert session.wait(session.confirmed)
        assert caller.hang_up()
        order = ward.desk.rows("select call_id from offers order by offered_at")
        arrivals = ward.desk.rows("select id from calls order by arrived_at")
        assert [row["call_id"] for row in order] == [row["id"] for row in arrivals][:number]
    ward.nothing_is_left()
    for record in ward.desk.rows("select * from calls"):
        assert 0 <= record["wait_seconds"] < 60
        assert 0 <= record["talk_seconds"] < 60
    assert ward.repaired() == [Reason.CLOCK_JUMPED]


def test_a_healthy_shift_repairs_nothing(make_ward: MakeWard) -> None:
    live_through(make_ward, calls=100)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_healthy_day_repairs_nothing(make_ward: MakeWard) -> None:
    live_through(make_ward, calls=1000)


def live_through(make_ward: MakeWard, *, calls: int) -> None:
    """Calls of all kinds, four at a time: talked through, given up while waiting or ringing, refused."""
    names = [f"agent{number}" for number in range(8)]
    options = {"RING_TIMEOUT_SECONDS": "0.3", "WRAP_UP_SECONDS": "0.1"}
    prefixed = {f"QUEUES__SUPPORT__{name}": value for name, value in options.items()}
    ward = make_ward(*names, GENERAL__LEASE_SECONDS="2", **prefixed)
    phones = [ward.desk.agent(name) for name in names]
    phones[0].script = reject_with(486)
    phones[1].script = just_ring
    callers, caller = Pool(4), ward.desk.phone()
    for number in range(calls):
        callers.spawn(_call_once, caller, number)
    callers.join(raise_error=True)
    ward.nothing_is_left()
    counts = {
        row["disposition"]: row["n"]
        for row in ward.desk.rows("select disposition, count(*) as n from calls group by disposition")
    }
    assert sum(counts.values()) == calls
    assert set(counts) == {"answered", "abandoned"}, counts
    assert ward.repaired() == []


def _call_once(phone: Phone, number: int) -> None:
    """Some hang up at once, some after a while, when they talk or not."""
    while not (session := phone.call("support")).answered.is_set():
        gevent.sleep(1)  # all media ports rest after use
    gevent.sleep(number % 7 * 0.05)
    assert session.hang_up()
