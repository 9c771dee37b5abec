"""The worked examples of docs/figures.md, and what lies across the edges of an interval."""

from __future__ import annotations

from typing import Any

import pytest

from callengine.callcenter.figures.fold import Fold, Seat, Sheets
from callengine.events.types import EventType
from callengine.vocabulary import AgentState
from tests.fakes.log_of_calls import Log


def fold(log: Log, *, since: float = 0.0, within: float | None = None) -> Fold:
    made = Fold(since, within=within)
    for event in log.events:
        made.take(event)
    return made


def total(log: Log, until: float, **more: Any) -> dict[str, Any]:
    return fold(log, **more).sheets(until).total.document()


def a_busy_hour() -> Log:
    """Ten calls: six answered, four of them within 20 s; two abandoned, one in short, one timed out."""
    log = Log()
    for number, waited in enumerate((5.0, 10.0, 15.0, 20.0, 30.0, 40.0)):
        log.queued(f"a{number}")
        log.connected(f"a{number}", "ann", waited=waited)
        log.ended(f"a{number}", "answered", waited=waited, talked=60.0, agent="ann")
    for number, (disposition, waited) in enumerate(
        [("abandoned", 50.0), ("abandoned", 70.0), ("short_abandoned", 2.0), ("timed_out", 300.0)]
    ):
        log.queued(f"b{number}")
        log.ended(f"b{number}", disposition, waited=waited)
    return log


def test_the_figures_of_calls() -> None:
    figures = total(a_busy_hour(), 3600.0)
    assert {name: figures[name] for name in ("offered", "handled", "abandoned", "short_abandoned")} == {
        "offered": 10,
        "handled": 6,
        "abandoned": 2,
        "short_abandoned": 1,
    }
    assert (figures["timed_out"], figures["settled"]) == (1, 9)
    assert figures["abandonment_rate"] == pytest.approx(2 / 9, abs=0.001)
    assert (figures["answered_within"], figures["service_level"]) == (4, pytest.approx(4 / 9, abs=0.001))
    assert figures["average_speed_of_answer_seconds"] == 20.0
    assert figures["longest_wait_seconds"] == 300.0
    assert (figures["conversations"], figures["average_talk_seconds"]) == (6, 60.0)


@pytest.mark.parametrize(("within", "answered"), [(0.0, 0), (10.0, 2), (40.0, 6)])
def test_another_service_level_may_be_asked_for(within: float, answered: int) -> None:
    assert total(a_busy_hour(), 3600.0, within=within)["answered_within"] == answered


def test_the_service_level_of_the_queue_stands_in_the_event() -> None:
    log = Log()
    log.queued("a")
    log.connected("a", "ann", waited=25.0, service_level_seconds=30.0)
    assert total(log, 60.0)["answered_within"] == 1


def test_nothing_has_no_mean() -> None:
    figures = total(Log(), 10.0)
    for name in ("service_level", "abandonment_rate", "average_speed_of_answer_seconds", "occupancy"):
        assert figures[name] is None


def a_working_day() -> Log:
    """Ann: 100 s available, 10 s ringing, 60 s talking, 30 s wrap-up, 50 s pause for lunch, then gone."""
    log = Log()
    log.agent("ann", "support", "sales")
    for at, old, new, more in (
        (0.0, "offline", "available", {}),
        (100.0, "available", "reserved", {"load": 1}),
        (110.0, "reserved", "busy", {"load": 1}),
    ):
        log.at = at
        log.state("ann", old, new, **more)
    log.at = 170.0
    log.ended("a", "answered", waited=5.0, talked=60.0, agent="ann")
    log.state("ann", "busy", "wrap_up", call="a")
    log.at = 200.0
    log.state("ann", "wrap_up", "paused", pause_reason="lunch")
    log.at = 250.0
    log.state("ann", "paused", "offline")
    return log


def test_the_figures_of_an_agent() -> None:
    sheets = fold(a_working_day()).sheets(300.0)
    figures = sheets.agents["ann"].document()
    assert figures["state_seconds"] == {
        "offline": 50.0,
        "available": 100.0,
        "reserved": 10.0,
        "busy": 60.0,
        "wrap_up": 30.0,
        "paused": 50.0,
    }
    assert figures["pause_seconds"] == {"lunch": 50.0}
    assert figures["staffed_seconds"] == 250.0
    assert figures["occupancy"] == pytest.approx(90 / 190, abs=0.001)
    assert (figures["wrap_up_seconds"], figures["average_handling_seconds"]) == (30.0, 90.0)


def test_the_time_of_an_agent_belongs_to_each_of_its_queues_and_once_to_all() -> None:
    sheets = fold(a_working_day()).sheets(300.0)
    assert sheets.queues["support"].state_seconds == sheets.queues["sales"].state_seconds
    assert sheets.total.state_seconds == sheets.agents["ann"].state_seconds
    assert (sheets.queues["support"].wrap_up_seconds, sheets.queues["sales"].wrap_up_seconds) == (30.0, 0.0)


def test_a_membership_counts_as_long_as_it_lasts() -> None:
    log = Log()
    log.agent("ann", "support")
    log.state("ann", "offline", "available")
    log.at = 40.0
    log.add(EventType.AGENT_CHANGED, agent="ann", queue="sales", member=True, position=0)
    log.at = 60.0
    log.add(EventType.AGENT_CHANGED, agent="ann", queue="support", member=False)
    sheets = fold(log).sheets(100.0)
    assert sheets.queues["support"].state_seconds["available"] == 60.0
    assert sheets.queues["sales"].state_seconds["available"] == 60.0


def test_two_pauses_in_a_row_are_told_apart() -> None:
    log = Log()
    log.agent("ann")
    log.state("ann", "offline", "paused", pause_reason="lunch")
    log.at = 10.0
    log.state("ann", "paused", "paused", pause_reason="training")
    assert fold(log).sheets(15.0).agents["ann"].pause_seconds == {"lunch": 10.0, "training": 5.0}


def test_who_was_removed_counts_until_then() -> None:
    log = Log()
    log.agent("ann", "support")
    log.at = 10.0
    log.add(EventType.AGENT_REMOVED, agent="ann")
    assert fold(log).sheets(100.0).total.state_seconds["offline"] == 10.0


def test_an_agent_counts_with_the_part_that_lies_inside() -> None:
    begun = Fold(100.0)
    begun.seat(Seat("ann", AgentState.BUSY, 40.0, queues={"support"}))
    log = Log(130.0)
    log.state("ann", "busy", "wrap_up")
    begun.take(log.events[0])
    seconds = begun.sheets(150.0).agents["ann"].state_seconds
    assert (seconds["busy"], seconds["wrap_up"]) == (30.0, 20.0)


def test_a_wrap_up_counts_whole_where_it_ends_however_it_was_changed() -> None:
    begun = Fold(100.0)
    begun.seat(Seat("ann", AgentState.WRAP_UP, 70.0, queues={"support"}, last_queue="support"))
    log = Log(110.0)
    log.state("ann", "wrap_up", "wrap_up", wrap_up_until=200.0)
    log.at = 120.0
    log.state("ann", "wrap_up", "available")
    for event in log.events:
        begun.take(event)
    sheets = begun.sheets(120.0)
    assert sheets.queues["support"].wrap_up_seconds == sheets.total.wrap_up_seconds == 50.0
    assert sheets.total.state_seconds["wrap_up"] == 20.0


def test_a_call_counts_at_its_events() -> None:
    log = Log(110.0)
    log.queued("old")
    earlier, log.events = list(log.events), []
    log.at = 130.0
    log.connected("old", "ann", waited=20.0)
    begun = Fold(120.0)
    assert not begun.knows(log.events[0])
    begun.remember("old", earlier)
    assert begun.knows(log.events[0])
    begun.take(log.events[0])
    figures = begun.sheets(140.0).total
    assert (figures.offered, figures.handled, figures.waited_seconds) == (0, 1, 20.0)


@pytest.mark.parametrize("queued_first", [False, True])
def test_an_overflow_is_settled_for_its_queue_and_one_call_for_all(queued_first: bool) -> None:
    log = Log()
    log.queued("a", "vip")
    log.at = 30.0
    if queued_first:
        log.queued("a", "premium")
    log.add(EventType.QUEUE_OVERFLOWED, call="a", queue="vip", to="premium", reason="max_wait", depth=0)
    if not queued_first:
        log.queued("a", "premium")
    log.at = 40.0
    log.connected("a", "ann", waited=10.0, queue="premium")
    sheets = fold(log).sheets(50.0)
    vip, premium, all_of_them = sheets.queues["vip"], sheets.queues["premium"], sheets.total
    assert (vip.offered, vip.overflowed, vip.settled, vip.handled) == (1, 1, 1, 0)
    assert (premium.offered, premium.settled, premium.answered_within) == (1, 1, 1)
    assert (all_of_them.offered, all_of_them.overflowed, all_of_them.settled) == (1, 1, 1)
    assert (all_of_them.waited_seconds, all_of_them.answered_within) == (40.0, 0)


def test_a_call_that_found_two_queues_full_was_offered_to_three() -> None:
    log = Log()
    for queue, to in (("vip", "premium"), ("premium", "general")):
        log.add(EventType.QUEUE_OVERFLOWED, call="a", queue=queue, to=to, reason="full", depth=1)
    log.queued("a", "general")
    sheets = fold(log).sheets(10.0)
    assert [sheets.queues[name].offered for name in ("vip", "premium", "general")] == [1, 1, 1]
    assert [sheets.queues[name].overflowed for name in ("vip", "premium", "general")] == [1, 1, 0]
    assert sheets.total.offered == 1


def test_missed_offers_by_their_kind() -> None:
    log = Log()
    log.queued("a")
    for result in ("rejected", "busy", "no_answer", "unreachable", "withdrawn"):
        log.add(EventType.CALL_OFFERED, call="a", queue="support", agent="ann")
        log.add(EventType.CALL_OFFER_FAILED, call="a", queue="support", agent="ann", result=result)
    sheet = fold(log).sheets(1.0).agents["ann"]
    assert sheet.offers == 5
    assert sheet.offers_missed == {"rejected": 1, "busy": 1, "no_answer": 1, "unreachable": 1}


def test_the_calls_that_agents_make_are_no_customers_calls() -> None:
    log = Log()
    log.add(EventType.CALL_CONNECTED, call="a", agent="ann", wait_seconds=0.0, ring_seconds=1.0)
    log.add(EventType.CALL_ENDED, call="a", agent="ann", disposition="answered", talk_seconds=9.0)
    figures = total(log, 10.0)
    assert (figures["handled"], figures["conversations"]) == (0, 0)


def test_a_clock_that_was_set_back_takes_nothing_away() -> None:
    log = Log(100.0)
    log.agent("ann")
    log.state("ann", "offline", "available")
    log.at = 150.0
    log.state("ann", "available", "reserved")
    log.at = 120.0
    log.state("ann", "reserved", "available")
    log.at = 170.0
    log.state("ann", "available", "offline")
    seconds = fold(log, since=100.0).sheets(170.0).total.state_seconds
    assert (seconds["available"], seconds["reserved"]) == (70.0, 0.0)


def test_the_next_interval_begins_with_agents_and_calls_as_they_are() -> None:
    log = a_working_day()
    log.queued("late")
    made = fold(log)
    made.begin_anew(1000.0)
    log.at = 1010.0
    log.events.clear()
    log.connected("late", "ann", waited=760.0)
    made.take(log.events[0])
    sheets: Sheets = made.sheets(1020.0)
    assert (sheets.total.offered, sheets.total.handled, sheets.total.waited_seconds) == (0, 1, 760.0)
    assert sheets.total.state_seconds["offline"] == 20.0


def test_looking_changes_nothing() -> None:
    made = fold(a_working_day())
    first = made.sheets(300.0)
    assert made.sheets(300.0) == first
    assert made.sheets(310.0).total.state_seconds["offline"] == 60.0
