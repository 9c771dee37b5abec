"""Suspicions: only what stands through every look of a lease is due, and once."""

from __future__ import annotations

from callengine.callcenter.reconciling.picture import Disagreement
from callengine.callcenter.reconciling.suspicions import Suspicions
from callengine.callcenter.repair_reasons import Reason

ONE = Disagreement(Reason.DEPTH_DIFFERS, 1)
OTHER = Disagreement(Reason.DEPTH_DIFFERS, 2)


def test_what_has_stood_for_a_lease_is_due() -> None:
    suspicions = Suspicions(10.0)
    assert suspicions.note([ONE], 100.0) == []
    assert suspicions.note([ONE, OTHER], 105.0) == []
    assert suspicions.note([ONE, OTHER], 110.0) == [ONE]
    assert suspicions.note([OTHER], 115.0) == [OTHER]


def test_what_was_right_in_between_begins_anew() -> None:
    suspicions = Suspicions(10.0)
    suspicions.note([ONE], 100.0)
    suspicions.note([], 105.0)
    assert suspicions.note([ONE], 110.0) == []
    assert suspicions.note([ONE], 115.0) == []
    assert suspicions.note([ONE], 120.0) == [ONE]


def test_what_was_due_and_stands_still_is_due_after_another_lease() -> None:
    suspicions = Suspicions(10.0)
    suspicions.note([ONE], 100.0)
    assert suspicions.note([ONE], 110.0) == [ONE]
    assert suspicions.note([ONE], 115.0) == []
    assert suspicions.note([ONE], 125.0) == [ONE]
