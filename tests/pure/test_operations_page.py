"""docs/operations.md explains every warning and error that the log can hold."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = " ".join((ROOT / "docs" / "operations.md").read_text(encoding="utf-8").split())
LOUD = {"warning", "error", "exception", "critical"}


def messages() -> Iterator[str]:
    """The texts of all loud log lines, with "..." where a value stands."""
    for module in (ROOT / "callengine").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                text = node.args[0] if node.args else None
                is_loud = node.func.attr in LOUD and ast.unparse(node.func.value).startswith("logger")
                if is_loud and isinstance(text, ast.Constant):
                    yield re.sub(r"\{[^}]*\}", "...", str(text.value))


@pytest.mark.parametrize("message", sorted(set(messages())))
def test_every_loud_line_is_explained(message: str) -> None:
    assert f"`{message}`" in PAGE


def test_there_are_such_lines() -> None:
    assert len(set(messages())) > 15
