"""Hours, music, callers' priority, kept places and figures of queues: each setting, seen from outside."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from callengine.app import CallCenter
from callengine.clock import SystemClock
from callengine.config import load
from callengine.errors import CallCenterError
from callengine.media import tones, wav
from tests.gevent.callcenter.conftest import Desk, wait_until
from tests.gevent.effects.outside import MakeDesk, call_status

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONDAY = datetime(2026, 11, 30, tzinfo=ZoneInfo("UTC"))


class ClockFrom(SystemClock):
    """A clock that showed `at` when it was made."""

    def __init__(self, at: datetime) -> None:
        self._ahead = at.timestamp() - super().now()

    def now(self) -> float:
        return super().now() + self._ahead


def opened_at(make_desk: MakeDesk, at: datetime, **settings: str) -> Desk:
    desk = make_desk(open_now=False, QUEUES__SUPPORT__HOURS="office", **settings)
    desk.open(ClockFrom(at))
    return desk


@pytest.mark.effect("queues.NAME.hours")
@pytest.mark.effect("hours.NAME.monday")
@pytest.mark.effect("hours.NAME.tuesday")
@pytest.mark.effect("hours.NAME.wednesday")
@pytest.mark.effect("hours.NAME.thursday")
@pytest.mark.effect("hours.NAME.friday")
@pytest.mark.effect("hours.NAME.saturday")
@pytest.mark.effect("hours.NAME.sunday")
@pytest.mark.parametrize("number", range(7))
def test_a_queue_is_open_on_the_days_of_its_hours(make_desk: MakeDesk, number: int) -> None:
    at = MONDAY + timedelta(days=number, hours=10)
    settings = {f"HOURS__OFFICE__{DAYS[number].upper()}": '["09:00-12:00"]'}
    desk = opened_at(make_desk, at, **settings)
    assert call_status(desk) == 200
    desk.close()
    desk = opened_at(make_desk, at + timedelta(days=1), **settings)
    assert call_status(desk) == 486


@pytest.mark.effect("hours.NAME.time_zone")
@pytest.mark.parametrize(("zone", "status"), [("UTC", 486), ("Europe/Berlin", 200)])
def test_hours_are_those_of_a_time_zone(make_desk: MakeDesk, zone: str, status: int) -> None:
    settings = {"HOURS__OFFICE__MONDAY": '["09:00-12:00"]', "HOURS__OFFICE__TIME_ZONE": zone}
    assert call_status(opened_at(make_desk, MONDAY + timedelta(hours=8, minutes=30), **settings)) == status


@pytest.mark.effect("hours.NAME.holidays")
@pytest.mark.parametrize(
    ("holidays", "status"),
    [("[]", 200), ('["2026-11-30"]', 486), ('["11-30"]', 486), ('["2025-11-30"]', 200)],
)
def test_nothing_opens_on_holidays(make_desk: MakeDesk, holidays: str, status: int) -> None:
    settings = {"HOURS__OFFICE__MONDAY": '["09:00-12:00"]', "HOURS__OFFICE__HOLIDAYS": holidays}
    assert call_status(opened_at(make_desk, MONDAY + timedelta(hours=10), **settings)) == status


def told(desk: Desk, *kinds: str) -> list[tuple[str, Any]]:
    wanted = ", ".join(f"'{kind}'" for kind in kinds)
    rows = desk.rows(f"select type, payload from event_log where type in ({wanted}) order by number")
    return [(row["type"], json.loads(row["payload"])) for row in rows]


def test_closing_is_told_in_its_time_and_who_waits_stays(make_desk: MakeDesk) -> None:
    at = MONDAY + timedelta(hours=11, minutes=59, seconds=58)
    desk = opened_at(make_desk, at, HOURS__OFFICE__MONDAY='["09:00-12:00"]')
    caller = desk.phone().call("support")
    assert [kind for kind, _ in told(desk, "queue_opened", "queue_closed")] == ["queue_opened"]
    wait_until(lambda: len(told(desk, "queue_opened", "queue_closed")) == 2)
    assert told(desk, "queue_closed") == [("queue_closed", {"hours": "office", "depth": 1})]
    assert call_status(desk) == 486
    assert not caller.ended.is_set()
    caller.hang_up()


def test_opening_is_told_in_its_time(make_desk: MakeDesk) -> None:
    at = MONDAY + timedelta(hours=8, minutes=59, seconds=58)
    desk = opened_at(make_desk, at, HOURS__OFFICE__MONDAY='["09:00-12:00"]')
    assert call_status(desk) == 486
    wait_until(lambda: bool(told(desk, "queue_opened")))
    assert [kind for kind, _ in told(desk, "queue_opened", "queue_closed")] == [
        "queue_closed",
        "queue_opened",
    ]
    assert call_status(desk) == 200


def sound(path: Path, frequency: int) -> str:
    path.write_bytes(wav.write(tones.sine(frequency, 1.0)))
    return str(path)


def playing(desk: Desk) -> list[str | None]:
    assert desk.center is not None
    assert desk.center._parts is not None
    return [leg.playing for leg in desk.center._parts.base.media.list()]


@pytest.mark.effect("queues.NAME.music")
def test_each_queue_has_its_music(make_desk: MakeDesk, tmp_path: Path) -> None:
    first, second = sound(tmp_path / "first.wav", 440), sound(tmp_path / "second.wav", 880)
    desk = make_desk(
        QUEUES__SUPPORT__MUSIC=first,
        QUEUES__SUPPORT__OVERFLOW_QUEUE="second",
        QUEUES__SUPPORT__MAX_WAIT_TIME_SECONDS="1",
        QUEUES__SECOND__MUSIC=second,
        QUEUES__SECOND__OVERFLOW_QUEUE="third",
        QUEUES__SECOND__MAX_WAIT_TIME_SECONDS="1",
        QUEUES__THIRD__CAPACITY="5",
    )
    desk.phone().call("support")
    assert playing(desk) == [first]
    wait_until(lambda: playing(desk) == [second])
    wait_until(lambda: playing(desk) == ["music"])


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file or directory"), (b"no sound", "not a WAV file")]
)
def test_music_that_cannot_be_played_is_refused_at_the_start(
    make_desk: MakeDesk, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "bad.wav"
    if content is not None:
        path.write_bytes(content)
    desk = make_desk(open_now=False, QUEUES__SUPPORT__MUSIC=str(path))
    with pytest.raises(CallCenterError, match=rf"queues\.support\.music = .*{reason}"):
        desk.open()


def test_music_that_is_lost_later_is_replaced_by_the_usual(make_desk: MakeDesk, tmp_path: Path) -> None:
    desk = make_desk(QUEUES__SUPPORT__MUSIC=sound(tmp_path / "first.wav", 440))
    (tmp_path / "first.wav").unlink()
    desk.phone().call("support")
    assert playing(desk) == ["music"]


def served_first(desk: Desk) -> str:
    """Of the callers who wait, whose number an agent gets first."""
    alice = desk.agent("alice")
    assert alice.wait_for_call().confirmed.wait(5)
    return str(desk.one("select caller_number from calls where state = 'connected'")["caller_number"])


def call_from(desk: Desk, number: str, dialled: str = "support") -> Any:
    return desk.phone().call(dialled, from_=f"<sip:{number}@127.0.0.1>")


@pytest.mark.effect("numbers.NAME.priority")
@pytest.mark.parametrize(("priority", "first"), [("0", "111"), ("5", "222")])
def test_a_number_may_be_more_urgent(make_desk: MakeDesk, priority: str, first: str) -> None:
    desk = make_desk("alice", NUMBERS__VIP__DESTINATION="queue:support", NUMBERS__VIP__PRIORITY=priority)
    call_from(desk, "111")
    call_from(desk, "222", "vip")
    assert served_first(desk) == first
    stored = {
        row["caller_number"]: row["priority"]
        for row in desk.rows(
            "select c.caller_number, e.priority from calls c join queue_entries e on e.call_id = c.id"
        )
    }
    assert stored == {"111": 0, "222": int(priority)}
    assert [payload["priority"] for _, payload in told(desk, "call_queued")] == [0, int(priority)]


@pytest.mark.effect("callers.NAME.numbers")
@pytest.mark.effect("callers.NAME.priority")
@pytest.mark.parametrize(
    ("numbers", "priority", "first"),
    [('["222"]', "5", "222"), ('["22*"]', "5", "222"), ('["333"]', "5", "111"), ('["222"]', "-5", "111")],
)
def test_listed_callers_are_more_urgent(make_desk: MakeDesk, numbers: str, priority: str, first: str) -> None:
    desk = make_desk("alice", CALLERS__GOOD__NUMBERS=numbers, CALLERS__GOOD__PRIORITY=priority)
    call_from(desk, "111")
    call_from(desk, "222")
    assert served_first(desk) == first


@pytest.mark.effect("queues.NAME.keep_place_seconds")
@pytest.mark.parametrize(("seconds", "first"), [("0", "222"), ("60", "111")])
def test_who_gave_up_and_calls_again_has_its_place_back(
    make_desk: MakeDesk, seconds: str, first: str
) -> None:
    desk = make_desk("alice", QUEUES__SUPPORT__KEEP_PLACE_SECONDS=seconds)
    gave_up = call_from(desk, "111")
    call_from(desk, "222")
    gave_up.hang_up()
    desk.until("select count(*) from calls where state = 'ended'", 1)
    call_from(desk, "111")
    assert served_first(desk) == first


def test_withheld_numbers_have_no_place_to_take_back(make_desk: MakeDesk) -> None:
    desk = make_desk(QUEUES__SUPPORT__KEEP_PLACE_SECONDS="60")
    for _ in range(2):
        call_from(desk, "anonymous").hang_up()
        desk.until("select count(*) from calls where state <> 'ended'", 0)
    first, second = desk.rows("select first_arrived_at from queue_entries order by joined_at")
    assert first["first_arrived_at"] < second["first_arrived_at"]


@pytest.mark.effect("queues.NAME.short_abandon_seconds")
@pytest.mark.parametrize(("seconds", "disposition"), [("0", "abandoned"), ("30", "short_abandoned")])
def test_who_gives_up_at_once_has_dialled_wrong(make_desk: MakeDesk, seconds: str, disposition: str) -> None:
    desk = make_desk(QUEUES__SUPPORT__SHORT_ABANDON_SECONDS=seconds)
    desk.phone().call("support").hang_up()
    desk.until("select disposition from calls", disposition)
    assert desk.one("select state from queue_entries")["state"] == "abandoned"


@pytest.mark.effect("queues.NAME.service_level_seconds")
@pytest.mark.parametrize("seconds", ["20", "5"])
def test_the_answer_tells_what_the_service_level_is(make_desk: MakeDesk, seconds: str) -> None:
    desk = make_desk("alice", QUEUES__SUPPORT__SERVICE_LEVEL_SECONDS=seconds)
    alice = desk.agent("alice")
    desk.phone().call("support")
    assert alice.wait_for_call().confirmed.wait(5)
    ((_, payload),) = told(desk, "call_connected")
    assert payload["service_level_seconds"] == float(seconds)


def test_hours_and_lists_are_taken_over_while_it_runs(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    assert call_status(desk) == 200
    center = desk.center
    assert isinstance(center, CallCenter)
    later = {
        "CALLENGINE_QUEUES__SUPPORT__HOURS": "never",
        "CALLENGINE_HOURS__NEVER__TIME_ZONE": "UTC",
    }
    center.reload(load({**desk.environ, **later}))
    assert call_status(desk) == 486
    assert [kind for kind, _ in told(desk, "queue_closed")] == ["queue_closed"]
