"""The service dies right after each commit of a call's life, before what was to follow, and starts again.

Judged from the phones' side: whoever still holds a dialog can talk and hang up, nobody is rung for nothing,
and in the end every record is complete and every agent free.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import gevent
import pytest

from callengine.sip.incoming_session import IncomingSession
from callengine.sip.outgoing_session import OutgoingSession
from tests.e2e.raw_sip import SDP, RawSip, header, status_of
from tests.fakes import warm
from tests.fakes.phone import Phone, answer, answer_now, just_ring
from tests.gevent.callcenter.conftest import Desk, wait_until
from tests.gevent.service.test_recovery import LeaveDesk, Serving, _end_media

DIES = """
import os
from callengine.db.committer import Committer

left = int(os.environ["CRASH_AT"])
commit = Committer._transact

def commit_and_die(committer, group):
    global left
    events = commit(committer, group)
    left -= any(event.call_id for event in events)
    if left == 0:
        os._exit(9)
    return events

Committer._transact = commit_and_die
"""
Life = Callable[[Desk, Phone], None]


class Mortal(Serving):
    """A service that dies right after its `count`-th commit that tells of a call."""

    def __init__(self, desk: Desk, count: int) -> None:
        environ = {key: value for key, value in os.environ.items() if not key.startswith("CALLENGINE_")}
        environ |= desk.environ | {"CRASH_AT": str(count)}
        self.process = warm.start("serve", environment=environ, before=DIES)
        wait_until(desk.answers, "the service answers")


MakeMortal = Callable[..., tuple[Desk, Mortal]]


@pytest.fixture
def mortal(make_desk: LeaveDesk) -> Iterator[MakeMortal]:
    """Makes a desk with alice, or with others, whose service will die."""
    with ExitStack() as started:

        def make(count: int, *agents: str, **variables: str) -> tuple[Desk, Mortal]:
            times = {"QUEUES__SUPPORT__RING_TIMEOUT_SECONDS": "2", "QUEUES__SUPPORT__WRAP_UP_SECONDS": "0.2"}
            desk = make_desk(*(agents or ("alice",)), open_now=False, **{**times, **variables})
            running = Mortal(desk, count)
            started.callback(partial(_end_media, desk))
            started.callback(running.close)
            return desk, running

        yield make


def dial(desk: Desk) -> OutgoingSession:
    """A call that is answered at last, however often the INVITE has to be repeated."""
    caller = desk.phone().dial("support")
    assert caller.final.wait(20)
    assert caller.answered.is_set()
    caller.acknowledge()
    return caller


def talks(phone: Phone) -> IncomingSession:
    """The call of the phone that is confirmed and goes on."""
    wait_until(lambda: any(one.confirmed.is_set() for one in phone.calls), "somebody talks")
    return next(one for one in phone.calls if one.confirmed.is_set())


def hang_up(session: OutgoingSession | IncomingSession) -> None:
    """BYE, until it is confirmed."""
    assert session.hang_up(timeout=20, attempts=1)


def answered(desk: Desk, alice: Phone) -> None:
    caller = dial(desk)
    talks(alice)
    gevent.sleep(0.1)
    hang_up(caller)


def hung_up_by_the_agent(desk: Desk, alice: Phone) -> None:
    caller = dial(desk)
    agent = talks(alice)
    gevent.sleep(0.1)
    hang_up(agent)
    assert caller.ended.wait(20)


def refused_first(desk: Desk, alice: Phone) -> None:
    def refuse_once(session: IncomingSession) -> None:
        alice.script = answer
        session.reject(486)

    alice.script = refuse_once
    answered(desk, alice)


def given_up_while_it_rings(desk: Desk, alice: Phone) -> None:
    alice.script = just_ring
    caller = dial(desk)
    wait_until(lambda: bool(alice.calls), "the phone rings")
    gevent.sleep(0.2)
    hang_up(caller)


def answered_late(desk: Desk, alice: Phone) -> None:
    def answer_in_a_second(session: IncomingSession) -> None:
        session.ring()
        gevent.sleep(1.0)
        if not session.ended.is_set():
            answer_now(session)

    alice.script = answer_in_a_second
    answered(desk, alice)


def points(life: Callable[..., None], counts: range, *, long: bool = True) -> list[object]:
    """One case for each commit; those that show nothing that others do not are for `--long`."""
    return [pytest.param(life, count, marks=pytest.mark.long if long else ()) for count in counts]


@pytest.mark.parametrize(
    ("life", "count"),
    [
        *points(answered, range(2, 5, 2), long=False),
        *points(refused_first, range(3, 4), long=False),
        *points(given_up_while_it_rings, range(3, 4), long=False),
        *points(answered, range(1, 6, 2)),
        *points(refused_first, range(4, 8)),
        *points(given_up_while_it_rings, range(4, 5)),
        *points(hung_up_by_the_agent, range(4, 6)),
        *points(answered_late, range(2, 4)),
    ],
)
def test_nobody_is_lost_whenever_it_dies(mortal: MakeMortal, life: Life, count: int) -> None:
    desk, service = mortal(count)
    alice = desk.agent("alice")
    living = gevent.spawn(life, desk, alice)
    assert service.process.wait(20) == 9, "this life has fewer commits"
    Serving(desk, into=service)
    living.get(timeout=40)
    nothing_is_left(desk, alice)


def nothing_is_left(desk: Desk, *agents: Phone) -> None:
    """Every phone is quiet, the record is complete, and every agent is free."""
    for session in [session for phone in agents for session in phone.calls]:
        assert session.ended.wait(10), "the phone holds a dialog that nobody knows"
    desk.until("select count(*) from calls where state <> 'ended'", 0)
    # A phone that has sent its 487 to the process that died sends none again: then 64*T1 are waited for.
    desk.until("select count(*) from legs where state <> 'ended'", 0, seconds=45)
    desk.until("select count(*) from agents where state <> 'available' or load <> 0", 0)
    (record,) = desk.rows("select * from calls")
    assert record["ended_at"] is not None
    assert record["disposition"] in ("answered", "abandoned")
    assert desk.one("select depth from queues")["depth"] == 0
    assert not desk.rows("select 1 from queue_entries where state in ('waiting', 'offered')")
    assert not desk.rows("select 1 from offers where state in ('ringing', 'connected')")


@pytest.fixture
def ghost(mortal: MakeMortal) -> Iterator[tuple[Desk, RawSip, str]]:
    """A caller who does not repeat its INVITE, since it has had a 100; its 200 died with the service."""
    desk, service = mortal(1)
    with RawSip(f"127.0.0.1:{desk.settings.sip.port}") as phone:
        invite = phone.request("INVITE", "support", body=SDP.format(port=40004, formats="0"))
        phone.send(invite)
        assert service.process.wait(20) == 9
        Serving(desk, into=service)
        yield desk, phone, invite


@pytest.mark.long
def test_a_caller_who_never_had_its_200_gets_it_until_it_acknowledges(
    ghost: tuple[Desk, RawSip, str],
) -> None:
    desk, phone, invite = ghost
    answers = [phone.receive(15) for _ in range(3)]
    assert [status_of(answer) for answer in answers] == [200] * 3
    assert len(set(answers)) == 1
    (answer,) = set(answers)
    assert answer is not None
    phone.send(within("ACK", invite, answer, cseq=1))
    while phone.receive(1.0) is not None:
        pass
    assert phone.receive(3.0) is None, "it is repeated although it was acknowledged"
    assert status_of(phone.final_response(within("BYE", invite, answer, cseq=2))) == 200
    desk.until("select disposition from calls", "abandoned")
    desk.until("select count(*) from legs where state <> 'ended'", 0)


def final_of(phone: RawSip) -> str | None:
    """The next that is no 100, which a busy service sends before it answers."""
    while True:
        heard = phone.receive(15)
        if status_of(heard) != 100:
            return heard


def test_a_caller_who_gives_up_without_its_200_gets_it_and_hangs_up(ghost: tuple[Desk, RawSip, str]) -> None:
    desk, phone, invite = ghost
    phone.send(cancel_of(invite))
    heard = [final_of(phone) for _ in range(3)]
    assert [status_of(each) for each in heard] == [200] * 3
    of_cancel = [each for each in heard if each and header(each, "CSeq") == "1 CANCEL"]
    of_invite = [each for each in heard if each and header(each, "CSeq") == "1 INVITE"]
    assert len(of_cancel) == 1
    phone.send(within("ACK", invite, of_invite[0], cseq=1))
    phone.send(within("BYE", invite, of_invite[0], cseq=2))
    desk.until("select disposition from calls", "abandoned")
    desk.until("select count(*) from legs where state <> 'ended'", 0)
    assert desk.one("select depth from queues")["depth"] == 0


def cancel_of(invite: str) -> str:
    """The CANCEL of an INVITE (RFC 3261 9.1)."""
    start, *lines = invite.split("\r\n\r\n")[0].split("\r\n")
    names = ("Via:", "From:", "To:", "Call-ID:", "Max-Forwards:")
    kept = [line for line in lines if line.startswith(names)]
    start = start.replace("INVITE", "CANCEL", 1)
    return "\r\n".join([start, *kept, "CSeq: 1 CANCEL", "Content-Length: 0", "", ""])


def within(method: str, invite: str, answer: str, *, cseq: int) -> str:
    """A request of the caller's in the dialog of its INVITE and the answer to it."""
    contact = header(answer, "Contact").strip("<>")
    kept = [line for line in invite.split("\r\n") if line.startswith(("From:", "Call-ID:", "Max-Forwards:"))]
    via = header(invite, "Via").split(";")[0] + f";branch=z9hG4bK{method.lower()}{cseq}"
    lines = [f"{method} {contact} SIP/2.0", f"Via: {via}", *kept, f"To: {header(answer, 'To')}"]
    return "\r\n".join([*lines, f"CSeq: {cseq} {method}", "Content-Length: 0", "", ""])
