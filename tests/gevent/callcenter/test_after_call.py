"""Wrap-ups that are ended and extended by hand, and the codes of conversations."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from callengine.callcenter import staff
from callengine.db.committer import Committer
from callengine.errors import BadRequest, CallCenterError, NotAllowed
from callengine.events.types import Event, EventType
from tests.fakes.clock import FakeClock
from tests.gevent.callcenter.units import Shift, pause_later

WRAP_UP = 30.0


@pytest.fixture
def shift(engine: Engine, committer: Committer, clock: FakeClock, published: list[Event]) -> Shift:
    return Shift(engine, committer, clock, published)


def wrapping_up(shift: Shift, **queue: object) -> str:
    """Have alice wrap up a call of the queue; its id."""
    shift.set_queue(**queue)
    shift.sign_on()
    call_id = shift.talk()
    shift.hang_up(call_id, wrap_up=WRAP_UP)
    assert shift.row.state == "wrap_up"
    return call_id


def test_a_wrap_up_is_ended_with_a_code(shift: Shift) -> None:
    call_id = wrapping_up(shift, wrap_up_codes=["sale", "no sale"])
    shift.clock.advance(12)
    shift.staff(staff.end_wrap_up, code="sale")
    assert shift.row.state == "available"
    offer = shift.offer(call_id)
    assert (offer.wrap_up_code, offer.wrap_up_seconds) == ("sale", 12.0)
    coded, ended = shift.published[-2:]
    assert (coded.type, coded.call_id, coded.queue) == (EventType.CALL_CODED, call_id, "support")
    assert coded.payload == {"code": "sale", "by": "carol"}
    assert (ended.call_id, ended.queue, ended.payload["old"]) == (call_id, "support", "wrap_up")
    assert (ended.payload["wrap_up_code"], ended.payload["wrap_up_seconds"]) == ("sale", 12.0)
    assert (ended.payload["cause"], ended.payload["by"]) == ("operator", "carol")


def test_a_wrap_up_that_ends_by_itself_has_no_code(shift: Shift) -> None:
    call_id = wrapping_up(shift, wrap_up_codes=["sale"], wrap_up_code_required=True)
    shift.clock.advance(WRAP_UP)
    shift.wrap_up_over()
    assert shift.row.state == "available"
    assert (shift.told.payload["wrap_up_code"], shift.told.payload["wrap_up_seconds"]) == (None, WRAP_UP)
    assert shift.offer(call_id).wrap_up_seconds == WRAP_UP


def test_a_wrap_up_is_extended(shift: Shift) -> None:
    call_id = wrapping_up(shift)
    shift.clock.advance(20)
    shift.staff(staff.extend_wrap_up, seconds=60.0)
    until = shift.clock.now() + WRAP_UP - 20 + 60
    assert shift.row.wrap_up_until == shift.told.payload["wrap_up_until"] == until
    assert (shift.told.payload["old"], shift.told.payload["new"]) == ("wrap_up", "wrap_up")
    shift.clock.advance(20)
    shift.wrap_up_over()
    assert shift.row.state == "wrap_up"
    shift.clock.advance(50)
    shift.wrap_up_over()
    assert shift.row.state == "available"
    assert shift.offer(call_id).wrap_up_seconds == 90.0


@pytest.mark.parametrize(
    "end",
    [
        lambda shift: shift.staff(staff.end_wrap_up),
        lambda shift: shift.staff(staff.pause, reason="lunch"),
        lambda shift: shift.staff(staff.sign_off),
    ],
)
def test_where_a_code_is_wanted_nobody_ends_a_wrap_up_without(shift: Shift, end: object) -> None:
    call_id = wrapping_up(shift, wrap_up_codes=["sale", "no sale"], wrap_up_code_required=True)
    before = shift.row, len(shift.published)
    assert callable(end)
    with pytest.raises(NotAllowed, match="the queue support wants a code; allowed: sale, no sale"):
        end(shift)
    assert (shift.row, len(shift.published)) == before
    shift.staff(staff.set_wrap_up_code, code="no sale")
    end(shift)
    assert shift.row.state != "wrap_up"
    assert shift.offer(call_id).wrap_up_code == "no sale"


def test_a_pause_after_the_wrap_up_wants_no_code(shift: Shift) -> None:
    wrapping_up(shift, wrap_up_codes=["sale"], wrap_up_code_required=True)
    shift.staff(pause_later)
    shift.clock.advance(WRAP_UP)
    shift.wrap_up_over()
    assert shift.row.state == "paused"


@pytest.mark.parametrize(
    ("codes", "code", "said"),
    [
        (["sale", "no sale"], "lunch", "the code 'lunch'; allowed in the queue support: sale, no sale"),
        ([], "two\nlines", "1 to 64 printable characters"),
        ([], " ", "1 to 64 printable characters"),
        ([], "x" * 65, "1 to 64 printable characters"),
    ],
)
def test_a_code_that_is_not_allowed_changes_nothing(
    shift: Shift, codes: list[str], code: str, said: str
) -> None:
    call_id = wrapping_up(shift, wrap_up_codes=codes)
    before = shift.row, len(shift.published)
    for unit in (staff.end_wrap_up, staff.set_wrap_up_code):
        with pytest.raises(BadRequest, match=said):
            shift.staff(unit, code=code)
    assert (shift.row, len(shift.published)) == before
    assert shift.offer(call_id).wrap_up_code is None


def test_without_a_list_any_word_is_a_code(shift: Shift) -> None:
    call_id = wrapping_up(shift)
    shift.staff(staff.end_wrap_up, code="Rückruf")
    assert shift.offer(call_id).wrap_up_code == "Rückruf"


def test_a_code_may_be_given_from_the_conversation_until_the_next_begins(shift: Shift) -> None:
    shift.set_queue(wrap_up_codes=["sale", "no sale"])
    shift.sign_on()
    first = shift.talk()
    shift.staff(staff.set_wrap_up_code, code="sale")
    shift.hang_up(first)
    shift.staff(staff.set_wrap_up_code, code="no sale")
    assert shift.offer(first).wrap_up_code == "no sale"
    second = shift.talk()
    shift.staff(staff.set_wrap_up_code, code="sale")
    assert [shift.offer(each).wrap_up_code for each in (first, second)] == ["no sale", "sale"]


def test_a_call_of_no_queue_may_have_a_code_too(shift: Shift) -> None:
    shift.sign_on()
    call_id = shift.talk()
    shift.staff(staff.set_wrap_up_code, code="private")
    assert shift.offer(call_id).wrap_up_code == "private"
    assert shift.told.queue is None


@pytest.mark.parametrize(
    ("unit", "options", "said"),
    [
        (staff.end_wrap_up, {"code": "sale"}, "alice is available and has no wrap-up"),
        (staff.extend_wrap_up, {"seconds": 5.0}, "alice is available and has no wrap-up"),
        (staff.extend_wrap_up, {"seconds": -5.0}, "-5 more seconds; allowed: more than 0"),
        (staff.extend_wrap_up, {"seconds": 1e9}, "allowed: more than 0, up to 86400"),
        (staff.extend_wrap_up, {"seconds": float("nan")}, "nan more seconds"),
        (staff.set_wrap_up_code, {"code": "sale"}, "alice has had no conversation"),
    ],
)
def test_what_is_impossible_is_refused_by_name(
    shift: Shift, unit: object, options: dict[str, object], said: str
) -> None:
    shift.sign_on()
    before = shift.row, len(shift.published)
    assert callable(unit)
    with pytest.raises(CallCenterError, match=said):
        shift.staff(unit, **options)
    assert (shift.row, len(shift.published)) == before
