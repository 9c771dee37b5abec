"""Tables and times for a terminal."""

import time

from callengine.cli._tables import clock_time, duration, table


def test_columns_are_as_wide_as_they_must_be_and_numbers_stand_to_the_right() -> None:
    assert table(("NAME", "CALLS"), [("alice", 1), ("bo", 12), (None, None)]).splitlines() == [
        "NAME   CALLS",
        "alice      1",
        "bo        12",
        "-          -",
    ]


def test_without_rows_there_is_the_header_alone() -> None:
    assert table(("A", "B"), []) == "A  B"


def test_what_a_phone_sent_does_not_reach_the_terminal_as_it_is() -> None:
    assert "\x1b" not in table(("A",), [("\x1b[2Jx\n",)])


def test_durations() -> None:
    assert [duration(seconds) for seconds in (None, 0.4, 7, 754, 3723)] == [
        None,
        "0:00",
        "0:07",
        "12:34",
        "1:02:03",
    ]


def test_times_have_their_day_unless_it_is_today() -> None:
    assert clock_time(None) is None
    assert len(clock_time(time.time()) or "") == len("12:34:56")
    assert (clock_time(1_000_000_000.0) or "").startswith("2001-09-0")
