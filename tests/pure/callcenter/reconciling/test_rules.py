"""The rules: a healthy picture disagrees about nothing, and each thing that is changed in it is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from callengine.callcenter.reconciling.picture import (
    AgentRow,
    CallRow,
    Disagreement,
    EntryRow,
    KnownAgent,
    KnownLeg,
    LegRow,
    OfferRow,
    Picture,
    QueueRow,
    Story,
)
from callengine.callcenter.reconciling.rules import disagreements, expected_loads
from callengine.callcenter.repair_reasons import Reason

UP = KnownLeg(is_up=True, is_confirmed=True, dialog_is_known=True)
RINGS = KnownLeg(is_up=True, is_confirmed=False, dialog_is_known=True)
OVER = KnownLeg(is_up=False, is_confirmed=True, dialog_is_known=False)

HEALTHY = Picture(
    now=1000.0,
    max_call_seconds=7200.0,
    calls={
        "waiting": CallRow("waiting", "queued", None),
        "ringing": CallRow("ringing", "offered", None),
        "talking": CallRow("talking", "connected", 900.0),
    },
    entries={
        "e-waiting": EntryRow("e-waiting", "waiting", 1, "waiting", 1100.0),
        "e-ringing": EntryRow("e-ringing", "ringing", 1, "offered", 1100.0),
    },
    offers={
        "o-ringing": OfferRow("o-ringing", "ringing", "e-ringing", 1, "ringing", 1010.0),
        "o-talking": OfferRow("o-talking", "talking", "e-talking", 2, "connected", 910.0),
    },
    legs={
        "l-waiting": LegRow("l-waiting", "waiting", None, None, "connected", None),
        "l-ringing": LegRow("l-ringing", "ringing", None, None, "connected", None),
        "l-alice": LegRow("l-alice", "ringing", "o-ringing", 1, "inviting", None),
        "l-talking": LegRow("l-talking", "talking", None, None, "connected", None),
        "l-bob": LegRow("l-bob", "talking", "o-talking", 2, "connected", None),
        "l-carol": LegRow("l-carol", "gone", "o-gone", 3, "ending", "bye"),
        "l-spare": LegRow("l-spare", "talking", "o-talking", 2, "ending", "completed_elsewhere"),
    },
    agents={
        1: AgentRow(1, "alice", "reserved", 1, None),
        2: AgentRow(2, "bob", "busy", 1, None),
        3: AgentRow(3, "carol", "busy", 1, None),
        4: AgentRow(4, "dave", "available", 0, None),
        5: AgentRow(5, "erin", "wrap_up", 0, 1005.0),
        6: AgentRow(6, "frank", "offline", 0, None),
        7: AgentRow(7, "grace", "paused", 0, None),
    },
    registered=frozenset([1, 2, 3, 4, 5, 7]),
    queues={1: QueueRow(1, "support", 2), 2: QueueRow(2, "sales", 0)},
    stories={
        "waiting": Story("e-waiting", frozenset(), False, False, True, ()),
        "ringing": Story("e-ringing", frozenset(["o-ringing"]), False, False, False, ()),
        "talking": Story("e-talking", frozenset(["o-talking"]), False, True, False, ()),
        "gone": Story("e-gone", frozenset(["o-gone"]), True, True, False, ()),
    },
    known_legs={
        **dict.fromkeys(["l-waiting", "l-ringing", "l-talking", "l-bob", "l-carol", "l-spare"], UP),
        "l-alice": UP._replace(is_confirmed=False, dialog_is_known=True),
    },
    clearing=frozenset(["l-carol", "l-spare"]),
    roster={
        1: KnownAgent("reserved", 1, False),
        2: KnownAgent("busy", 1, False),
        3: KnownAgent("busy", 1, False),
        4: KnownAgent("available", 0, False),
        5: KnownAgent("wrap_up", 0, False),
        6: KnownAgent("offline", 0, False),
        7: KnownAgent("paused", 0, False),
    },
    media=frozenset(["l-waiting", "l-ringing", "l-alice", "l-talking", "l-bob", "l-carol", "l-spare"]),
)


def without(mapping: Mapping[Any, Any], key: object) -> dict[Any, Any]:
    return {each: value for each, value in mapping.items() if each != key}


def changed(mapping: Mapping[Any, Any], key: object, **values: object) -> dict[Any, Any]:
    return {**mapping, key: mapping[key]._replace(**values)}


H = HEALTHY
WRONG: list[tuple[Reason, str | int, dict[str, Any]]] = [
    (Reason.CALL_WITHOUT_STORY, "waiting", {"stories": without(H.stories, "waiting")}),
    (Reason.CALL_PAST_ITS_LEASE, "talking", {"calls": changed(H.calls, "talking", connected_at=-6300.0)}),
    (
        Reason.ENTRY_WITHOUT_CALL,
        "e-gone",
        {
            "entries": {**H.entries, "e-gone": EntryRow("e-gone", "gone", 2, "waiting", 1100.0)},
            "queues": changed(H.queues, 2, depth=1),
        },
    ),
    (
        Reason.ENTRY_OFFERED_TO_NOBODY,
        "e-waiting",
        {"entries": changed(H.entries, "e-waiting", state="offered")},
    ),
    (
        Reason.ENTRY_PAST_ITS_LEASE,
        "e-waiting",
        {"entries": changed(H.entries, "e-waiting", expires_at=999.0)},
    ),
    (
        Reason.CALLER_NOT_IN_LINE,
        "e-waiting",
        {"stories": changed(H.stories, "waiting", is_in_line=False)},
    ),
    (Reason.DEPTH_DIFFERS, 1, {"queues": changed(H.queues, 1, depth=3)}),
    (Reason.DEPTH_DIFFERS, 2, {"queues": changed(H.queues, 2, depth=1)}),
    (
        Reason.OFFER_WITHOUT_STORY,
        "o-ringing",
        {"stories": changed(H.stories, "ringing", offer_ids=frozenset(["other"]))},
    ),
    (Reason.OFFER_PAST_ITS_LEASE, "o-ringing", {"offers": changed(H.offers, "o-ringing", deadline_at=999.0)}),
    (
        Reason.OFFER_WITHOUT_CALL,
        "o-gone",
        {"offers": {**H.offers, "o-gone": OfferRow("o-gone", "gone", "e-gone", 3, "connected", 1.0)}},
    ),
    (Reason.LEG_PAST_ITS_LEASE, "l-carol", {"clearing": frozenset(["l-spare"])}),
    (Reason.LEG_WITHOUT_DIALOG, "l-bob", {"known_legs": {**H.known_legs, "l-bob": OVER}}),
    (Reason.LEG_WITHOUT_DIALOG, "l-bob", {"known_legs": without(H.known_legs, "l-bob")}),
    (
        Reason.LEG_WITHOUT_DIALOG,
        "l-gone",
        {"legs": {**H.legs, "l-gone": LegRow("l-gone", "gone", None, None, "connected", None)}},
    ),
    (
        Reason.DIALOG_NOT_KNOWN,
        "l-bob",
        {"known_legs": changed(H.known_legs, "l-bob", dialog_is_known=False)},
    ),
    (Reason.DIALOG_WITHOUT_LEG, "x;y", {"strange_dialogs": frozenset(["x;y"])}),
    (Reason.LEG_WITHOUT_MEDIA, "l-bob", {"media": frozenset(H.media or ()) - {"l-bob"}}),
    (Reason.MEDIA_WITHOUT_LEG, "stray", {"media": frozenset(H.media or ()) | {"stray"}}),
    (
        Reason.AGENT_LOAD_DIFFERS,
        1,
        {"agents": changed(H.agents, 1, load=2), "roster": changed(H.roster, 1, load=2)},
    ),
    (
        Reason.AGENT_LOAD_DIFFERS,
        2,
        {
            "agents": changed(H.agents, 2, state="available", load=0),
            "roster": changed(H.roster, 2, state="available", load=0),
        },
    ),
    (
        Reason.AGENT_BUSY_WITHOUT_CALL,
        4,
        {
            "agents": changed(H.agents, 4, state="busy", load=1),
            "roster": changed(H.roster, 4, state="busy", load=1),
        },
    ),
    (Reason.WRAP_UP_PAST_ITS_LEASE, 5, {"agents": changed(H.agents, 5, wrap_up_until=999.0)}),
    (Reason.WRAP_UP_PAST_ITS_LEASE, 5, {"agents": changed(H.agents, 5, wrap_up_until=None)}),
    (Reason.AGENT_WITHOUT_PHONE, 4, {"registered": H.registered - {4}}),
    (Reason.AGENT_WITHOUT_PHONE, 7, {"registered": H.registered - {7}}),
    (Reason.AGENT_NOT_SIGNED_ON, 6, {"registered": H.registered | {6}}),
    (Reason.ROSTER_DIFFERS, 4, {"roster": changed(H.roster, 4, state="offline")}),
    (Reason.ROSTER_DIFFERS, 4, {"roster": without(H.roster, 4)}),
    (Reason.ROSTER_DIFFERS, 4, {"roster": changed(H.roster, 4, delayed_until=999.0)}),
    (Reason.ROSTER_DIFFERS, 4, {"agents": changed(H.agents, 4, delayed_until=1001.0)}),
    (Reason.ROSTER_DIFFERS, 2, {"agents": changed(H.agents, 2, pause_next_reason="lunch")}),
    (Reason.ROSTER_DIFFERS, 2, {"roster": changed(H.roster, 2, is_leaving=True)}),
    (Reason.AGENT_HELD_FOR_NOBODY, 4, {"roster": changed(H.roster, 4, held=True)}),
]


def test_what_is_healthy_disagrees_about_nothing() -> None:
    assert disagreements(HEALTHY) == []


@pytest.mark.parametrize(("reason", "key", "changes"), WRONG)
def test_each_is_found_alone(reason: Reason, key: str | int, changes: dict[str, Any]) -> None:
    found = disagreements(replace(HEALTHY, **changes))
    assert [(each.reason, each.key) for each in found] == [(reason, key)]


def test_a_story_whose_call_has_ended_is_found() -> None:
    calls = without(HEALTHY.calls, "waiting")
    entries, legs = without(HEALTHY.entries, "e-waiting"), without(HEALTHY.legs, "l-waiting")
    queues = changed(HEALTHY.queues, 1, depth=1)
    picture = replace(HEALTHY, calls=calls, entries=entries, legs=legs, queues=queues)
    assert disagreements(picture) == [Disagreement(Reason.STORY_WITHOUT_CALL, "waiting", "waiting")]


def test_every_reason_that_the_rules_give_is_tried_here() -> None:
    of_the_start = {Reason.ROWS_OF_ANOTHER_NODE, Reason.CLOCK_JUMPED, Reason.LEG_UNREADABLE}
    tried = {reason for reason, _, _ in WRONG} | {Reason.STORY_WITHOUT_CALL}
    assert tried == set(Reason) - of_the_start


def test_an_agent_that_was_signed_off_by_hand_may_have_a_phone() -> None:
    agents = changed(HEALTHY.agents, 6, signed_on=False)
    assert disagreements(replace(HEALTHY, agents=agents, registered=HEALTHY.registered | {6})) == []


def test_a_delay_that_is_over_is_none() -> None:
    agents = changed(HEALTHY.agents, 4, delayed_until=999.0)
    assert disagreements(replace(HEALTHY, agents=agents)) == []


def test_a_media_side_that_does_not_answer_tells_nothing() -> None:
    assert disagreements(replace(HEALTHY, media=None)) == []


def test_an_agent_that_dispatch_holds_for_a_caller_is_wanted() -> None:
    stories = changed(HEALTHY.stories, "waiting", is_in_line=False, agent_ids=(4,))
    held = changed(HEALTHY.roster, 4, held=True)
    assert disagreements(replace(HEALTHY, stories=stories, roster=held)) == []


def test_a_phone_that_refused_while_another_one_rings_is_left_to_the_offer() -> None:
    legs = {**HEALTHY.legs, "l-other": LegRow("l-other", "ringing", "o-ringing", 1, "inviting", None)}
    known = {**HEALTHY.known_legs, "l-other": OVER}
    assert disagreements(replace(HEALTHY, legs=legs, known_legs=known)) == []


def a_round_of_two(**changes: Any) -> Picture:
    """Dave is rung beside alice."""
    round_of_two = replace(
        H,
        offers={**H.offers, "o-dave": OfferRow("o-dave", "ringing", "e-ringing", 4, "ringing", 1010.0)},
        legs={**H.legs, "l-dave": LegRow("l-dave", "ringing", "o-dave", 4, "inviting", None)},
        stories=changed(H.stories, "ringing", offer_ids=frozenset(["o-ringing", "o-dave"])),
        known_legs={**H.known_legs, "l-dave": H.known_legs["l-alice"]},
        agents=changed(H.agents, 4, state="reserved", load=1),
        roster=changed(H.roster, 4, state="reserved", load=1),
        media=(H.media or frozenset()) | {"l-dave"},
    )
    return replace(round_of_two, **changes)


def test_a_round_of_two_is_healthy_and_each_of_its_offers_is_judged_by_itself() -> None:
    healthy = a_round_of_two()
    assert disagreements(healthy) == []
    late = a_round_of_two(offers=changed(healthy.offers, "o-dave", deadline_at=999.0))
    assert disagreements(late) == [Disagreement(Reason.OFFER_PAST_ITS_LEASE, "o-dave", "ringing")]
    stories = changed(healthy.stories, "ringing", offer_ids=frozenset(["o-ringing"]))
    unknown = a_round_of_two(stories=stories)
    assert Disagreement(Reason.OFFER_WITHOUT_STORY, "o-dave", "ringing") in disagreements(unknown)
    assert not [each for each in disagreements(unknown) if each.key == "o-ringing"]


def test_an_agent_whose_offer_was_withdrawn_is_held_until_its_phone_is_quiet() -> None:
    legs = changed(a_round_of_two().legs, "l-dave", state="ending", end_cause="withdrawn")
    picture = a_round_of_two(offers=H.offers, legs=legs, stories=H.stories, clearing=H.clearing | {"l-dave"})
    assert disagreements(picture) == []


def test_the_legs_of_an_offer_that_rings_at_two_phones_hold_one_agent_once() -> None:
    second = LegRow("l-alice-2", "ringing", "o-ringing", 1, "inviting", None)
    assert expected_loads(replace(HEALTHY, legs={**HEALTHY.legs, "l-alice-2": second})) == {1: 1, 2: 1, 3: 1}


def test_a_call_to_one_agent_holds_both_and_needs_no_place() -> None:
    """Dave calls erin: her phone rings, and he hears that."""
    picture = replace(
        HEALTHY,
        calls={**H.calls, "direct": CallRow("direct", "offered", None)},
        offers={**H.offers, "o-direct": OfferRow("o-direct", "direct", None, 5, "ringing", 1010.0)},
        legs={
            **H.legs,
            "l-dave": LegRow("l-dave", "direct", None, None, "inviting", None, made_by=4),
            "l-erin": LegRow("l-erin", "direct", "o-direct", 5, "inviting", None),
        },
        stories={**H.stories, "direct": Story(None, frozenset(["o-direct"]), False, False, False, ())},
        known_legs={**H.known_legs, "l-dave": RINGS, "l-erin": RINGS},
        agents={
            **H.agents,
            4: AgentRow(4, "dave", "busy", 1, None),
            5: AgentRow(5, "erin", "reserved", 1, None),
        },
        roster={**H.roster, 4: KnownAgent("busy", 1, False), 5: KnownAgent("reserved", 1, False)},
        media=(H.media or frozenset()) | {"l-dave", "l-erin"},
    )
    assert disagreements(picture) == []
    assert expected_loads(picture) == {1: 1, 2: 1, 3: 1, 4: 1, 5: 1}


@pytest.mark.parametrize("state", ["connected", "ending"])
def test_an_agent_s_own_call_holds_it_until_its_phone_is_quiet(state: str) -> None:
    own = {**H.legs, "l-dave": LegRow("l-dave", "gone", None, None, state, None, made_by=4)}
    assert expected_loads(replace(HEALTHY, legs=own))[4] == 1


def test_an_agent_that_calls_in_its_wrap_up_is_known_as_leaving() -> None:
    own = LegRow("l-erin", "talking", None, None, "connected", None, made_by=5)
    picture = replace(
        HEALTHY,
        legs={**H.legs, "l-erin": own},
        known_legs={**H.known_legs, "l-erin": UP},
        media=(H.media or frozenset()) | {"l-erin"},
        agents={**H.agents, 5: AgentRow(5, "erin", "busy", 1, 1005.0)},
        roster={**H.roster, 5: KnownAgent("busy", 1, False, True)},
    )
    assert disagreements(picture) == []
