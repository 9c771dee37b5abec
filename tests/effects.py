"""The table of effects: for each setting the tests that show from outside what it does.

It is read from the marks of the tests, `@pytest.mark.effect("general.domain")`, without importing them.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from callengine.config.schema import SECTIONS, TABLES, declared

TESTS = Path(__file__).resolve().parent


def settings() -> list[str]:
    """The full name of every setting, those of tables as `queues.NAME.capacity`, in the schema's order."""
    fixed = [f"{section}.{key}" for section, kind in SECTIONS.items() for key in declared(kind)]
    return fixed + [f"{table}.NAME.{key}" for table, kind in TABLES.items() for key in declared(kind)]


@cache
def effects(root: Path = TESTS) -> Mapping[str, list[str]]:
    """The tests that are marked for each setting, as `tests/folder/module.py::test`."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(root.rglob("test_*.py")):
        for test in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(test, ast.FunctionDef) and test.name.startswith("test_"):
                for setting in _marked(test):
                    found[setting].append(f"{path.relative_to(root.parent).as_posix()}::{test.name}")
    return found


def _marked(test: ast.FunctionDef) -> Iterator[str]:
    for decorator in test.decorator_list:
        match decorator:
            case ast.Call(func=ast.Attribute(attr="effect"), args=[ast.Constant(value=str(setting))]):
                yield setting
