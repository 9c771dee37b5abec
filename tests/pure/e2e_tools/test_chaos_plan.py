"""The plan of a chaos run: drawn from its seed alone."""

from collections import Counter

from tests.e2e.recovery.plan import Deed, Target, make_plan


def test_the_same_seed_makes_the_same_plan() -> None:
    plan = make_plan(7, each=3, agents=50, callers=150)
    assert plan == make_plan(7, each=3, agents=50, callers=150)
    assert plan != make_plan(8, each=3, agents=50, callers=150)


def test_every_kind_is_there_as_often_as_asked() -> None:
    plan = make_plan(1, each=4, agents=5, callers=12)
    assert Counter(fault.kind for fault in plan) == {(target, deed): 4 for target in Target for deed in Deed}
    assert [fault.number for fault in plan] == list(range(1, 33))


def test_it_names_phones_that_there_are_and_times_at_its_pace() -> None:
    slow = make_plan(1, each=30, agents=5, callers=12)
    quick = make_plan(1, each=30, agents=5, callers=12, pace=0.5)
    assert {fault.index for fault in slow if fault.target is Target.AGENT} == set(range(5))
    assert {fault.index for fault in slow if fault.target is Target.CALLER} == set(range(12))
    assert all(2 <= fault.lasts <= 8 for fault in slow if fault.target in (Target.AGENT, Target.CALLER))
    assert max(fault.lasts for fault in quick) <= 4
