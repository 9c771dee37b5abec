"""Every setting has a test that shows its effect from outside, and no mark names a setting that is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.effects import effects, settings


@pytest.mark.parametrize("setting", settings())
def test_every_setting_has_its_test(setting: str) -> None:
    assert setting in effects(), f'no test is marked @pytest.mark.effect("{setting}")'


def test_no_mark_names_what_is_no_setting() -> None:
    assert sorted(effects().keys() - set(settings())) == []


def test_marks_are_found_on_tests_alone(tmp_path: Path) -> None:
    module = tmp_path / "tests" / "test_x.py"
    module.parent.mkdir()
    mark = '@pytest.mark.effect("log.level")\n'
    module.write_text(f"{mark}def test_one() -> None: ...\n\n{mark}def helper() -> None: ...\n")
    assert effects(module.parent) == {"log.level": ["tests/test_x.py::test_one"]}
