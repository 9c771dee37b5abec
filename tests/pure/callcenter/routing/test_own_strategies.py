"""Own strategies are found by entry point, and what is wrong with one does no harm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from callengine.callcenter.routing.base import Caller, Candidate, Order
from callengine.callcenter.routing.own_strategies import StrategyNotLoaded, found, guarded, load
from callengine.callcenter.routing.strategies import BUILT_IN, Strategies, names
from tests.fakes.packages import install, install_example

CANDIDATES = [Candidate(n, 10.0 * n, levels={"experience": n}) for n in (1, 2, 3)]


def backwards(_entry: Caller, candidates: Sequence[Candidate], _now: float) -> Iterator[Candidate]:
    return reversed(candidates)


def fails(_entry: Caller, _candidates: Sequence[Candidate], _now: float) -> Iterator[Candidate]:
    raise RuntimeError("no idea")


def fails_later(_entry: Caller, candidates: Sequence[Candidate], _now: float) -> Iterator[Candidate]:
    yield candidates[2]
    raise KeyError("broken")


def answers_a_stranger(_entry: Caller, _candidates: Sequence[Candidate], _now: float) -> Iterator[Candidate]:
    yield Candidate(2, 20.0)


def never_ends(_entry: Caller, candidates: Sequence[Candidate], _now: float) -> Iterator[Candidate]:
    while True:
        yield candidates[1]


def answers_names(_entry: Caller, _candidates: Sequence[Candidate], _now: float) -> list[str]:
    return ["alice"]


def answers_nothing(_entry: Caller, _candidates: Sequence[Candidate], _now: float) -> None:
    return None


@pytest.mark.parametrize(
    ("order", "expected", "complaint"),
    [
        (backwards, [3, 2, 1], None),
        (fails, [2, 3, 1], "RuntimeError: no idea"),
        (fails_later, [3, 2, 1], "KeyError"),
        (answers_a_stranger, [2, 3, 1], "no candidate"),
        (never_ends, [2, 3, 1], "or was one already"),
        (answers_names, [2, 3, 1], "AttributeError"),
        (answers_nothing, [2, 3, 1], "TypeError"),
    ],
)
def test_round_robin_decides_what_a_strategy_cannot(
    order: Order, expected: list[int], complaint: str | None
) -> None:
    told: list[str] = []
    entry = Caller("sales", last_agent_id=1)
    answered = list(guarded(order, entry, CANDIDATES, 100.0, on_failure=told.append))
    assert [each.agent_id for each in answered] == expected
    assert len(told) == (complaint is not None)
    assert complaint is None or complaint in told[0]


def test_who_is_left_out_stays_out() -> None:
    def only_the_first(_entry: Caller, candidates: Sequence[Candidate], _now: float) -> list[Candidate]:
        return [candidates[0]]

    answered = guarded(only_the_first, Caller("sales"), CANDIDATES, 100.0, on_failure=pytest.fail)
    assert [each.agent_id for each in answered] == [1]


def test_the_example_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "experienced_first" not in names()
    install_example(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert names() == [*BUILT_IN, "experienced_first"]
    strategies = Strategies()
    assert strategies.find("experienced_first") is None
    assert strategies.learn(["experienced_first", "round_robin"]) == []
    strategy = strategies.find("experienced_first")
    assert strategy is not None
    assert strategy.is_own
    usual = [each.agent_id for each in strategy.order(Caller("sales"), CANDIDATES, 100.0)]
    urgent = [each.agent_id for each in strategy.order(Caller("sales", priority=5), CANDIDATES, 100.0)]
    assert (usual, urgent) == ([1, 2, 3], [3, 2, 1])


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise ImportError('not today')", "ImportError: not today"),
        ("x = 1", "AttributeError"),
        ("order = 3", "is no function"),
    ],
)
def test_what_cannot_be_loaded_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, reason: str
) -> None:
    module = f"broken_{abs(hash(source))}"
    install(tmp_path, "broken", {"lame": f"{module}:order"}, **{module: source})
    monkeypatch.syspath_prepend(tmp_path)
    assert "lame" in names()
    (problem,) = Strategies().learn(["lame"])
    assert "lame" in problem
    assert reason in problem


def test_a_name_that_two_packages_bring_is_nobodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("one", "two"):
        install(tmp_path, package, {"twice": f"{package}_module:order"})
    monkeypatch.syspath_prepend(tmp_path)
    assert [each.name for each in found()] == ["twice", "twice"]
    with pytest.raises(StrategyNotLoaded, match="more than one package brings a strategy twice: one, two"):
        load("twice")


def test_a_name_of_ours_cannot_be_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "thief", {"random": "thief_module:order"})
    monkeypatch.syspath_prepend(tmp_path)
    assert names() == list(BUILT_IN)


def test_what_nobody_brings_is_told() -> None:
    assert Strategies().learn(["nothing"]) == ["no package brings a strategy nothing"]
