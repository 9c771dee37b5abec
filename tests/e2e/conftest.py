"""What all end-to-end tests share: a line with the result, printed after everything else, and quiet.

`scripts/run_e2e.sh` runs streams of them side by side. It names a directory in `E2E_TURNS`: there a `quiet`
test holds the lock of the turns alone, and every other one together with those of the other streams; but for
the `last`, which only wait. Whoever has come to the door first has the next turn. `E2E_PART` is `audio`, for
the tests that judge audio (`alone`), or `silent`, for the others.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

RESULT_LINES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Make room for the lines."""
    config.stash[RESULT_LINES] = []


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Those that look at what is left behind come last: until then the time for it passes."""
    part = os.environ.get("E2E_PART")
    if part is not None:
        others = [item for item in items if _part(item) != part]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if _part(item) == part]
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


def _part(item: pytest.Item) -> str:
    return "audio" if item.get_closest_marker("alone") else "silent"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Before anybody counts the test's time."""
    turns = os.environ.get("E2E_TURNS")
    if turns is None or item.get_closest_marker("last") is not None:
        return (yield)
    with _locked(turns, fcntl.LOCK_EX if item.get_closest_marker("quiet") else fcntl.LOCK_SH):
        return (yield)


@contextmanager
def _locked(directory: str, kind: int) -> Iterator[None]:
    with open(f"{directory}/turns", "ab") as turns:
        with open(f"{directory}/door", "ab") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            fcntl.flock(turns, kind)
        yield


def pytest_unconfigure(config: pytest.Config) -> None:
    """Print them below pytest's own summary, so that the last line is the result."""
    lines = config.stash.get(RESULT_LINES, [])
    for line in sorted(lines, key=lambda line: line.startswith("Test Results")):
        print(line)


@pytest.fixture(scope="session")
def result_lines(pytestconfig: pytest.Config) -> list[str]:
    """A test adds what is to be said at the very end."""
    return pytestconfig.stash[RESULT_LINES]
