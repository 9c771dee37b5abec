"""A service that was killed while callers were told to wait, and not answered."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import pytest

from callengine.sip.outgoing_session import OutgoingSession
from tests.e2e.raw_sip import SDP, RawSip, header, status_of
from tests.fakes.phone import Phone, answer_now, just_ring
from tests.fakes.rtp_phone import RtpPhone, assert_one_stream, longest_gap
from tests.gevent.callcenter.conftest import Desk, wait_until
from tests.gevent.callcenter.test_answering import MODE, dial, told
from tests.gevent.service.test_crash_points import cancel_of
from tests.gevent.service.test_recovery import MakeServing, Serving, _end_media, own_ports, serving

__all__ = ["serving"]

EARLY_MEDIA_OR_LONG = ["early_media", pytest.param("with_agent", marks=pytest.mark.long)]
PROVISIONAL = {"early_media": (183, True), "with_agent": (180, False)}


@pytest.fixture
def ear() -> Iterator[RtpPhone]:
    """Where the caller's phone listens."""
    ear = RtpPhone()
    yield ear
    ear.close()


def waits(desk: Desk, ear: RtpPhone, mode: str) -> OutgoingSession:
    """A caller who was told to wait."""
    caller = dial(desk, ear)
    wait_until(lambda: told(caller) == [PROVISIONAL[mode]], "it is told to wait")
    return caller


def is_answered_by(alice: Phone, caller: OutgoingSession) -> None:
    """The agent talks with the caller, who hangs up."""
    agent = alice.wait_for_call()
    assert agent.confirmed.wait(8)
    assert caller.answered.wait(8)
    caller.acknowledge()
    gevent.sleep(0.2)
    assert caller.hang_up()
    assert agent.ended.wait(5)


def nothing_is_left(desk: Desk, disposition: str) -> None:
    """The call has ended so, and holds nothing."""
    desk.until("select disposition from calls", disposition)
    desk.until("select count(*) from legs where state <> 'ended'", 0)
    desk.until("select count(*) from agents where load <> 0", 0)
    assert desk.one("select depth from queues")["depth"] == 0


@pytest.mark.parametrize("mode", EARLY_MEDIA_OR_LONG)
def test_a_caller_who_waits_is_told_so_again_and_answered(
    serving: MakeServing, ear: RtpPhone, mode: str
) -> None:
    desk, service = serving("alice", **{MODE: mode})
    caller = waits(desk, ear, mode)
    service.kill()
    gevent.sleep(0.3)
    Serving(desk, into=service)
    wait_until(lambda: told(caller) == [PROVISIONAL[mode]] * 2, "it is told again, once")
    assert len({response.to.tag for response in caller.provisional}) == 1
    assert not caller.final.is_set()
    is_answered_by(desk.agent("alice"), caller)
    nothing_is_left(desk, "answered")
    if mode == "early_media":
        assert len(ear.heard) > 20
        assert_one_stream(ear.heard)
        assert longest_gap(ear.heard) < 0.06
    else:
        assert not ear.heard


@pytest.mark.parametrize("during", [True, False], ids=["while nobody listens", "afterwards"])
@pytest.mark.parametrize("mode", EARLY_MEDIA_OR_LONG)
def test_a_cancel_is_obeyed(serving: MakeServing, ear: RtpPhone, mode: str, during: bool) -> None:
    desk, service = serving("alice", **{MODE: mode})
    caller = waits(desk, ear, mode)
    service.kill()
    leaving = gevent.spawn(caller.hang_up) if during else None
    gevent.sleep(0.3)
    Serving(desk, into=service)
    leaving = leaving or gevent.spawn(caller.hang_up)
    assert leaving.get(timeout=10)
    assert caller.refused is not None
    assert caller.refused[0] == 487
    nothing_is_left(desk, "abandoned")
    assert desk.one("select answered_at from calls")["answered_at"] is None


def test_a_phone_that_repeats_its_invite_hears_the_same(serving: MakeServing) -> None:
    desk, service = serving(**{MODE: "with_agent"})
    with RawSip(f"127.0.0.1:{desk.settings.sip.port}") as phone:
        invite = phone.request("INVITE", "support", body=SDP.format(port=40004, formats="0"))
        phone.send(invite)
        first = phone.receive(5)
        while status_of(first) == 100:
            first = phone.receive(5)
        assert status_of(first) == 180
        service.kill()
        Serving(desk, into=service)
        assert phone.receive(10) == first, "the next process has told it again"
        phone.send(invite)
        assert phone.receive(5) == first
        phone.send(cancel_of(invite))
        heard = [phone.receive(5), phone.receive(5)]
        assert [(status_of(each), header(each or "", "CSeq")) for each in heard] == [
            (200, "1 CANCEL"),
            (487, "1 INVITE"),
        ]
        phone.acknowledge(invite, heard[1] or "")
    desk.until("select disposition from calls", "abandoned")


@pytest.mark.parametrize("mode", EARLY_MEDIA_OR_LONG)
def test_its_media_is_opened_again_and_it_is_not_asked_for_the_call(
    serving: MakeServing, ear: RtpPhone, mode: str
) -> None:
    desk, service = serving("alice", **{MODE: mode}, **own_ports())
    caller = waits(desk, ear, mode)
    service.kill()
    _end_media(desk)
    heard = len(ear.heard)
    Serving(desk, into=service)
    gevent.sleep(6.5)
    assert not caller.ended.is_set()
    assert (len(ear.heard) > heard + 50) == (mode == "early_media")
    is_answered_by(desk.agent("alice"), caller)
    nothing_is_left(desk, "answered")


def test_a_phone_that_rings_for_such_a_caller_rings_on(serving: MakeServing, ear: RtpPhone) -> None:
    desk, service = serving("alice", **{MODE: "with_agent"})
    alice = desk.agent("alice", script=just_ring)
    caller = waits(desk, ear, "with_agent")
    ringing = alice.wait_for_call()
    desk.until("select state from agents", "reserved")
    service.kill()
    Serving(desk, into=service)
    gevent.sleep(0.3)
    answer_now(ringing)
    assert ringing.confirmed.wait(5)
    assert caller.answered.wait(5)
    caller.acknowledge()
    assert caller.hang_up()
    assert ringing.ended.wait(5)
    nothing_is_left(desk, "answered")


@pytest.mark.long
def test_a_refusal_that_was_due_is_sent(serving: MakeServing, ear: RtpPhone) -> None:
    desk, service = serving("alice", **{MODE: "with_agent"})
    caller = waits(desk, ear, "with_agent")
    service.kill()
    desk.change("update legs set state = 'ending', end_cause = 'max_wait_time'")
    Serving(desk, into=service)
    assert caller.final.wait(10)
    assert caller.refused is not None
    assert caller.refused[0] == 480
    desk.until("select count(*) from legs where state <> 'ended'", 0)
