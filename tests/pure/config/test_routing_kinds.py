"""The kinds of value that routing knows."""

from __future__ import annotations

import pytest

from callengine.config.routing_kinds import SkillSteps, StrategyName


@pytest.mark.parametrize("value", ["round_robin", "random", "ring_all", "skills"])
def test_strategies_by_name(value: str) -> None:
    assert StrategyName().read(value) == value
    assert value in StrategyName().allowed


@pytest.mark.parametrize("value", ["", "RANDOM", 3, None, ["random"]])
def test_what_is_no_strategy(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        StrategyName().read(value)


def test_steps_are_read_in_full_and_shown_as_they_are_written() -> None:
    kind = SkillSteps()
    read = kind.read([{"all": ["french"]}, {"after_seconds": 30, "any": ["gold>=2"]}])
    assert read == (
        {"after_seconds": 0.0, "all": ["french>=1"], "any": []},
        {"after_seconds": 30.0, "all": [], "any": ["gold>=2"]},
    )
    assert kind.show(read) == list(read)
    assert kind.read(kind.show(read)) == read
    assert kind.read([]) == ()


@pytest.mark.parametrize("value", ["french", [{"after_seconds": 5}], [{"all": ["french>=11"]}], {}])
def test_what_are_no_steps(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        SkillSteps().read(value)
