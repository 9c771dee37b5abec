"""The heartbeat: who is asked, who counts as gone, and what follows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import gevent
import pytest

from callengine import foundation, greenlets
from callengine.sip.endpoint import Endpoint
from callengine.sip.server_transaction import ServerTransaction
from callengine.sip.timers import Timers
from tests.fakes.phone import Phone
from tests.gevent.callcenter.conftest import Desk, wait_until

MakeDesk = Callable[..., Desk]
STATE = "select state from agents"
LOST = "select count(*) as n from event_log where type = 'binding_lost'"
INTERVAL = {"GENERAL__AGENT_HEARTBEAT_INTERVAL": "0.2"}


@pytest.fixture(autouse=True)
def short_timers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody answers times out after 1.28 s."""
    monkeypatch.setattr(foundation, "Endpoint", partial(Endpoint, timers=Timers(t1=0.02, t2=0.08)))


def asked(phone: Phone, status: int = 200) -> int:
    """How often the phone has been asked, and has answered so."""
    return phone.endpoint.counts.requests.get(("OPTIONS", status), 0)


def test_a_phone_that_answered_and_is_gone_is_taken_out(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", **INTERVAL)
    alice = desk.agent("alice")
    wait_until(lambda: asked(alice) > 0, "being asked")
    gevent.sleep(0.1)
    alice.vanish()
    desk.until(LOST, 1)
    desk.until(STATE, "offline")
    assert desk.rows("select * from bindings") == []
    event = desk.one("select agent, payload from event_log where type = 'binding_lost'")
    assert event["agent"] == "alice"
    assert "sip:alice@127.0.0.1" in event["payload"]
    told = desk.rows("select payload from event_log where type = 'agent_state_changed' order by number")
    assert '"cause":"binding_lost"' in told[-1]["payload"]


def test_one_phone_that_is_gone_leaves_the_other(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", **INTERVAL)
    gone, left = desk.agent("alice"), desk.agent("alice")
    wait_until(lambda: asked(gone) > 0 and asked(left) > 0, "being asked")
    gevent.sleep(0.1)
    gone.vanish()
    desk.until(LOST, 1)
    assert desk.one(STATE)["state"] == "available"
    assert desk.agent_is_free_for_another(left)


@pytest.mark.parametrize("status", [404, 486, 501])
def test_any_final_answer_is_a_sign_of_life(make_desk: MakeDesk, status: int) -> None:
    desk = make_desk("alice", **INTERVAL)
    alice = desk.phone("alice")
    alice.endpoint.on("OPTIONS", lambda transaction: transaction.answer(status))
    alice.register()
    wait_until(lambda: asked(alice, status) > 2, "being asked")
    assert desk.one(STATE)["state"] == "available"
    alice.vanish()
    desk.until(STATE, "offline")


def test_a_phone_that_never_answers_is_not_judged(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", **INTERVAL)
    seen: list[ServerTransaction] = []
    alice = desk.phone("alice")
    alice.endpoint.on("OPTIONS", seen.append)
    alice.register()
    wait_until(
        lambda: len({each.request.call_id for each in seen}) >= 12, "being asked for longer than a timeout"
    )
    gevent.sleep(1)
    assert desk.one(STATE)["state"] == "available"
    assert desk.one(LOST) == {"n": 0}


def test_an_agent_in_a_call_is_offline_only_after_it(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", **INTERVAL)
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    desk.until(STATE, "busy")
    wait_until(lambda: asked(alice) > 0, "being asked")
    gevent.sleep(0.1)
    fall_silent(alice)
    desk.until(LOST, 1)
    assert desk.one(STATE)["state"] == "busy"
    caller.hang_up()
    desk.until(STATE, "offline")


def test_its_next_registration_brings_a_phone_back(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", **INTERVAL)
    alice = desk.agent("alice")
    wait_until(lambda: asked(alice) > 0, "being asked")
    gevent.sleep(0.1)
    fall_silent(alice)
    desk.until(STATE, "offline")
    assert alice.refresh()
    assert desk.one(STATE)["state"] == "available"
    assert desk.agent_is_free_for_another(alice)


def test_asking_takes_no_greenlet(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", **INTERVAL)
    alice = desk.agent("alice")
    wait_until(lambda: "figures" not in running(), "the sign-on is reckoned")
    before = running()
    wait_until(lambda: asked(alice) > 3, "being asked")
    gevent.sleep(0.05)
    assert running() == before


def running() -> dict[str, int]:
    """Greenlets by name, but for the one by which the test's phone registers."""
    return {name: count for name, count in greenlets.running().items() if name != "registration"}


def fall_silent(phone: Phone) -> None:
    """Let the phone answer nothing that is asked outside of calls any more."""
    phone.endpoint.on("OPTIONS", lambda _transaction: None)
