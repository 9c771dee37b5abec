"""The media process dies or freezes: another takes its place, and the calls go on."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import pytest

from callengine.app import CallCenter
from callengine.media.tones import detect
from callengine.sdp.negotiation import make_answer, make_offer
from callengine.sdp.session import SessionDescription
from callengine.sip.incoming_session import IncomingSession
from callengine.sip.outgoing_session import OutgoingSession
from tests.e2e.ports import free_udp_range
from tests.fakes.phone import CODECS, Script, just_ring
from tests.fakes.rtp_phone import HOST, RtpPhone
from tests.gevent.callcenter.conftest import Desk, wait_until

MakeDesk = Callable[..., Desk]
CALLER_TONE, AGENT_TONE = 440.0, 1000.0
FAULTS = [signal.SIGKILL, signal.SIGSTOP]
DIES_OR_LONG = [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.long)]
"""Where a frozen process differs in nothing from a dead one once that it is frozen is found out."""


class Studio:
    """A desk with a real media process, a caller and an agent with ears and mouths."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.caller = RtpPhone(tone=CALLER_TONE)
        self.agent = RtpPhone(tone=AGENT_TONE)
        self.center = desk.center = CallCenter(desk.settings)
        self.center.start()

    def call(self) -> OutgoingSession:
        """The caller's call, once it is answered; from then on the caller speaks."""
        offer = make_offer(host=HOST, port=self.caller.port, codecs=CODECS, session_id=1, version=1)
        session = self.desk.phone().call("support", body=offer.serialise())
        assert session.answered.is_set()
        self.caller.engine_port = port_in(session.remote_body)
        self.caller.speak()
        return session

    def pick_up(self, session: IncomingSession) -> None:
        """Answer with the agent's ears and mouth."""
        offer = SessionDescription.parse(session.invite.body)
        self.agent.engine_port = offer.media[0].port
        own, _ = make_answer(offer, host=HOST, port=self.agent.port, codecs=CODECS, session_id=1, version=1)
        session.answer(own.serialise())
        self.agent.speak()

    def talk(self) -> tuple[OutgoingSession, IncomingSession]:
        """A call in which each hears the other."""
        alice = self.desk.agent("alice", script=self.pick_up)
        caller = self.call()
        agent = alice.wait_for_call()
        self.hear_each_other()
        return caller, agent

    def hear_each_other(self) -> None:
        """Wait until each hears the other's tone, and from the port that the SDP has named."""
        for phone, tone in ((self.caller, AGENT_TONE), (self.agent, CALLER_TONE)):
            hears_tone(phone, tone)

    @property
    def media_pid(self) -> int:
        """The present media process."""
        return int(self.center.statistics()["media_pid"])

    def strike(self, fault: signal.Signals = signal.SIGKILL) -> None:
        """Let the media process die, or freeze; return at once."""
        os.kill(self.media_pid, fault)

    def restarted(self, count: int = 1) -> dict[str, int]:
        """What the event of the `count`-th replacement says, once it is there."""
        query = "select payload from event_log where type = 'media_restarted' order by number"
        wait_until(lambda: len(self.desk.rows(query)) >= count, "the media process is replaced")
        told: dict[str, int] = json.loads(self.desk.rows(query)[count - 1]["payload"])
        return told

    def nothing_is_left(self) -> None:
        """Every row is final and every port is back."""
        self.desk.until("select count(*) from legs where state <> 'ended'", 0)
        wait_until(lambda: not self.center.statistics()["ports_in_use"], "every port is back")

    def close(self) -> None:
        """Hang everything up."""
        for phone in (self.caller, self.agent):
            phone.close()


def port_in(body: bytes) -> int:
    """The RTP port of a session description."""
    return SessionDescription.parse(body).media[0].port


def hears_tone(phone: RtpPhone, tone: float) -> None:
    """Wait until the phone has heard 100 ms of just that tone, beginning now."""
    begin = len(phone.heard)

    def heard() -> bool:
        latest = phone.heard[begin:][-5:]
        if len(latest) < 5 or latest[0].packet.ssrc != latest[-1].packet.ssrc:
            return False
        return detect(phone.samples(since=len(phone.heard) - 5), [CALLER_TONE, AGENT_TONE]) == tone

    wait_until(heard, f"a tone of {tone} Hz is heard")
    assert phone.heard[-1].source == (HOST, phone.engine_port)


def hears_music(phone: RtpPhone) -> None:
    """Wait until the phone has heard half a second of something, beginning now."""
    phone.wait_for(len(phone.heard) + 25, timeout=10)
    assert phone.heard[-1].source == (HOST, phone.engine_port)
    assert any(phone.samples(since=len(phone.heard) - 25))


@pytest.fixture
def studio(make_desk: MakeDesk, tmp_path: Path) -> Iterator[Studio]:
    first, last = free_udp_range(100)
    desk = make_desk(
        "alice",
        open_now=False,
        MEDIA__SOCKET=str(tmp_path / "media.sock"),
        MEDIA__PORT_FIRST=str(first),
        MEDIA__PORT_LAST=str(last),
        LOG__FILE=str(tmp_path / "media.log"),
    )
    made = Studio(desk)
    yield made
    made.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_who_talks_talks_on(studio: Studio, fault: signal.Signals) -> None:
    caller, agent = studio.talk()
    streams = [phone.heard[-1].packet.ssrc for phone in (studio.caller, studio.agent)]
    before = studio.media_pid
    studio.strike(fault)
    assert studio.restarted() == {"legs_reopened": 2, "legs_lost": 0}
    studio.hear_each_other()
    assert studio.media_pid != before
    for phone, stream in zip((studio.caller, studio.agent), streams, strict=True):
        assert phone.heard[-1].packet.ssrc != stream, "a new stream (RFC 3550 8.2)"
    assert not agent.ended.is_set()
    assert caller.hang_up()
    assert agent.ended.wait(5)
    studio.nothing_is_left()
    record = studio.desk.one("select * from calls")
    assert (record["disposition"], record["cause"], record["hung_up_by"]) == ("answered", "bye", "caller")
    assert studio.desk.one("select state from agents")["state"] == "available"


@pytest.mark.parametrize("fault", DIES_OR_LONG)
def test_who_waits_hears_music_again_and_is_served(studio: Studio, fault: signal.Signals) -> None:
    caller = studio.call()
    hears_music(studio.caller)
    studio.strike(fault)
    assert studio.restarted() == {"legs_reopened": 1, "legs_lost": 0}
    hears_music(studio.caller)
    studio.desk.agent("alice", script=studio.pick_up).wait_for_call()
    studio.hear_each_other()
    assert caller.hang_up()
    studio.nothing_is_left()


@pytest.mark.parametrize("fault", DIES_OR_LONG)
def test_a_phone_that_rings_can_be_answered(studio: Studio, fault: signal.Signals) -> None:
    alice = studio.desk.agent("alice", script=just_ring)
    caller = studio.call()
    ringing = alice.wait_for_call()
    studio.strike(fault)
    assert studio.restarted() == {"legs_reopened": 2, "legs_lost": 0}
    hears_music(studio.caller)
    studio.pick_up(ringing)
    studio.hear_each_other()
    assert len(alice.calls) == 1
    assert caller.hang_up()
    studio.nothing_is_left()


@pytest.mark.parametrize("fault", DIES_OR_LONG)
def test_a_phone_that_is_answered_meanwhile_is_joined(studio: Studio, fault: signal.Signals) -> None:
    alice = studio.desk.agent("alice", script=just_ring)
    caller = studio.call()
    ringing = alice.wait_for_call()
    studio.strike(fault)
    studio.pick_up(ringing)
    assert studio.restarted()["legs_lost"] == 0
    studio.hear_each_other()
    assert caller.hang_up()
    assert ringing.ended.wait(5)
    studio.nothing_is_left()
    assert studio.desk.one("select disposition from calls")["disposition"] == "answered"


@pytest.mark.parametrize("fault", DIES_OR_LONG)
def test_who_comes_meanwhile_is_taken_and_gets_no_port_of_another(
    studio: Studio, fault: signal.Signals
) -> None:
    talking, _agent = studio.talk()
    studio.strike(fault)
    another = studio.desk.phone().call("support")
    assert another.answered.is_set()
    studio.restarted()
    studio.hear_each_other()
    port = port_in(another.remote_body)
    assert port not in (studio.caller.engine_port, studio.agent.engine_port)
    assert another.hang_up()
    assert talking.hang_up()
    studio.nothing_is_left()


def test_who_hangs_up_meanwhile_is_gone(studio: Studio) -> None:
    caller, agent = studio.talk()
    studio.strike(signal.SIGSTOP)
    assert caller.hang_up()
    assert agent.ended.wait(5)
    assert studio.restarted()["legs_lost"] == 0
    studio.nothing_is_left()
    assert studio.desk.one("select cause from calls")["cause"] == "bye"


@pytest.mark.long
@pytest.mark.parametrize("whose", ["caller", "agent"])
def test_a_phone_that_was_gone_before_is_found_out(studio: Studio, whose: str) -> None:
    caller, agent = studio.talk()
    gone, other = (caller, agent) if whose == "caller" else (agent, caller)
    (studio.caller if whose == "caller" else studio.agent).close()
    gone.on_offer = lambda _body: (481, b"")
    studio.strike()
    studio.restarted()
    assert other.ended.wait(15), "the new process has never heard the phone that is gone"
    assert other.ended_by == "remote"
    studio.nothing_is_left()
    record = studio.desk.one("select * from calls")
    assert (record["disposition"], record["cause"]) == ("answered", "gone")
    assert studio.desk.one("select state from agents")["state"] == "available"


@pytest.mark.long
def test_it_may_die_again_and_again(studio: Studio) -> None:
    caller, _agent = studio.talk()
    for count in range(1, 4):
        studio.strike()
        assert studio.restarted(count) == {"legs_reopened": 2, "legs_lost": 0}
        studio.hear_each_other()
    assert caller.hang_up()
    studio.nothing_is_left()


def strike_and_take(studio: Studio, port: int) -> RtpPhone:
    """Let the media process die, and another program have that port of it."""
    studio.strike()
    with gevent.Timeout(5, AssertionError("the port is not free")):
        while True:
            try:
                return RtpPhone(port=port)
            except OSError:
                gevent.sleep(0.001)


@pytest.mark.parametrize("whose", ["caller", "agent"])
def test_a_call_that_lost_a_leg_for_good_ends(studio: Studio, whose: str) -> None:
    caller, agent = studio.talk()
    port = (studio.caller if whose == "caller" else studio.agent).engine_port
    thief = strike_and_take(studio, port)
    try:
        assert studio.restarted() == {"legs_reopened": 1, "legs_lost": 1}
        for session in (caller, agent):
            assert session.ended.wait(5)
            assert session.ended_by == "remote"
    finally:
        thief.close()
    studio.nothing_is_left()
    record = studio.desk.one("select * from calls")
    assert (record["disposition"], record["cause"], record["hung_up_by"]) == (
        "answered",
        "no_media",
        "system",
    )


def test_a_caller_who_waits_and_lost_the_leg_for_good_is_told(studio: Studio) -> None:
    caller = studio.call()
    thief = strike_and_take(studio, studio.caller.engine_port)
    try:
        assert caller.ended.wait(10)
    finally:
        thief.close()
    studio.nothing_is_left()
    record = studio.desk.one("select * from calls")
    assert (record["disposition"], record["cause"]) == ("failed", "no_media")


def test_a_phone_that_rings_and_lost_its_leg_is_stopped_and_the_caller_is_offered_again(
    studio: Studio,
) -> None:
    scripts: list[Script] = [studio.pick_up, just_ring]
    alice = studio.desk.agent("alice", script=lambda session: scripts.pop()(session))
    caller = studio.call()
    ringing = alice.wait_for_call()
    thief = strike_and_take(studio, port_in(ringing.invite.body))
    try:
        assert ringing.ended.wait(10)
        alice.wait_for_call(2)
        studio.hear_each_other()
    finally:
        thief.close()
    assert caller.hang_up()
    studio.nothing_is_left()


@pytest.mark.long
def test_the_service_can_be_stopped_while_there_is_no_media_process(studio: Studio) -> None:
    caller, agent = studio.talk()
    studio.strike()
    gevent.sleep(0)
    with gevent.Timeout(15, AssertionError("it does not stop")):
        studio.center.stop()
    for session in (caller, agent):
        assert session.ended.wait(5)
