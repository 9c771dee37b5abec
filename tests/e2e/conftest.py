"""What all end-to-end tests share: a line with the result, printed after everything else."""

from __future__ import annotations

import pytest

RESULT_LINES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Make room for the lines."""
    config.stash[RESULT_LINES] = []


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that look at what is left behind come last: until then the time for it passes."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Print them below pytest's own summary, so that the last line is the result."""
    lines = config.stash.get(RESULT_LINES, [])
    for line in sorted(lines, key=lambda line: line.startswith("Test Results")):
        print(line)


@pytest.fixture(scope="session")
def result_lines(pytestconfig: pytest.Config) -> list[str]:
    """A test adds what is to be said at the very end."""
    return pytestconfig.stash[RESULT_LINES]
