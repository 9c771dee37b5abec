"""Skills: what is written is read or refused, and what is required relaxes with waiting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.callcenter.routing import skills
from callengine.callcenter.routing.skills import Need, Requirement, lacks, meets, proficiency, read_steps

STEPS = read_steps(
    [
        {"all": ["french>=3", "billing"]},
        {"after_seconds": 30, "all": ["french>=1"], "any": ["gold", "silver>=2"]},
        {"after_seconds": 60.5},
    ]
)


def test_a_skill_without_a_level_means_one() -> None:
    assert STEPS[0].requirement == Requirement(all=(Need("french", 3), Need("billing", 1)))
    assert STEPS[1].requirement.any == (Need("gold", 1), Need("silver", 2))


@pytest.mark.parametrize(
    ("waited", "step"), [(0.0, 0), (29.999, 0), (30.0, 1), (60.4, 1), (60.5, 2), (9999.0, 2)]
)
def test_the_step_goes_by_the_waiting_time(waited: float, step: int) -> None:
    assert skills.step_at(STEPS, waited) == step
    assert skills.requirement_at(STEPS, waited) == STEPS[step].requirement


def test_without_steps_nothing_is_required() -> None:
    assert skills.step_at((), 5.0) is None
    assert skills.requirement_at((), 5.0) == skills.NOTHING
    assert skills.next_step_after((), 5.0) is None


def test_when_the_next_step_begins() -> None:
    assert [skills.next_step_after(STEPS, waited) for waited in (0.0, 30.0, 60.5)] == [30.0, 60.5, None]


@pytest.mark.parametrize(
    ("step", "levels", "lacking"),
    [
        (0, {"french": 3, "billing": 1}, None),
        (0, {"french": 2, "billing": 1}, "french>=3"),
        (0, {"french": 10}, "billing>=1"),
        (1, {"french": 1, "silver": 2}, None),
        (1, {"french": 1, "gold": 1}, None),
        (1, {"french": 1, "silver": 1}, "gold>=1 or silver>=2"),
        (2, {}, None),
    ],
)
def test_what_an_agent_lacks(step: int, levels: dict[str, int], lacking: str | None) -> None:
    assert lacks(STEPS[step].requirement, levels) == lacking


@pytest.mark.parametrize(
    "written",
    [
        "french",
        {"all": ["french"]},
        [["french"]],
        [{"all": "french"}],
        [{"all": [3]}],
        [{"all": ["french>3"]}],
        [{"all": ["french>=0"]}],
        [{"all": ["french>=11"]}],
        [{"all": ["french >= 3"]}],
        [{"all": [""]}],
        [{"all": ["f" * 65]}],
        [{"skills": ["french"]}],
        [{"after_seconds": 5}],
        [{"after_seconds": -1}],
        [{"after_seconds": True}],
        [{"after_seconds": "0"}],
        [{"after_seconds": float("nan")}],
        [{}, {"after_seconds": 0}],
        [{}, {"after_seconds": 9}, {"after_seconds": 8}],
        [{}, {"after_seconds": 86401}],
    ],
)
def test_what_is_written_wrong_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="a list of steps"):
        read_steps(written)


needs = st.lists(
    st.builds(Need, st.sampled_from(["french", "gold", "silver"]), st.integers(1, 10)), max_size=3
).map(tuple)
requirements = st.builds(Requirement, needs, needs)
levels = st.dictionaries(st.sampled_from(["french", "gold", "silver", "latin"]), st.integers(1, 10))


@given(st.lists(requirements, max_size=5))
def test_what_is_read_is_what_was_written(wanted: list[Requirement]) -> None:
    steps = tuple(skills.Step(10.0 * number, each) for number, each in enumerate(wanted))
    assert read_steps(skills.plain(steps)) == steps
    for each in wanted:
        assert skills.read_requirement(skills.plain_requirement(each)) == each


@given(requirements, levels)
def test_who_lacks_nothing_meets_it(required: Requirement, has: dict[str, int]) -> None:
    assert (lacks(required, has) is None) == meets(required, has)


@given(requirements, levels, st.sampled_from(["french", "gold", "silver"]))
def test_a_better_agent_is_no_worse(required: Requirement, has: dict[str, int], skill: str) -> None:
    better = has | {skill: 10}
    assert meets(required, better) or not meets(required, has)
    if meets(required, has):
        assert proficiency(required, better) >= proficiency(required, has)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("french", True), ("grün-2", True), ("", False), ("a b", False), ("a:b", False), ("a\n", False)],
)
def test_what_a_skill_may_be_called(name: str, is_one: bool) -> None:
    assert skills.is_skill_name(name) is is_one


def test_which_skills_are_wanted_at_all() -> None:
    assert skills.named(STEPS) == {"french", "billing", "gold", "silver"}
