"""The judge of a chaos run finds what it is there to find: each rule, broken and kept."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.e2e.recovery.behaviour import Orders
from tests.e2e.recovery.floor import Floor, PhoneCall, PhoneSeen
from tests.e2e.recovery.judge import (
    HELD_SECONDS,
    IDLE_SECONDS,
    AgentWatch,
    bad_records,
    double_offers,
    lost_calls,
    out_of_order,
)
from tests.e2e.recovery.sound import pauses_between, silent_phones
from tests.e2e.recovery.stored import Stored


def offer(entry: str, agent: int, start: float, end: float | None, state: str = "ended") -> dict[str, Any]:
    return {
        "id": f"{entry}-{agent}-{start}",
        "entry_id": entry,
        "call_id": f"call of {entry}",
        "agent_id": agent,
        "state": state,
        "offered_at": start,
        "ended_at": end,
    }


def entry(name: str, arrived: float, left: float | None = None) -> dict[str, Any]:
    return {
        "id": name,
        "call_id": f"call of {name}",
        "queue_id": 1,
        "priority": 0,
        "first_arrived_at": arrived,
        "joined_at": arrived,
        "left_at": left,
    }


GOOD: dict[str, Any] = {
    "id": "call",
    "state": "ended",
    "disposition": "answered",
    "cause": "bye",
    "hung_up_by": "agent",
    "joined_at": 10.0,
    "connected_at": 30.0,
    "ended_at": 50.0,
    "wait_seconds": 20.0,
    "talk_seconds": 20.0,
    "ring_seconds": 1.0,
    "agent_id": 1,
    "entry_state": "connected",
    "offer_state": "ended",
    "offer_talk_seconds": 20.0,
    "caller_dialog": "sip caller",
    "agent_dialog": "sip agent",
}


def stored(
    *,
    calls: list[dict[str, Any]] | None = None,
    offers: list[dict[str, Any]] | None = None,
    entries: list[dict[str, Any]] | None = None,
    at: float = 100.0,
) -> Stored:
    return Stored(at, list(calls or []), list(offers or []), list(entries or []), [])


def seen(number: int, kind: str, *calls: PhoneCall) -> PhoneSeen:
    orders = Orders(number, kind, f"{kind}{number}", "", 1, 2, 3, "", "", 1.0, 2.0, 3.0)
    return PhoneSeen(orders, pid=1, calls={call.sip_call_id: call for call in calls})


def floor(caller: PhoneCall, agent: PhoneCall, **more: Any) -> Floor:
    """A floor of two phones, without any process."""
    made = Floor.__new__(Floor)
    made._lock = threading.RLock()
    made.phones = [seen(0, "agent", agent), seen(1, "caller", caller)]
    made.told, made.pauses, made.lateness, made.media_pids = [], [], [], {7}
    for name, value in more.items():
        setattr(made, name, value)
    return made


def calls_of_two(**of_caller: Any) -> tuple[PhoneCall, PhoneCall]:
    caller = PhoneCall(1, "sip caller", 9.0, answered_at=10.0, **of_caller)
    return caller, PhoneCall(0, "sip agent", 29.0, answered_at=30.0)


def test_who_was_hung_up_on_by_nobody_is_lost() -> None:
    caller, agent = calls_of_two(ended_at=50.0, by="remote", cause="bye")
    (found,) = lost_calls(floor(caller, agent), stored(calls=[GOOD]), up_since=0.0)
    assert (found.rule, found.call_id) == ("lost", "call")


@pytest.mark.parametrize(
    "excuse", ["agent hung up", "agent was ill", "caller hung up", "caller died", "younger"]
)
def test_who_has_a_reason_is_not_lost(excuse: str) -> None:
    caller, agent = calls_of_two(ended_at=50.0, by="remote", cause="bye")
    made = floor(caller, agent)
    match excuse:
        case "agent hung up":
            agent.hung_up_at = 49.9
        case "agent was ill":
            made.phones[0].troubles.append((40.0, 45.0))
        case "caller hung up":
            caller.hung_up_at = 49.0
        case "caller died":
            caller.died_at = 49.0
        case "younger":
            caller.ended_at = 101.0
    assert lost_calls(made, stored(calls=[GOOD]), up_since=0.0) == []


def test_a_phone_in_a_call_that_is_over_or_unknown_is_found() -> None:
    made = floor(*calls_of_two())
    assert len(lost_calls(made, stored(calls=[GOOD]), up_since=0.0)) == 1
    assert lost_calls(made, stored(calls=[GOOD]), up_since=95.0) == [], "its BYE may be on its way"
    assert len(lost_calls(made, stored(), up_since=0.0)) == 1
    living = {**GOOD, "state": "connected", "ended_at": None}
    assert lost_calls(made, stored(calls=[living]), up_since=0.0) == []


def test_two_offers_at_a_time_are_found() -> None:
    made = floor(*calls_of_two())
    fine = [offer("a", 1, 10, 20), offer("b", 1, 20, None), offer("a", 2, 21, None)]
    assert double_offers(made, stored(offers=fine)) == []
    same_agent = [offer("a", 1, 10, 20), offer("b", 1, 19, 30)]
    same_entry = [offer("a", 1, 10, None), offer("a", 2, 19, 30)]
    assert len(double_offers(made, stored(offers=same_agent))) == 1
    assert len(double_offers(made, stored(offers=same_entry))) == 1
    made.told.append({"event": "offered_twice", "phone": 0, "at": 1.0})
    assert len(double_offers(made, stored(offers=fine))) == 1


def test_who_is_passed_over_is_found() -> None:
    entries = [entry("first", 1.0), entry("second", 2.0)]
    (found,) = out_of_order(stored(entries=entries, offers=[offer("second", 1, 50, None)]), since=0.0)
    assert found.call_id == "call of first"


@pytest.mark.parametrize(
    ("before", "left"),
    [
        ([], 49.8),
        ([offer("first", 2, 40, 49.8, "busy")], None),
        ([offer("first", 2, 50.3, None)], None),
        ([offer("first", 1, 20, 21, "no_answer")], None),
        ([offer("third", 1, 30, 48), offer("first", 2, 40, 49, "busy")], None),
    ],
)
def test_who_was_not_in_line_or_had_missed_the_agent_is_not_passed_over(
    before: list[dict[str, Any]], left: float | None
) -> None:
    entries = [entry("third", 0.5, 48.0), entry("first", 1.0, left), entry("second", 2.0)]
    offers = sorted([*before, offer("second", 1, 50, None)], key=lambda each: float(each["offered_at"]))
    assert out_of_order(stored(entries=entries, offers=offers), since=49.9) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"cause": None},
        {"hung_up_by": None},
        {"talk_seconds": 19.0},
        {"wait_seconds": 19.0},
        {"entry_state": "offered"},
        {"offer_state": "connected"},
        {"agent_id": None},
        {"connected_at": None, "talk_seconds": None, "entry_state": "waiting"},
    ],
)
def test_a_record_that_lacks_something_is_found(wrong: dict[str, Any]) -> None:
    assert bad_records(stored(calls=[GOOD])) == []
    assert len(bad_records(stored(calls=[{**GOOD, **wrong}]))) == 1


def test_an_open_offer_of_an_ended_call_is_found() -> None:
    ringing = {**offer("a", 1, 40, None, "ringing"), "call_id": "call"}
    assert len(bad_records(stored(calls=[GOOD], offers=[ringing]))) == 1


@pytest.mark.parametrize(("state", "seconds"), [("busy", HELD_SECONDS), ("available", IDLE_SECONDS)])
def test_an_agent_that_is_held_or_idle_for_too_long_is_stuck(state: str, seconds: float) -> None:
    caller, agent = calls_of_two()
    made = floor(caller, agent)
    row = {"name": "agent0", "state": state, "load": 1}
    watch = AgentWatch()
    watch.look(made, [row], 0.0, waiting=9)
    watch.look(made, [row], seconds + 1, waiting=9)
    assert not watch.stuck, "its phone has a call"
    agent.ended_at = 50.0
    watch.look(made, [row], 100.0, waiting=9)
    watch.look(made, [row], 100.0 + seconds - 1, waiting=9)
    assert not watch.stuck
    watch.look(made, [row], 100.0 + seconds + 1, waiting=9)
    assert list(watch.stuck) == ["agent0"]


PAUSE: dict[str, Any] = {
    "phone": 1,
    "call": "sip caller",
    "from": 35.0,
    "to": 35.5,
    "lost": 0,
    "is_new": False,
    "waited": {"7": 0.1, "8": 0.2},
}


def test_a_pause_is_judged_without_what_the_machine_took() -> None:
    made = floor(*calls_of_two(), pauses=[PAUSE], lateness=[(35.4, 35.45), (90.0, 91.0)])
    (pause,) = pauses_between(made, stored(calls=[GOOD]), 34.0, 36.0)
    assert pause.call_id == "call"
    assert (pause.seconds, pause.own, pause.of_both) == pytest.approx((0.5, 0.35, 0.15))
    assert pauses_between(made, stored(calls=[GOOD]), 36.0, 37.0) == []
    made.phones[0].troubles.append((34.0, 36.0))
    assert pauses_between(made, stored(calls=[GOOD]), 34.0, 36.0) == [], "its peer was frozen"


def test_a_phone_that_hears_nothing_is_found_unless_the_other_one_is_gone() -> None:
    caller, agent = calls_of_two()
    made = floor(caller, agent)
    talking = stored(calls=[{**GOOD, "state": "connected", "ended_at": None}])
    heard = [(1, "sip caller", 38.0), (0, "sip agent", 39.9)]
    (found,) = silent_phones(made, talking, heard, 40.0)
    assert found.text.startswith("caller1")
    agent.hung_up_at = 39.0
    assert silent_phones(made, talking, heard, 40.0) == []
