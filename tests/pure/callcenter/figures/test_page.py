"""docs/figures.md has the definition of every figure."""

from pathlib import Path

import pytest

from callengine.callcenter.figures.sheet import SERVICE_LEVEL_FORMULA, Scope, Sheet

PAGE = (Path(__file__).parents[4] / "docs" / "figures.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("scope", Scope)
def test_every_figure_is_defined(scope: Scope) -> None:
    defined = {line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")}
    assert Sheet(scope).document().keys() <= defined


def test_the_formula_is_the_one_of_the_page() -> None:
    assert f"`{SERVICE_LEVEL_FORMULA}`" in PAGE
