"""A service that was killed: what a later process can do from the rows alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest

from callengine.assembly import Parts, assemble
from callengine.callcenter.calls import Call
from callengine.clock import SystemClock
from callengine.media.process import MediaProcess
from tests.fakes.phone import just_ring
from tests.gevent.callcenter.conftest import Desk, wait_until

LeaveDesk = Callable[..., Desk]


class Serving:
    """The real `callengine serve` on a desk's settings, and its media process."""

    def __init__(self, desk: Desk) -> None:
        environ = {key: value for key, value in os.environ.items() if not key.startswith("CALLENGINE_")}
        command = [sys.executable, "-m", "callengine", "serve"]
        self.process = subprocess.Popen(command, env={**environ, **desk.environ}, stderr=subprocess.DEVNULL)
        wait_until(desk.answers, "the service answers")

    def kill(self) -> None:
        """As the kernel would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        """End what is left."""
        if self.process.poll() is None:
            self.kill()


@pytest.fixture
def serving(make_desk: LeaveDesk) -> Iterator[Callable[..., tuple[Desk, Serving]]]:
    """Makes a desk whose call center is a process of its own."""
    with ExitStack() as started:

        def make(*agents: str, **variables: str) -> tuple[Desk, Serving]:
            desk = make_desk(*agents, open_now=False, **variables)
            running = Serving(desk)
            started.callback(partial(_end_media, desk))
            started.callback(running.close)
            return desk, running

        yield make


def _end_media(desk: Desk) -> None:
    """Take over the media process that was left, and end it."""
    process = MediaProcess(
        [sys.executable, "-m", "callengine", "media", "--socket", desk.settings.media.socket],
        socket_path=desk.settings.media.socket,
    )
    process.start()
    process.stop()


@contextmanager
def next_process(desk: Desk) -> Iterator[Parts]:
    """The parts of a service that starts after the one that was killed, before it ends any call."""
    with ExitStack() as opened:
        yield assemble(desk.settings, SystemClock(), opened)


def call_from_rows(desk: Desk, parts: Parts) -> Call:
    """The only call, made of nothing but what the database holds."""
    call = parts.recovery.call_of(desk.one("select id from calls")["id"])
    assert call is not None
    return call


def test_the_two_byes_are_built_from_the_rows(serving: Callable[..., tuple[Desk, Serving]]) -> None:
    desk, service = serving("alice")
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    agent = alice.wait_for_call()
    agent.confirmed.wait(5)
    desk.until("select state from calls", "connected")
    service.kill()
    with next_process(desk) as parts:
        call = call_from_rows(desk, parts)
        assert call.offer is not None
        assert call.offer.answered is not None
        for leg in (call.caller, call.offer.answered):
            assert leg.session.hang_up(timeout=2, attempts=1)
    for session in (caller, agent):
        assert session.ended.wait(5)
        assert (session.ended_by, session.end_cause) == ("remote", "bye")


def test_talking_is_entered_from_the_rows(serving: Callable[..., tuple[Desk, Serving]]) -> None:
    desk, service = serving("alice")
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    desk.until("select state from calls", "connected")
    service.kill()
    with next_process(desk) as parts:
        assert len(parts.base.media.list()) == 2
        parts.inbound.go_on(call_from_rows(desk, parts))
        assert caller.hang_up()
        assert alice.calls[0].ended.wait(5)
        desk.until("select state from agents", "available")
    record = desk.one("select * from calls")
    assert (record["disposition"], record["hung_up_by"]) == ("answered", "caller")
    assert record["talk_seconds"] == pytest.approx(record["ended_at"] - record["connected_at"], abs=0.01)


def test_waiting_is_entered_from_the_rows(serving: Callable[..., tuple[Desk, Serving]]) -> None:
    desk, service = serving("alice")
    caller = desk.phone().call("support")
    arrived = desk.one("select first_arrived_at as at from queue_entries")["at"]
    service.kill()
    with next_process(desk) as parts:
        parts.inbound.go_on(call_from_rows(desk, parts))
        alice = desk.agent("alice")
        alice.wait_for_call().confirmed.wait(5)
        assert caller.hang_up()
        desk.until("select state from agents", "available")
    entry = desk.one("select * from queue_entries")
    assert (entry["state"], entry["first_arrived_at"]) == ("connected", arrived)


def test_a_start_ends_what_the_run_before_has_left(serving: Callable[..., tuple[Desk, Serving]]) -> None:
    desk, service = serving("alice")
    alice = desk.agent("alice")
    talking, waiting = (desk.phone().call("support") for _ in range(2))
    agent = alice.wait_for_call()
    agent.confirmed.wait(5)
    desk.until("select count(*) from calls where state = 'connected'", 1)
    service.kill()
    again = Serving(desk)
    for session in (talking, waiting, agent):
        assert session.ended.wait(5)
        assert session.ended_by == "remote"
    desk.until("select count(*) from legs where state <> 'ended'", 0)
    desk.until("select state from agents", "available")
    causes = desk.rows("select disposition, cause, hung_up_by from calls")
    assert [tuple(row.values()) for row in causes] == [("failed", "service_restarted", "system")] * 2
    assert desk.one("select depth from queues")["depth"] == 0
    later = desk.phone().call("support")
    alice.wait_for_call(2).confirmed.wait(5)
    later.hang_up()
    again.close()


def test_a_start_frees_the_agent_whose_phone_rang(serving: Callable[..., tuple[Desk, Serving]]) -> None:
    desk, service = serving("alice")
    alice = desk.agent("alice", script=just_ring)
    caller = desk.phone().call("support")
    alice.wait_for_call()
    desk.until("select state from agents", "reserved")
    service.kill()
    again = Serving(desk)
    assert caller.ended.wait(5)
    desk.until("select state from agents", "available")
    desk.until("select count(*) from legs where state <> 'ended'", 0)
    assert desk.one("select load from agents")["load"] == 0
    assert desk.one("select state from offers")["state"] == "withdrawn"
    again.close()


def test_a_stop_is_not_held_up_by_a_phone_that_confirms_nothing(
    serving: Callable[..., tuple[Desk, Serving]],
) -> None:
    desk, service = serving("alice", GENERAL__DRAIN_SECONDS="0")
    caller = desk.phone().dial("support")
    assert caller.final.wait(5)
    caller.endpoint.stop()
    service.process.terminate()
    assert service.process.wait(20) == 0
