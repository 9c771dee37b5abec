"""The end of the service: who is here may finish, who comes is sent away, who is left is hung up."""

from __future__ import annotations

from collections.abc import Callable

import gevent

from callengine.app import CallCenter
from tests.fakes.phone import Phone
from tests.gevent.callcenter.conftest import Desk, wait_until
from tests.gevent.service.test_app import ask, fetch

MakeDesk = Callable[..., Desk]


def center_of(desk: Desk) -> CallCenter:
    """The running call center."""
    assert desk.center is not None
    return desk.center


def refusal(phone: Phone, number: str) -> tuple[int, str | None]:
    """Status and Retry-After of the answer to a call that is not taken."""
    session = phone.dial(number)
    session.final.wait(10)
    assert session.refusal is not None
    return session.refusal.status, session.refusal.headers.get("retry-after")


def test_draining_refuses_new_calls_and_lets_the_others_finish(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    talking = desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    desk.until("select count(*) from calls where state = 'connected'", 1)
    waiting = desk.phone().call("support")
    center_of(desk).drain_soon(20.4)
    wait_until(lambda: not ask_ready(desk), "the service is closed")
    assert refusal(desk.phone(), "support") == (503, "26")
    assert ask(desk, "/api/v1/status")["draining"]
    assert alice.refresh()
    talking.hang_up()
    assert alice.wait_for_call(2).confirmed.wait(5)
    assert not waiting.ended.is_set()
    waiting.hang_up()
    desk.until("select count(*) from calls where disposition = 'answered'", 2)
    desk.until("select state from agents", "available")
    center_of(desk).stop()
    assert [row["hung_up_by"] for row in desk.rows("select hung_up_by from calls")] == ["caller", "caller"]


def test_who_is_left_after_the_time_is_hung_up(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    talking = desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    waiting = desk.phone().call("support")
    center_of(desk).drain_soon(0.3)
    assert talking.ended.wait(10)
    assert waiting.ended.wait(10)
    assert {talking.end_cause, waiting.end_cause} == {"bye"}
    desk.until("select count(*) from calls where hung_up_by = 'system' and cause = 'service_stopped'", 2)


def test_a_second_drain_can_shorten_the_first_and_not_lengthen_it(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    center_of(desk).drain_soon(3600)
    center_of(desk).drain_soon(7200)
    gevent.sleep(0.2)
    assert not caller.ended.is_set()
    center_of(desk).drain_soon(0.1)
    assert caller.ended.wait(5)


def test_stopping_does_not_wait_for_the_drain(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    center_of(desk).drain_soon(3600)
    gevent.sleep(0)
    center_of(desk).stop()
    assert caller.ended.wait(5)
    assert desk.one("select hung_up_by from calls")["hung_up_by"] == "system"


def test_a_service_that_has_drained_can_be_started_again(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    center = center_of(desk)
    center.drain_soon(5)
    center.stop()
    center.start()
    caller = desk.phone().call("support")
    assert alice.wait_for_call().confirmed.wait(5)
    caller.hang_up()


def ask_ready(desk: Desk) -> bool:
    """Whether the service says that it takes calls."""
    return fetch(desk, "/ready")[0] == 200
