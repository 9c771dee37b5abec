"""The service is killed in every moment of a call, with real phones, and started again: nobody loses a call.

Each case looks at one phone, the caller's or the agent's; the other one is a softphone over UDP. What SIPp's
own client cannot do is not in its row: be an agent, ring, or change its session. It sends no audio.

A request that goes to nobody over TCP is lost, and its phone knows that at once: whoever hangs up takes the
call for over, whoever changes the session goes on as before. The service finds the silent phone gone when it
asks it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.outage import SOFTPHONE, Make, Outage
from tests.e2e.real_phones import Deed, Plan

pytestmark = pytest.mark.timeout(240)

SOFTPHONE_TCP = Make("softphone", "tcp")
BARESIP, BARESIP_TCP = Make("baresip"), Make("baresip", "tcp")
SIPP = Make("sipp")


@dataclass(frozen=True)
class Ending:
    """How a call is to end."""

    disposition: str
    ender: str
    """Whose phone hangs up; the other one must see a BYE or a CANCEL."""
    hung_up_by: str | None = None
    """What the record says of that, if not the same."""


Moment = Callable[[Outage], Ending]
"""Brings the call to its moment, kills, starts again, and has the call ended unless it is over."""


def waiting(outage: Outage) -> Ending:
    outage.call()
    outage.wait_until("queued")
    outage.service.kill()
    time.sleep(1)
    outage.service.serve()
    outage.wait_until("queued")
    agent = outage.sign_on()
    outage.wait_until("connected")
    agent.wait("talks")
    time.sleep(1)
    agent.do(Deed.HANG_UP)
    return Ending("answered", "agent")


def ringing_answered_meanwhile(outage: Outage) -> Ending:
    agent = outage.sign_on(Plan(Deed.ANSWER))
    outage.call()
    agent.wait("rings")
    outage.service.kill()
    agent.do(Deed.ANSWER)
    outage.service.serve()
    outage.wait_until("connected")
    agent.wait("talks")
    time.sleep(2)
    outage.partner.do(Deed.HANG_UP)
    return Ending("answered", outage.parties[1])


def ringing_given_up_meanwhile(outage: Outage) -> Ending:
    agent = outage.sign_on(Plan(Deed.ANSWER, 60))
    caller = outage.call(Plan(Deed.HANG_UP))
    agent.wait("rings")
    outage.service.kill()
    caller.do(Deed.HANG_UP)
    outage.service.serve()
    if outage.is_nobody_left:
        return Ending("failed", "caller", "system")
    return Ending("abandoned", "caller")


def _talk_until_it_dies(outage: Outage, plan: Plan | None = None) -> None:
    """`plan` is that of the phone that is looked at."""
    caller_plan, agent_plan = (None, plan) if outage.parties[0] == "agent" else (plan, None)
    agent = outage.sign_on(agent_plan)
    outage.call(caller_plan)
    outage.wait_until("connected")
    agent.wait("talks")
    time.sleep(0.5)
    outage.service.kill()


def talking_then_hung_up_on(outage: Outage) -> Ending:
    _talk_until_it_dies(outage)
    time.sleep(1)
    outage.service.serve()
    outage.wait_until("connected")
    time.sleep(1)
    outage.partner.do(Deed.HANG_UP)
    return Ending("answered", outage.parties[1])


def talking_then_hangs_up(outage: Outage) -> Ending:
    _talk_until_it_dies(outage)
    time.sleep(1)
    outage.service.serve()
    outage.wait_until("connected")
    time.sleep(1)
    outage.subject.do(Deed.HANG_UP)
    return Ending("answered", outage.parties[0])


def bye_in_flight(outage: Outage) -> Ending:
    _talk_until_it_dies(outage, Plan(Deed.HANG_UP))
    outage.subject.do(Deed.HANG_UP)
    outage.service.serve()
    return Ending("answered", outage.parties[0], "system" if outage.is_nobody_left else None)


def reinvite_in_flight(outage: Outage) -> Ending:
    _talk_until_it_dies(outage, Plan(Deed.HOLD))
    outage.subject.do(Deed.HOLD)
    outage.service.serve()
    if outage.repeats_requests:
        outage.subject.wait("holds")
    else:
        time.sleep(2)
    outage.partner.do(Deed.HANG_UP)
    return Ending("answered", outage.parties[1])


_OF_BOTH: tuple[Moment, ...] = (
    ringing_answered_meanwhile,
    ringing_given_up_meanwhile,
    talking_then_hung_up_on,
    talking_then_hangs_up,
    bye_in_flight,
    reinvite_in_flight,
)
_IN_EVERY_RUN: set[tuple[Moment, Make, bool]] = {
    (ringing_answered_meanwhile, BARESIP_TCP, True),
    (bye_in_flight, SIPP, False),
}


def _cases() -> Iterable[object]:
    """Each moment with each phone that can come into it; most of them only with `--long`."""
    for make in (SOFTPHONE, SOFTPHONE_TCP, BARESIP, BARESIP_TCP, SIPP):
        for is_agent in (False, True):
            moments: tuple[Moment, ...] = _OF_BOTH if is_agent else (waiting, *_OF_BOTH)
            if make is SIPP:
                moments = () if is_agent else moments[:-1]
            for moment in moments:
                is_long = (moment, make, is_agent) not in _IN_EVERY_RUN
                name = f"{moment.__name__}-{make}-{'agent' if is_agent else 'caller'}"
                yield pytest.param(moment, make, is_agent, id=name, marks=pytest.mark.long if is_long else ())


@pytest.mark.parametrize(("moment", "make", "is_agent"), list(_cases()))
def test_nobody_loses_a_call_when_the_service_is_killed(
    tmp_path: Path, moment: Moment, make: Make, is_agent: bool
) -> None:
    with Outage(tmp_path, make, is_agent=is_agent) as outage:
        ending = moment(outage)
        record = outage.wait_until_over()
        assert (record.disposition, record.hung_up_by) == (
            ending.disposition,
            ending.hung_up_by or ending.ender,
        )
        assert outage.caller.complaints() == []
        assert outage.agent.complaints() == []
        # Who holds hears nothing, and is not always heard; nor is who is gone, or SIPp.
        if moment is not reinvite_in_flight:
            assert outage.subject.complaints_of_audio() == []
            if moment is not bye_in_flight and make is not SIPP:
                assert outage.partner.complaints_of_audio() == []
        phones = {"caller": outage.caller, "agent": outage.agent}
        assert [party for party, phone in phones.items() if phone.was_hung_up_on()] == [
            party for party in phones if party != ending.ender
        ]
        (trouble,) = outage.service.trouble()
        assert "1 calls of an earlier run, which was cut short, go on" in trouble
