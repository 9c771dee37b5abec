"""The lines that the log has for a whole shift: signing on and off, and each ended call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from loguru import logger

from callengine.cli._office import office
from tests.gevent.callcenter.conftest import Desk

if TYPE_CHECKING:
    from loguru import Record

MakeDesk = Callable[..., Desk]


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """The lines at INFO, each with its call."""
    kept: list[str] = []
    sink = logger.add(kept.append, level="INFO", format="{extra[call]}|{level}|{message}", filter=_with_call)
    yield kept
    logger.remove(sink)


def _with_call(record: Record) -> bool:
    record["extra"].setdefault("call", "")
    return True


def test_an_answered_call_has_one_line_with_its_id(make_desk: MakeDesk, lines: list[str]) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    desk.until("select state from calls", "connected")
    caller.hang_up()
    desk.until("select state from agents", "available")
    call = desk.one("select id, wait_seconds, talk_seconds from calls")
    told = [line.strip() for line in lines if "the call has ended" in line]
    shown_id = call["id"].hex() if isinstance(call["id"], bytes) else call["id"]
    assert told == [
        f"{shown_id}|INFO|the call has ended: answered, cause bye, hung up by caller, queue support, "
        f"agent alice, waited {call['wait_seconds']:.1f} s, talked {call['talk_seconds']:.1f} s"
    ]


def test_an_abandoned_call_names_no_agent(make_desk: MakeDesk, lines: list[str]) -> None:
    desk = make_desk()
    desk.phone().call("support").hang_up()
    desk.until("select disposition from calls", "abandoned")
    (told,) = [line for line in lines if "the call has ended" in line]
    assert "abandoned, cause bye, hung up by caller, queue support, agent -, waited " in told
    assert told.endswith("talked 0.0 s\n")


def test_signing_on_and_off_has_a_line_each(make_desk: MakeDesk, lines: list[str]) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    assert alice.refresh()
    alice.unregister()
    assert [line.strip() for line in lines if "signed" in line] == [
        "|INFO|alice has signed on: registered",
        "|INFO|alice has signed off: unregistered",
    ]


def test_what_is_ordered_of_who_is_offline_is_no_signing_off(make_desk: MakeDesk, lines: list[str]) -> None:
    desk = make_desk("alice")
    with office(desk.settings) as administration:
        administration.agents.pause("alice", reason="lunch", after_call=True, by="x")
    desk.agent("alice")
    assert [line.strip() for line in lines if "signed" in line] == ["|INFO|alice has signed on: registered"]


def test_start_and_stop_have_a_line_each(make_desk: MakeDesk, lines: list[str]) -> None:
    desk = make_desk()
    assert desk.center is not None
    desk.center.stop()
    told = "".join(lines)
    assert told.count("serves: SIP on udp") == 1
    assert told.count("callengine has stopped") == 1
