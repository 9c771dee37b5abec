"""The same tests run on both databases; those about one alone stand in docs/testing.md; none is skipped."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
GEVENT = ROOT / "tests" / "gevent"

WHAT_A_KERNEL_MAY_LACK = {"test_udp.py", "test_writer.py"}
"""IPv6, and /dev/full."""

Row = tuple[str, str, str]


def marks(path: Path) -> Iterator[Row]:
    """File, kind of database and reason of each mark `about`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "about":
            kind, why = (ast.literal_eval(argument) for argument in node.args)
            yield str(path.relative_to(GEVENT)), kind, why


def rows() -> set[Row]:
    """The table of the page."""
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `([^`]+\.py)` \| (sqlite|postgresql) \| (.+) \|$", page, re.MULTILINE))


def test_what_runs_on_one_alone_stands_in_the_page() -> None:
    assert rows() == {row for path in GEVENT.rglob("test_*.py") for row in marks(path)}


def test_nothing_is_skipped() -> None:
    skipping = re.compile(r"pytest\.(skip|importorskip|xfail)|mark\.(skip|skipif|xfail)")
    found = {
        path.name
        for path in (ROOT / "tests").rglob("*.py")
        if path != Path(__file__) and skipping.search(path.read_text(encoding="utf-8"))
    }
    assert found == WHAT_A_KERNEL_MAY_LACK
