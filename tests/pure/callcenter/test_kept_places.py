"""Which place a caller takes back."""

from __future__ import annotations

from typing import Any

from callengine.callcenter.kept_places import place_to_take
from callengine.db.repositories.entries import EarlierPlace


def place(first: float, **values: Any) -> EarlierPlace:
    known = {"ended_at": first + 30, "connected_at": None, "disposition": "abandoned"}
    return EarlierPlace(first_arrived_at=first, **(known | values))


def test_the_latest_place_that_was_left_since_then() -> None:
    assert place_to_take([place(200), place(100)], since=220) == 200
    assert place_to_take([place(200), place(100)], since=231) is None
    assert place_to_take([], since=0) is None


def test_who_was_cut_off_or_gave_up_quickly_left_a_place_too() -> None:
    assert place_to_take([place(100, disposition="failed")], since=0) == 100
    assert place_to_take([place(100, disposition="short_abandoned")], since=0) == 100


def test_who_was_answered_or_sent_away_left_none() -> None:
    for disposition in ("answered", "timed_out", "rejected"):
        assert place_to_take([place(100, disposition=disposition)], since=0) is None
    assert place_to_take([place(100, connected_at=110.0, disposition="failed")], since=0) is None


def test_a_call_that_goes_on_has_left_nothing() -> None:
    assert place_to_take([place(100, ended_at=None, disposition=None)], since=0) is None


def test_a_place_is_taken_back_once() -> None:
    """Somebody calls from the same number, has the place, and a third call comes."""
    assert place_to_take([place(100, ended_at=None, disposition=None), place(100)], since=0) is None
    assert place_to_take([place(100, ended_at=500.0), place(100)], since=0) == 100
    answered = place(100, connected_at=300.0, disposition="answered")
    assert place_to_take([answered, place(100)], since=0) is None
