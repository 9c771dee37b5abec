"""Opening hours: ranges, midnight, holidays, and the days on which the clock is set."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from callengine.callcenter.hours import Calendars, Hours, parse_range

BERLIN = ZoneInfo("Europe/Berlin")
NEVER: tuple[tuple[int, int], ...] = ()


def hours(*, holidays: tuple[str, ...] = (), zone: ZoneInfo = BERLIN, **days: str) -> Hours:
    names = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    week = tuple(tuple(map(parse_range, days[name].split())) if name in days else NEVER for name in names)
    return Hours(zone, week, frozenset(holidays))


def at(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


# 2026-11-30 is a Monday
OFFICE = hours(monday="09:00-12:30 13:30-17:00", tuesday="09:00-17:00")
NIGHT = hours(monday="22:00-06:00")


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-30 08:59:59", False),
        ("2026-11-30 09:00:00", True),
        ("2026-11-30 12:29:59", True),
        ("2026-11-30 12:30:00", False),
        ("2026-11-30 13:30:00", True),
        ("2026-11-30 17:00:00", False),
        ("2026-12-01 13:00:00", True),
        ("2026-12-02 13:00:00", False),
    ],
)
def test_ranges_hold_from_their_begin_until_before_their_end(moment: str, is_open: bool) -> None:
    assert OFFICE.is_open(at(moment)) is is_open


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-30 05:00", False),
        ("2026-11-30 21:59", False),
        ("2026-11-30 22:00", True),
        ("2026-12-01 00:00", True),
        ("2026-12-01 05:59", True),
        ("2026-12-01 06:00", False),
        ("2026-12-01 22:00", False),
    ],
)
def test_a_range_may_go_over_midnight(moment: str, is_open: bool) -> None:
    assert NIGHT.is_open(at(moment)) is is_open


def test_a_whole_day_has_no_gap() -> None:
    always = hours(monday="00:00-24:00", tuesday="00:00-24:00")
    assert always.is_open(at("2026-11-30 23:59:59"))
    assert always.is_open(at("2026-12-01 00:00"))
    assert always.next_change(at("2026-11-30 10:00")) == at("2026-12-02 00:00")


def test_nothing_opens_on_a_holiday_and_a_night_goes_on_into_it() -> None:
    closed = hours(
        monday="09:00-17:00", tuesday="22:00-06:00", wednesday="00:00-24:00", holidays=("2026-11-30", "12-02")
    )
    assert not closed.is_open(at("2026-11-30 10:00"))
    assert closed.is_open(at("2026-12-07 10:00"))
    assert closed.is_open(at("2026-12-02 05:00"))
    assert not closed.is_open(at("2026-12-02 07:00"))
    assert not closed.is_open(at("2027-12-02 07:00"))


def test_the_next_change() -> None:
    assert OFFICE.next_change(at("2026-11-29 10:00")) == at("2026-11-30 09:00")
    assert OFFICE.next_change(at("2026-11-30 09:00")) == at("2026-11-30 12:30")
    assert OFFICE.next_change(at("2026-12-01 17:00")) == at("2026-12-07 09:00")
    assert hours().next_change(at("2026-12-01 17:00")) is None


def test_ranges_that_touch_are_one() -> None:
    both = hours(monday="08:00-12:00 12:00-16:00")
    assert both.next_change(at("2026-11-30 08:00")) == at("2026-11-30 16:00")


def test_by_the_clock_of_the_zone_over_the_year() -> None:
    daily = hours(monday="09:00-17:00")
    utc = ZoneInfo("UTC")
    assert daily.is_open(at("2026-07-06 07:30", utc))
    assert not daily.is_open(at("2026-11-30 07:30", utc))


def test_where_the_clock_is_set_forward_what_is_left_out_does_not_happen() -> None:
    """2026-03-29, a Sunday: 02:00 becomes 03:00."""
    early = hours(sunday="01:00-02:30")
    assert early.next_change(at("2026-03-29 01:30")) == at("2026-03-29 03:00")
    within = hours(sunday="02:15-02:45")
    assert within.next_change(at("2026-03-29 00:00")) == at("2026-04-05 02:15")
    late = hours(sunday="02:30-04:00")
    assert late.next_change(at("2026-03-29 00:00")) == at("2026-03-29 03:00")


def test_where_the_clock_is_set_back_the_hour_is_open_twice() -> None:
    """2026-10-25, a Sunday: 03:00 becomes 02:00."""
    twice = hours(sunday="02:15-02:45")
    first, second = at("2026-10-25 02:15"), at("2026-10-25 02:15", fold=1)
    assert second - first == 3600
    changes, moment = [], at("2026-10-25 00:00")
    for _ in range(4):
        found = twice.next_change(moment)
        assert found is not None
        changes.append(found)
        moment = found
    assert changes == [first, first + 1800, second, second + 1800]
    assert hours(sunday="01:00-04:00").next_change(at("2026-10-25 01:30")) == at("2026-10-25 04:00")


def test_every_change_is_one() -> None:
    """Over a year with both days on which the clock is set."""
    mixed = hours(monday="09:00-12:30 22:00-02:30", saturday="22:00-03:30", sunday="02:15-02:45 23:00-24:00")
    moment, end = at("2026-01-01 00:00"), at("2027-01-01 00:00")
    while moment < end:
        was_open = mixed.is_open(moment)
        found = mixed.next_change(moment)
        assert found is not None
        assert mixed.is_open(found) is not was_open
        assert mixed.is_open(found - 1) is was_open
        moment = found


def test_tables_by_name() -> None:
    calendars = Calendars({"office": OFFICE})
    assert (calendars.get("office"), calendars.get("gone")) == (OFFICE, None)
    calendars.replace({})
    assert calendars.get("office") is None
