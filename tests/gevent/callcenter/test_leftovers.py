"""A call that is over leaves nothing for the cycle collector, whose passes hold the hub."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from callengine import greenlets
from tests.fakes.phone import Phone, Script, answer, just_ring, reject_with
from tests.gevent.callcenter.conftest import Desk, wait_until

MakeDesk = Callable[..., Desk]
Call = Callable[[Phone, Phone], None]
OF_A_CALL = {"sip_worker", "call", "dialog", "clearing"}
"""The greenlets that live while one does."""


@contextmanager
def collected() -> Iterator[list[str]]:
    """The kinds of our objects that only the collector could free; filled in at the end."""
    kinds: list[str] = []
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield kinds
        gc.collect()
        ours = [each for each in gc.garbage if type(each).__module__.startswith("callengine.")]
        kinds += [type(each).__qualname__ for each in ours]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def the_caller_hangs_up(caller: Phone, alice: Phone) -> None:
    session = caller.call("support")
    alice.wait_for_call().confirmed.wait(5)
    session.hang_up()


def the_agent_hangs_up(caller: Phone, alice: Phone) -> None:
    caller.call("support")
    alice.wait_for_call().confirmed.wait(5)
    alice.calls[-1].hang_up()


def the_caller_gives_up(caller: Phone, alice: Phone) -> None:
    session = caller.dial("support")
    alice.wait_for_call()
    session.hang_up()


def nobody_is_called(caller: Phone, _alice: Phone) -> None:
    caller.call("nobody")


@pytest.mark.parametrize(
    ("call", "script"),
    [
        (the_caller_hangs_up, answer),
        (the_agent_hangs_up, answer),
        (the_caller_gives_up, just_ring),
        (the_caller_gives_up, reject_with(486)),
        (nobody_is_called, answer),
    ],
)
def test_a_call_that_is_over_is_freed_at_once(make_desk: MakeDesk, call: Call, script: Script) -> None:
    desk = make_desk("alice")
    caller, alice = desk.phone(), desk.agent("alice", script=script)

    def once() -> None:
        call(caller, alice)
        wait_until(lambda: not OF_A_CALL & greenlets.running().keys(), "quiet")
        alice.calls.clear()

    once()  # what is made once for all calls
    with collected() as kinds:
        once()
    assert kinds == []
