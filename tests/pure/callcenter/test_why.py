"""Each word that says why an agent was chosen for a call, or what stood in its way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from callengine.callcenter.why import Standing, Wanted, explain
from callengine.vocabulary import AgentState

AT = 1000.0


def wants_french(levels: Mapping[str, int]) -> str | None:
    return None if levels.get("french", 0) >= 3 else "french>=3"


def why(*, chosen: str | None = "ann", wanted: dict[str, Any] | None = None, **standing: Any) -> list[str]:
    """The words for bob, while ann was chosen."""
    names = frozenset() if chosen is None else frozenset([chosen])
    return explain(Wanted(AT, names, **(wanted or {})), Standing("bob", **standing))


@pytest.mark.parametrize(
    ("word", "standing"),
    [
        ("not_registered", {"state": AgentState.OFFLINE, "is_registered": False}),
        ("signed_off", {"state": AgentState.OFFLINE}),
        ("paused:lunch", {"state": AgentState.PAUSED, "pause_reason": "lunch"}),
        ("wrap_up", {"state": AgentState.WRAP_UP}),
        ("reserved", {"state": AgentState.RESERVED, "load": 1}),
        ("busy", {"state": AgentState.BUSY, "load": 1}),
        ("at_capacity", {"state": AgentState.BUSY, "load": 2, "max_concurrent_calls": 2}),
        ("at_capacity", {"state": AgentState.RESERVED, "load": 2, "max_concurrent_calls": 2}),
        ("ranked_after", {"state": AgentState.BUSY, "load": 1, "max_concurrent_calls": 2}),
        ("ranked_after", {"state": AgentState.AVAILABLE}),
        ("delayed_after:rejected", {"delayed_until": AT + 1, "delayed_after": "rejected"}),
        ("ranked_after", {"delayed_until": AT, "delayed_after": "rejected"}),
        ("paused:lunch", {"load": 1, "max_concurrent_calls": 2, "pause_next_reason": "lunch"}),
        ("wrap_up", {"load": 1, "max_concurrent_calls": 2, "wrap_up_until": AT + 9}),
        ("signed_off", {"load": 1, "max_concurrent_calls": 2, "is_signed_on": False}),
    ],
)
def test_the_agents_own_standing(word: str, standing: dict[str, Any]) -> None:
    assert why(**({"state": AgentState.AVAILABLE} | standing)) == [word]


@pytest.mark.parametrize(
    ("word", "wanted", "standing"),
    [
        ("tier_not_open", {"open_tier": 1}, {"tier": 2}),
        ("ranked_after", {"open_tier": 2}, {"tier": 2}),
        ("ranked_after", {"open_tier": 0}, {"tier": 9}),
        ("lacks_skill:french>=3", {"lacks": wants_french}, {"skills": {"french": 2}}),
        ("ranked_after", {"lacks": wants_french}, {"skills": {"french": 3}}),
        ("not_preferred", {"preferred": "ann"}, {}),
        ("ranked_after", {"preferred": "bob"}, {}),
        ("missed_this_call", {"missed": frozenset(["bob"])}, {}),
    ],
)
def test_what_the_call_wants(word: str, wanted: dict[str, Any], standing: dict[str, Any]) -> None:
    assert why(state=AgentState.AVAILABLE, wanted=wanted, **standing) == [word]


def test_all_that_stands_in_the_way_is_told() -> None:
    reasons = why(
        state=AgentState.PAUSED,
        pause_reason="lunch",
        delayed_until=AT + 5,
        delayed_after="no_answer",
        tier=2,
        wanted={
            "open_tier": 1,
            "lacks": wants_french,
            "preferred": "ann",
            "missed": frozenset(["bob"]),
        },
    )
    assert reasons == [
        "paused:lunch",
        "delayed_after:no_answer",
        "tier_not_open",
        "lacks_skill:french>=3",
        "not_preferred",
        "missed_this_call",
    ]


def test_who_was_chosen_was_chosen_whatever_it_missed() -> None:
    wanted = {"missed": frozenset(["bob"])}
    assert why(state=AgentState.AVAILABLE, chosen="bob", wanted=wanted) == ["chosen"]


def test_nobody_is_chosen_while_a_call_waits() -> None:
    assert why(state=AgentState.AVAILABLE, chosen=None) == ["free"]
    assert why(state=AgentState.WRAP_UP, chosen=None) == ["wrap_up"]
