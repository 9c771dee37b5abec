"""Callers, agents and time in random order: what must hold in every moment does, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.fakes.databases import Databases
from tests.fakes.paper_center import PaperCenter, paper_center
from tests.fakes.workers import Worker
from tests.gevent.callcenter.floor import Floor, OpenCenter


@pytest.fixture
def open_center(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> OpenCenter:
    """Opens call centers, each on a database of its own."""

    def make(workers: Sequence[Worker], **options: Any) -> AbstractContextManager[PaperCenter]:
        return paper_center(monkeypatch, databases.new(), workers, **options)

    return make


def run(open_center: OpenCenter, *, examples: int, is_the_same_each_time: bool) -> None:
    """Live through so many shifts. What fails is not made smaller: on a server no two runs are the same."""
    run_state_machine_as_test(
        cast(type[Floor], partial(Floor, open_center)),
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            derandomize=is_the_same_each_time,
            deadline=None,
            phases=[Phase.reuse, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_what_must_hold_does(open_center: OpenCenter) -> None:
    run(open_center, examples=8, is_the_same_each_time=True)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_what_must_hold_does_in_other_orders_each_time(open_center: OpenCenter) -> None:
    run(open_center, examples=300, is_the_same_each_time=False)
