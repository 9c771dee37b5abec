"""A service that was killed and started again: calls go on from the rows alone."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import gevent
import pytest

from callengine.api import control
from callengine.app import CallCenter
from callengine.assembly import Parts, assemble
from callengine.callcenter.calls import Call
from callengine.clock import SystemClock
from callengine.errors import CallCenterError
from callengine.media.process import MediaProcess
from callengine.sip.answered_session import AnsweredSession
from callengine.sip.incoming_session import IncomingSession
from callengine.sip.outgoing_session import OutgoingSession
from tests.e2e.ports import free_udp_range
from tests.e2e.service import is_alive
from tests.fakes import warm
from tests.fakes.phone import Phone, answer, answer_now, just_ring
from tests.gevent.callcenter.conftest import Desk, wait_until

LeaveDesk = Callable[..., Desk]


class Serving:
    """The real `callengine serve` on a desk's settings, and its media process."""

    def __init__(self, desk: Desk, *, into: Serving | None = None) -> None:
        """With `into` it takes the place of one that was killed, and is ended with it."""
        environ = {key: value for key, value in os.environ.items() if not key.startswith("CALLENGINE_")}
        self.process = warm.start("serve", environment=environ | desk.environ)
        if into is not None:
            into.process = self.process
        wait_until(desk.answers, "the service answers")

    def kill(self) -> None:
        """As the kernel would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        """End what is left."""
        if self.process.poll() is None:
            self.kill()


MakeServing = Callable[..., tuple[Desk, Serving]]


@pytest.fixture
def serving(make_desk: LeaveDesk) -> Iterator[MakeServing]:
    """Makes a desk whose call center is a process of its own."""
    with ExitStack() as started:

        def make(*agents: str, **variables: str) -> tuple[Desk, Serving]:
            desk = make_desk(*agents, open_now=False, **variables)
            running = Serving(desk)
            started.callback(partial(_end_media, desk))
            started.callback(running.close)
            return desk, running

        yield make


def own_ports() -> dict[str, str]:
    """The settings of a media process whose ports stay free when it is gone."""
    first, last = free_udp_range(20)
    return {"MEDIA__PORT_FIRST": str(first), "MEDIA__PORT_LAST": str(last)}


def _end_media(desk: Desk) -> None:
    """Take over the media process that was left, and end it."""
    process = MediaProcess(
        [sys.executable, "-m", "callengine", "media", "--socket", desk.settings.media.socket],
        socket_path=desk.settings.media.socket,
    )
    process.start()
    process.stop()
    wait_until(lambda: not is_alive(process.pid), "the media process is gone, and its ports are free")


@contextmanager
def next_process(desk: Desk) -> Iterator[Parts]:
    """The parts of a service that starts after the one that was killed; nothing of it goes on yet."""
    with ExitStack() as opened:
        parts = assemble(desk.settings, SystemClock(), opened)
        parts.recovery.take_up()
        parts.base.endpoint.start()
        opened.callback(parts.base.endpoint.stop)
        yield parts


def the_call(parts: Parts) -> Call:
    """The only call, made of nothing but what the database holds."""
    (call,) = parts.recovery.calls
    return call


def talk(desk: Desk) -> tuple[Phone, OutgoingSession, IncomingSession]:
    """Alice's phone, the caller's session, and that of alice who talks with it."""
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    agent = alice.wait_for_call()
    agent.confirmed.wait(5)
    desk.until("select state from calls", "connected")
    return alice, caller, agent


def test_the_two_byes_are_built_from_the_rows(serving: MakeServing) -> None:
    desk, service = serving("alice")
    _alice, caller, agent = talk(desk)
    service.kill()
    with next_process(desk) as parts:
        call = the_call(parts)
        assert call.answered_by is not None
        for leg in (call.caller, call.answered_by):
            assert leg.session.hang_up(timeout=2, attempts=1)
    for session in (caller, agent):
        assert session.ended.wait(5)
        assert (session.ended_by, session.end_cause) == ("remote", "bye")


@pytest.mark.long
def test_nothing_is_sent_until_it_goes_on(serving: MakeServing) -> None:
    desk, service = serving("alice")
    _alice, caller, agent = talk(desk)
    service.kill()
    with next_process(desk) as parts:
        gevent.sleep(0.3)
        assert parts.base.endpoint.transaction_count() == 1, "the caller's INVITE, for its CANCEL"
        assert parts.base.endpoint.counts.retransmissions_sent == 0
        assert len(parts.base.media.list()) == 2
        assert not caller.ended.is_set()
        assert not agent.ended.is_set()


@pytest.mark.parametrize(
    ("change", "is_in_doubt"),
    [
        ("answered_at = answered_at", True),
        ("answered_at = answered_at - 40", False),
        pytest.param("remote_cseq = remote_cseq + 1", False, marks=pytest.mark.long),
    ],
)
def test_only_an_answer_of_the_last_32_seconds_is_in_doubt(
    serving: MakeServing, change: str, is_in_doubt: bool
) -> None:
    desk, service = serving()
    desk.phone().call("support")
    desk.until("select state from calls", "queued")
    service.kill()
    desk.change(f"update legs set {change}")
    with next_process(desk) as parts:
        assert isinstance(the_call(parts).caller.session, AnsweredSession) is is_in_doubt


@pytest.mark.parametrize(
    "kind", [socket.SOCK_DGRAM, pytest.param(socket.SOCK_STREAM, marks=pytest.mark.long)]
)
def test_a_start_without_its_port_leaves_the_database_as_it_was(serving: MakeServing, kind: int) -> None:
    desk, service = serving("alice")
    talk(desk)
    service.kill()
    left = [desk.rows(f"select * from {table}") for table in ("event_log", "calls", "legs", "queue_entries")]
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", desk.settings.sip.port))
        other.listen() if kind == socket.SOCK_STREAM else None
        with pytest.raises(CallCenterError, match=r"sip\.port"):
            CallCenter(desk.settings).start()
    after = [desk.rows(f"select * from {table}") for table in ("event_log", "calls", "legs", "queue_entries")]
    assert after == left


@pytest.mark.parametrize("by", ["caller", pytest.param("agent", marks=pytest.mark.long)])
def test_talking_goes_on_and_is_ended_from_either_side(serving: MakeServing, by: str) -> None:
    desk, service = serving("alice")
    alice, caller, agent = talk(desk)
    service.kill()
    Serving(desk, into=service)
    gevent.sleep(0.3)
    assert not caller.ended.is_set()
    assert not agent.ended.is_set()
    first, other = (caller, agent) if by == "caller" else (agent, caller)
    assert first.hang_up()
    assert other.ended.wait(5)
    desk.until("select state from agents", "available")
    record = desk.one("select * from calls")
    assert (record["disposition"], record["hung_up_by"]) == ("answered", by)
    assert record["talk_seconds"] == pytest.approx(record["ended_at"] - record["connected_at"], abs=0.01)
    (told,) = desk.rows("select payload from event_log where type = 'service_recovered'")
    assert json.loads(told["payload"])["calls"] == 1
    desk.until("select count(*) from legs where state <> 'ended'", 0)
    assert desk.agent_is_free_for_another(alice)


@pytest.mark.long
def test_a_bye_that_nobody_heard_is_answered_when_it_is_repeated(serving: MakeServing) -> None:
    desk, service = serving("alice")
    _alice, caller, agent = talk(desk)
    service.kill()
    leaving = gevent.spawn(caller.hang_up)
    gevent.sleep(0.3)
    Serving(desk, into=service)
    assert leaving.get(timeout=10)
    assert agent.ended.wait(5)
    desk.until("select hung_up_by from calls", "caller")


def test_callers_are_back_in_line_in_their_order(serving: MakeServing) -> None:
    desk, service = serving("alice")
    callers = [desk.phone().call("support") for _ in range(3)]
    before = desk.rows(PLACES)
    service.kill()
    Serving(desk, into=service)
    assert desk.rows(PLACES) == before
    alice = desk.agent("alice")
    for number, caller in enumerate(callers, 1):
        agent = alice.wait_for_call(number)
        agent.confirmed.wait(5)
        served = desk.rows("select entry_id from offers order by offered_at")
        assert [row["entry_id"] for row in served] == [row["id"] for row in before[:number]]
        caller.hang_up()
    desk.until("select count(*) from calls where disposition = 'answered'", 3)


PLACES = "select id, state, first_arrived_at, expires_at from queue_entries order by first_arrived_at"


@pytest.mark.long
def test_a_caller_who_left_meanwhile_is_abandoned(serving: MakeServing) -> None:
    desk, service = serving("alice")
    caller = desk.phone().call("support")
    service.kill()
    leaving = gevent.spawn(caller.hang_up)
    gevent.sleep(0.3)
    Serving(desk, into=service)
    assert leaving.get(timeout=10)
    desk.until("select disposition from calls", "abandoned")
    assert desk.one("select depth from queues")["depth"] == 0


def test_a_phone_that_rings_rings_on_and_can_be_answered(serving: MakeServing) -> None:
    desk, service = serving("alice")
    alice = desk.agent("alice", script=just_ring)
    caller = desk.phone().call("support")
    ringing = alice.wait_for_call()
    desk.until("select state from agents", "reserved")
    service.kill()
    Serving(desk, into=service)
    gevent.sleep(0.3)
    assert not ringing.ended.is_set()
    answer_now(ringing)
    assert ringing.confirmed.wait(5)
    desk.until("select state from calls", "connected")
    assert len(alice.calls) == 1
    assert caller.hang_up()
    assert ringing.ended.wait(5)
    desk.until("select state from agents", "available")


@pytest.mark.long
def test_a_phone_that_answered_meanwhile_is_joined(serving: MakeServing) -> None:
    desk, service = serving("alice")
    alice = desk.agent("alice", script=just_ring)
    caller = desk.phone().call("support")
    ringing = alice.wait_for_call()
    desk.until("select state from agents", "reserved")
    service.kill()
    answer_now(ringing)
    gevent.sleep(0.3)
    Serving(desk, into=service)
    assert ringing.confirmed.wait(8)
    desk.until("select state from calls", "connected")
    assert caller.hang_up()
    assert ringing.ended.wait(5)


@pytest.mark.long
def test_a_phone_that_refused_meanwhile_costs_the_caller_no_place(serving: MakeServing) -> None:
    desk, service = serving("alice")
    alice = desk.agent("alice", script=just_ring)
    caller = desk.phone().call("support")
    ringing = alice.wait_for_call()
    desk.until("select state from agents", "reserved")
    service.kill()
    ringing.reject(486)
    alice.script = answer
    Serving(desk, into=service)
    assert alice.wait_for_call(2).confirmed.wait(8)
    assert caller.hang_up()
    states = desk.rows("select state from offers order by offered_at")
    assert states[0]["state"] == "busy"


@pytest.mark.long
def test_a_caller_who_gives_up_while_the_phone_rings_stops_it(serving: MakeServing) -> None:
    desk, service = serving("alice")
    alice = desk.agent("alice", script=just_ring)
    caller = desk.phone().call("support")
    ringing = alice.wait_for_call()
    desk.until("select state from agents", "reserved")
    service.kill()
    leaving = gevent.spawn(caller.hang_up)
    gevent.sleep(0.3)
    Serving(desk, into=service)
    assert leaving.get(timeout=10)
    assert ringing.ended.wait(5)
    assert ringing.end_cause == "cancelled"
    desk.until("select state from agents", "available")
    desk.until("select disposition from calls", "abandoned")
    desk.until("select count(*) from legs where state <> 'ended'", 0)


def test_calls_whose_media_is_gone_too_go_on_if_the_silent_phones_know_them(serving: MakeServing) -> None:
    desk, service = serving("alice", **own_ports())
    alice, caller, agent = talk(desk)
    waiting = desk.phone().call("support")
    asked = [note_offers(session) for session in (caller, agent, waiting)]
    service.kill()
    _end_media(desk)
    Serving(desk, into=service)
    gevent.sleep(1)
    assert asked == [[], [], []], "nothing is sent at first"
    wait_until(lambda: all(asked), "every silent phone is asked")
    gevent.sleep(0.5)
    for session, offers in zip((caller, agent, waiting), asked, strict=True):
        assert offers == [session.remote_body], "unchanged, and once"
        assert not session.ended.is_set()
    assert control.ask(Path(desk.settings.general.control_socket), "/api/v1/status")["legs"] == 3
    assert caller.hang_up()
    assert agent.ended.wait(5)
    assert alice.wait_for_call(2).confirmed.wait(5)
    assert waiting.hang_up()
    desk.until("select count(*) from calls where cause = 'bye' and disposition = 'answered'", 2)
    desk.until("select count(*) from legs where state <> 'ended'", 0)


@pytest.mark.long
def test_what_a_silent_phone_changes_when_it_is_asked_is_taken_over(serving: MakeServing) -> None:
    desk, service = serving("alice", **own_ports())
    _alice, caller, agent = talk(desk)
    agent.on_offer = lambda _body: (200, agent.local_body.replace(b"m=audio 40000", b"m=audio 40010"))
    service.kill()
    _end_media(desk)
    Serving(desk, into=service)
    desk.until("select remote_media_port from legs where role = 'agent'", 40010)
    assert not agent.ended.is_set()
    assert caller.hang_up()
    assert agent.ended.wait(5)


@pytest.mark.long
def test_calls_whose_media_is_gone_too_end_if_a_phone_has_gone_as_well(serving: MakeServing) -> None:
    desk, service = serving("alice", **own_ports())
    _alice, caller, agent = talk(desk)
    waiting = desk.phone().call("support")
    for session in (caller, waiting):
        session.on_offer = lambda _body: (481, b"")
    service.kill()
    _end_media(desk)
    Serving(desk, into=service)
    assert agent.ended.wait(10)
    assert agent.ended_by == "remote"
    desk.until("select count(*) from calls where cause = 'gone'", 2)
    desk.until("select state from agents", "available")
    desk.until("select count(*) from legs where state <> 'ended'", 0)
    assert desk.one("select depth from queues")["depth"] == 0


def test_a_call_whose_media_port_is_taken_meanwhile_is_ended(serving: MakeServing) -> None:
    desk, service = serving("alice", **own_ports())
    _alice, caller, agent = talk(desk)
    port = desk.one("select media_port from legs where role = 'caller'")["media_port"]
    service.kill()
    _end_media(desk)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief:
        thief.bind(("127.0.0.1", port))
        Serving(desk, into=service)
        for session in (caller, agent):
            assert session.ended.wait(5)
            assert session.ended_by == "remote"
    desk.until("select count(*) from calls where cause = 'no_media' and disposition = 'failed'", 1)
    desk.until("select state from agents", "available")
    desk.until("select count(*) from legs where state <> 'ended'", 0)


def note_offers(session: IncomingSession | OutgoingSession) -> list[bytes]:
    """What the phone is offered within its call from now on; it agrees."""
    offers: list[bytes] = []

    def take(body: bytes) -> tuple[int, bytes]:
        offers.append(body)
        return 200, session.local_body

    session.on_offer = take
    return offers


@pytest.mark.long
def test_a_bye_that_was_due_is_sent(serving: MakeServing) -> None:
    desk, service = serving("alice", GENERAL__BYE_RACE_DELAY_MS="2000")
    _alice, caller, agent = talk(desk)
    caller.hang_up()
    desk.until("select state from calls", "ended")
    assert not agent.ended.is_set()
    service.kill()
    Serving(desk, into=service)
    assert agent.ended.wait(5)
    desk.until("select state from agents", "available")
    desk.until("select count(*) from legs where state <> 'ended'", 0)


def test_a_wrap_up_is_granted_although_the_bye_came_late(serving: MakeServing) -> None:
    slow = {"GENERAL__BYE_RACE_DELAY_MS": "2000", "QUEUES__SUPPORT__WRAP_UP_SECONDS": "60"}
    desk, service = serving("alice", **slow)
    _alice, caller, agent = talk(desk)
    caller.hang_up()
    desk.until("select state from calls", "ended")
    service.kill()
    Serving(desk, into=service)
    assert agent.ended.wait(5)
    desk.until("select state from agents", "wrap_up")


@pytest.mark.long
def test_a_stop_is_not_held_up_by_a_phone_that_confirms_nothing(serving: MakeServing) -> None:
    desk, service = serving("alice", GENERAL__DRAIN_SECONDS="0")
    caller = desk.phone().dial("support")
    assert caller.final.wait(5)
    caller.endpoint.stop()
    service.process.terminate()
    assert service.process.wait(20) == 0
