"""What happens to an agent, unit by unit: states, loads, orders, delays, and what the log tells of them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from callengine.callcenter import agents, staff
from callengine.callcenter.missed import MissedRules
from callengine.db.committer import Committer
from callengine.errors import GuardFailed, NotAllowed
from callengine.events.types import Event
from callengine.vocabulary import MISSED_OFFERS
from tests.fakes.clock import FakeClock
from tests.gevent.callcenter.units import Shift, pause_later


@pytest.fixture
def shift(engine: Engine, committer: Committer, clock: FakeClock, published: list[Event]) -> Shift:
    return Shift(engine, committer, clock, published)


def rules(pause_after: int = 0, **delays: float) -> dict[str, Any]:
    return {"missed_rules": MissedRules(delays=delays, pause_after=pause_after)}


def test_every_change_is_told_with_its_cause_and_who_did_it(shift: Shift) -> None:
    shift.sign_on()
    assert (shift.told.payload["old"], shift.told.payload["new"]) == ("offline", "available")
    assert (shift.told.payload["cause"], shift.told.payload["by"]) == ("registered", None)
    shift.staff(staff.pause, reason="lunch")
    assert (shift.told.payload["cause"], shift.told.payload["by"]) == ("operator", "carol")
    assert (shift.told.payload["old"], shift.told.payload["pause_reason"]) == ("available", "lunch")


def test_what_changes_nothing_is_not_told(shift: Shift) -> None:
    shift.sign_on()
    count = len(shift.published)
    shift.sign_on()
    shift.staff(staff.sign_on)
    shift.staff(staff.resume)
    assert len(shift.published) == count


def test_as_many_calls_as_its_capacity_and_no_more(shift: Shift) -> None:
    shift.sign_on()
    shift.talk()
    shift.talk()
    with pytest.raises(GuardFailed, match="at its capacity of 2"):
        shift.claim()
    assert (shift.row.state, shift.row.load) == ("busy", 2)


def test_a_lower_capacity_stops_new_offers_and_ends_no_call(shift: Shift) -> None:
    shift.sign_on()
    first, second = shift.talk(), shift.talk()
    shift.staff(staff.set_max_calls, 1)
    assert (shift.told.type, shift.told.payload["max_concurrent_calls"]) == ("agent_changed", 1)
    assert shift.told.payload["by"] == "carol"
    assert (shift.row.state, shift.row.load) == ("busy", 2)
    shift.hang_up(first)
    with pytest.raises(GuardFailed, match="at its capacity of 1"):
        shift.claim()
    shift.hang_up(second)
    shift.claim()


def test_the_wrap_up_begins_with_the_end_of_the_last_call_and_is_the_longest(shift: Shift) -> None:
    shift.sign_on()
    first, second = shift.talk(), shift.talk()
    shift.hang_up(first, wrap_up=30.0)
    assert (shift.row.state, shift.row.wrap_up_until) == ("busy", None)
    shift.clock.advance(100)
    shift.hang_up(second, wrap_up=5.0)
    assert shift.row.state == "wrap_up"
    assert shift.row.wrap_up_until == shift.clock.now() + 30
    shift.clock.advance(30)
    shift.wrap_up_over()
    third = shift.talk()
    shift.hang_up(third)
    assert shift.row.state == "available"


def test_a_wrap_up_is_not_forgotten_for_an_offer_that_ends_last(shift: Shift) -> None:
    shift.sign_on()
    talked, offered = shift.talk(), shift.claim()
    shift.hang_up(talked, wrap_up=30.0)
    shift.do(agents.release, call_id=offered, cause="withdrawn", was_connected=False)
    assert shift.row.state == "wrap_up"


@pytest.mark.parametrize("while_doing", ["available", "paused", "reserved", "busy", "wrap_up", "offline"])
def test_a_pause_is_ordered_in_any_state(shift: Shift, while_doing: str) -> None:
    call_id = _bring_to(shift, while_doing)
    shift.staff(pause_later)
    assert shift.told.payload["by"] == "carol"
    if while_doing in ("available", "paused"):
        assert (shift.row.state, shift.row.pause_reason) == ("paused", "lunch")
        return
    assert (shift.row.state, shift.row.pause_next_reason) == (while_doing, "lunch")
    assert (shift.told.payload["old"], shift.told.payload["new"]) == (while_doing, while_doing)
    assert shift.told.payload["pause_next_reason"] == "lunch"
    _end(shift, while_doing, call_id)
    assert (shift.row.state, shift.row.pause_reason) == ("paused", "lunch")
    assert shift.row.pause_next_reason is None
    shift.staff(staff.resume)
    assert shift.row.state == "available"


@pytest.mark.parametrize("while_doing", ["reserved", "busy", "wrap_up", "offline"])
def test_an_order_is_taken_back(shift: Shift, while_doing: str) -> None:
    call_id = _bring_to(shift, while_doing)
    with pytest.raises(NotAllowed, match=f"alice is {while_doing} and cannot be resumed"):
        shift.staff(staff.resume)
    shift.staff(pause_later)
    shift.staff(staff.resume)
    assert (shift.row.state, shift.row.pause_next_reason) == (while_doing, None)
    _end(shift, while_doing, call_id)
    assert shift.row.state == "available"


def _bring_to(shift: Shift, state: str) -> str:
    """Have her in that state; the id of her call, if she has one."""
    call_id = ""
    if state != "offline":
        shift.sign_on()
    if state == "paused":
        shift.staff(staff.pause, reason="training")
    elif state == "reserved":
        call_id = shift.claim()
    elif state in ("busy", "wrap_up"):
        call_id = shift.talk()
    if state == "wrap_up":
        shift.hang_up(call_id, wrap_up=10.0)
    assert shift.row.state == state
    return call_id


def _end(shift: Shift, state: str, call_id: str) -> None:
    """Bring what she does in that state to its end."""
    if state == "reserved":
        shift.do(agents.release, call_id=call_id, cause="withdrawn", was_connected=False)
    elif state == "busy":
        shift.hang_up(call_id)
    elif state == "wrap_up":
        shift.clock.advance(10)
        shift.wrap_up_over()
    else:
        shift.sign_on()


def test_a_pause_after_the_call_comes_after_its_wrap_up(shift: Shift) -> None:
    shift.sign_on()
    call_id = shift.talk()
    shift.staff(pause_later)
    shift.hang_up(call_id, wrap_up=10.0)
    assert (shift.row.state, shift.row.pause_next_reason) == ("wrap_up", "lunch")
    shift.clock.advance(10)
    shift.wrap_up_over()
    assert (shift.row.state, shift.row.pause_reason) == ("paused", "lunch")


def test_who_is_to_be_paused_is_offered_no_further_call(shift: Shift) -> None:
    shift.sign_on()
    shift.talk()
    shift.staff(pause_later)
    with pytest.raises(GuardFailed, match="to be paused"):
        shift.claim()


def test_an_order_ends_with_the_working_day(shift: Shift) -> None:
    shift.sign_on()
    call_id = shift.talk()
    shift.staff(pause_later)
    shift.lose_phones()
    shift.hang_up(call_id, wrap_up=10.0)
    assert (shift.row.state, shift.row.pause_next_reason) == ("offline", None)


def test_who_is_signed_off_in_a_call_is_offline_after_it(shift: Shift) -> None:
    shift.sign_on()
    call_id = shift.talk()
    shift.staff(staff.sign_off)
    assert (shift.row.state, shift.row.signed_on) == ("busy", False)
    assert (shift.told.payload["signed_on"], shift.told.payload["by"]) == (False, "carol")
    with pytest.raises(GuardFailed, match="to be signed off"):
        shift.claim()
    shift.hang_up(call_id, wrap_up=10.0)
    assert shift.row.state == "offline"


def test_who_signs_on_again_in_the_call_stays(shift: Shift) -> None:
    shift.sign_on()
    call_id = shift.talk()
    shift.staff(staff.sign_off)
    shift.staff(staff.sign_on)
    shift.hang_up(call_id)
    assert shift.row.state == "available"


def test_whose_phones_are_gone_in_a_call_is_offline_after_it(shift: Shift) -> None:
    shift.sign_on()
    call_id = shift.talk()
    shift.lose_phones()
    assert (shift.row.state, shift.row.signed_on) == ("busy", True)
    shift.hang_up(call_id, wrap_up=10.0)
    assert (shift.row.state, shift.row.signed_on) == ("offline", False)


def test_without_a_phone_nobody_signs_on(shift: Shift) -> None:
    shift.lose_phones()
    with pytest.raises(NotAllowed, match="alice has no phone that could ring"):
        shift.staff(staff.sign_on)
    assert shift.published == []


@pytest.mark.parametrize("result", MISSED_OFFERS)
def test_after_a_missed_offer_there_is_its_delay(shift: Shift, result: str) -> None:
    shift.sign_on()
    shift.miss(result, missed_rules=MissedRules(delays={result: 20.0}))
    assert shift.row.state == "available"
    assert (shift.row.missed_in_row, shift.row.delayed_after) == (1, result)
    assert shift.told.payload["delayed_until"] == shift.row.delayed_until == shift.clock.now() + 20
    with pytest.raises(GuardFailed, match=f"left alone after an offer that was {result}"):
        shift.claim()
    shift.clock.advance(20)
    shift.talk()
    assert (shift.row.missed_in_row, shift.row.delayed_until, shift.row.delayed_after) == (0, None, None)


@pytest.mark.parametrize("result", ["withdrawn", "completed_elsewhere"])
def test_an_offer_that_was_taken_back_counts_for_nothing(shift: Shift, result: str) -> None:
    shift.sign_on()
    shift.miss(result, **rules(pause_after=1, withdrawn=20.0, rejected=20.0))
    assert (shift.row.state, shift.row.missed_in_row, shift.row.delayed_until) == ("available", 0, None)


def test_who_talked_has_been_idle_since_then_though_an_offer_was_taken_back_later(shift: Shift) -> None:
    shift.sign_on()
    talked, offered = shift.talk(), shift.claim()
    shift.clock.advance(90)
    shift.hang_up(talked)
    ended_at = shift.clock.now()
    shift.clock.advance(5)
    shift.do(agents.release, call_id=offered, cause="withdrawn", was_connected=False, keeps_idle_time=True)
    assert (shift.row.state, shift.row.available_since) == ("available", ended_at)


def test_a_shorter_delay_does_not_end_a_longer_one(shift: Shift) -> None:
    shift.sign_on()
    shift.claim()
    shift.miss("busy", **rules(busy=60.0))
    shift.do(agents.release, call_id="1", cause="rejected", was_connected=False, **rules(rejected=5.0))
    assert (shift.row.delayed_after, shift.row.delayed_until) == ("busy", shift.clock.now() + 60)
    assert shift.row.missed_in_row == 2


def test_too_many_missed_in_a_row_lead_to_a_pause(shift: Shift) -> None:
    shift.sign_on()
    for _ in range(2):
        shift.miss("no_answer", **rules(pause_after=3))
    shift.hang_up(shift.talk())
    for _ in range(2):
        shift.miss("no_answer", **rules(pause_after=3))
    assert shift.row.state == "available"
    shift.miss("busy", **rules(pause_after=3, busy=60.0))
    assert (shift.row.state, shift.row.pause_reason) == ("paused", "missed")
    assert shift.told.payload["cause"] == "busy"
    shift.staff(staff.resume)
    assert (shift.row.state, shift.row.missed_in_row, shift.row.delayed_until) == ("available", 0, None)


def test_who_has_missed_too_many_beside_a_call_is_paused_after_it(shift: Shift) -> None:
    shift.sign_on()
    call_id = shift.talk()
    shift.miss("rejected", **rules(pause_after=1))
    assert (shift.row.state, shift.row.pause_next_reason) == ("busy", "missed")
    shift.hang_up(call_id)
    assert (shift.row.state, shift.row.pause_reason) == ("paused", "missed")


def test_signing_on_makes_a_new_start(shift: Shift) -> None:
    shift.sign_on()
    shift.miss("busy", **rules(busy=60.0))
    shift.staff(staff.sign_off)
    shift.staff(staff.sign_on)
    assert (shift.row.missed_in_row, shift.row.delayed_until) == (0, None)
    shift.claim()


def test_a_second_phone_ends_no_delay(shift: Shift) -> None:
    shift.sign_on()
    shift.miss("busy", **rules(busy=60.0))
    shift.sign_on()
    assert shift.row.delayed_until == shift.clock.now() + 60


def test_a_state_lasts_since_it_began(shift: Shift) -> None:
    shift.sign_on()
    shift.talk()
    began = shift.clock.now()
    shift.clock.advance(10)
    shift.talk()
    assert shift.row.state_since == began


def test_what_was_ordered_is_kept_when_loads_are_counted_again(shift: Shift) -> None:
    shift.sign_on()
    shift.talk()
    shift.staff(pause_later)
    shift.do(agents.set_straight, load=0, is_talking=False, cause="agent_busy_without_call")
    assert (shift.row.state, shift.row.pause_reason) == ("paused", "lunch")
    with pytest.raises(GuardFailed, match="is as its offers say"):
        shift.do(agents.set_straight, load=0, is_talking=False, cause="again")
