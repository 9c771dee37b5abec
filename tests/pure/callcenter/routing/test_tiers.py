"""Tiers open one after the other while a caller waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.callcenter.routing.tiers import EVERY_TIER, open_tier, opens_after, read_place
from callengine.errors import BadRequest


@pytest.mark.parametrize(
    ("waited", "tier"), [(0.0, 1), (9.99, 1), (10.0, 2), (19.99, 2), (20.0, 3), (995.0, 100), (-5.0, 1)]
)
def test_each_tier_opens_after_another_wait(waited: float, tier: int) -> None:
    assert open_tier(waited, 10.0) == tier


def test_without_a_wait_all_are_open() -> None:
    assert open_tier(0.0, 0.0) == EVERY_TIER


@given(st.integers(2, 100), st.floats(0.001, 3600))
def test_a_tier_is_open_from_the_very_moment_when_it_opens(tier: int, wait: float) -> None:
    assert open_tier(opens_after(tier, wait), wait) == tier


@given(st.floats(0, 1e6), st.floats(0.01, 3600))
def test_what_is_closed_opens_later(waited: float, wait: float) -> None:
    tier = open_tier(waited, wait)
    assert opens_after(tier, wait) <= waited < opens_after(tier + 1, wait)


@pytest.mark.parametrize(("text", "place"), [("sales", ("sales", 1)), ("sales:3", ("sales", 3))])
def test_the_place_in_a_queue(text: str, place: tuple[str, int]) -> None:
    assert read_place(text) == place


@pytest.mark.parametrize(
    "text", ["", ":2", "sales:", "sales:0", "sales:101", "sales:x", "sales:1:2", "sales:²"]
)
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(BadRequest, match="allowed"):
        read_place(text)
