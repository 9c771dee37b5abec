"""Admission: which queue takes a caller, by which way, and with what it is refused."""

from __future__ import annotations

import pytest

from callengine.callcenter.admission import Look, Station, Step, Way, Why, find_way

VIP: dict[str, object] = {"overflow_queue": "premium"}
PREMIUM: dict[str, object] = {"overflow_queue": "general"}


def looking(hindrances: dict[str, Why], **rules: dict[str, object]) -> Look:
    settings: dict[str, dict[str, object]] = {"vip": VIP, "premium": PREMIUM, "general": {}} | rules

    def look(name: str) -> Station | None:
        if name not in settings:
            return None
        return Station(name, hindrances.get(name), **settings[name])  # type: ignore[arg-type]

    return look


def test_a_queue_that_has_room_takes_the_caller() -> None:
    assert find_way("vip", looking({})) == Way((), "vip")


@pytest.mark.parametrize("why", [Why.FULL, Why.CLOSED, Why.NO_AGENTS])
def test_one_that_does_not_hands_on(why: Why) -> None:
    assert find_way("vip", looking({"vip": why})) == Way((Step("vip", "premium", why),), "premium")


def test_along_the_chain_each_for_its_own_reason() -> None:
    way = find_way("vip", looking({"vip": Why.FULL, "premium": Why.CLOSED}))
    assert way == Way((Step("vip", "premium", Why.FULL), Step("premium", "general", Why.CLOSED)), "general")


def test_who_leaves_a_queue_does_not_join_it_again() -> None:
    way = find_way("vip", looking({}), leaving=Why.MAX_WAIT_TIME)
    assert way == Way((Step("vip", "premium", Why.MAX_WAIT_TIME),), "premium")


@pytest.mark.parametrize(
    ("general", "status"),
    [
        ({}, 486),
        ({"full_code": 480}, 480),
        ({"full_code": 600}, 600),
        ({"final_destination": "hangup:603", "full_code": 600}, 603),
    ],
)
def test_with_none_left_the_last_queue_says_how_the_caller_is_refused(
    general: dict[str, object], status: int
) -> None:
    full = dict.fromkeys(("vip", "premium", "general"), Why.FULL)
    way = find_way("vip", looking(full, general=general))
    assert (way.queue, way.status, way.why, way.last) == (None, status, Why.FULL, "general")
    assert [step.to for step in way.steps] == ["premium", "general"]


def test_the_final_destination_may_be_one_more_queue() -> None:
    look = looking({"general": Why.CLOSED}, general={"final_destination": "queue:night"}, night={})
    assert find_way("general", look) == Way((Step("general", "night", Why.CLOSED),), "night")


def test_an_overflow_queue_comes_before_the_final_destination() -> None:
    vip: dict[str, object] = {"overflow_queue": "premium", "final_destination": "queue:general"}
    assert find_way("vip", looking({"vip": Why.FULL}, vip=vip)).queue == "premium"
    assert find_way("vip", looking({"vip": Why.FULL}, vip=vip), with_overflow=False).queue == "general"


def test_without_overflow_the_first_queue_is_the_last() -> None:
    way = find_way("vip", looking({"vip": Why.FULL}), with_overflow=False)
    assert way == Way((), None, 486, False, Why.FULL, "vip")


def test_a_queue_that_is_gone_ends_the_way() -> None:
    look = looking({"vip": Why.FULL}, vip={"overflow_queue": "gone", "full_code": 480})
    assert find_way("vip", look) == Way((), None, 480, False, Why.FULL, "vip")
    assert find_way("gone", look) == Way((), None, 486, False, Why.CLOSED, "gone")


def test_a_circle_comes_to_an_end() -> None:
    full = dict.fromkeys(("vip", "premium"), Why.FULL)
    way = find_way("vip", looking(full, premium={"overflow_queue": "vip"}))
    assert (way.queue, way.last) == (None, "premium")
