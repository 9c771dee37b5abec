"""The hub watchdog: it sees a greenlet that holds all others, and only such."""

from collections.abc import Iterator

import gevent
import pytest
from gevent.monkey import get_original

from callengine.hub_watchdog import HubWatchdog

sleep_natively = get_original("time", "sleep")


@pytest.fixture
def reports() -> list[str]:
    return []


@pytest.fixture
def watchdog(reports: list[str]) -> Iterator[HubWatchdog]:
    watchdog = HubWatchdog(
        blocked_after_seconds=0.1, report=lambda message, stack: reports.append(message + stack)
    )
    watchdog.start()
    yield watchdog
    watchdog.stop()


def hold_everybody(seconds: float) -> None:
    sleep_natively(seconds)


def test_a_block_is_told_once_with_its_stack(watchdog: HubWatchdog, reports: list[str]) -> None:
    gevent.spawn(hold_everybody, 0.6).join()
    gevent.sleep(0.2)
    assert watchdog.blocks == 1
    assert "hold_everybody" in reports[0]
    assert "for this one" in reports[0]
    assert len(reports) == 1
    assert watchdog.blocked_seconds >= 0.4


def test_each_block_is_told(watchdog: HubWatchdog, reports: list[str]) -> None:
    for _ in range(2):
        hold_everybody(0.5)
        gevent.sleep(0.1)
    assert watchdog.blocks == len(reports) == 2


def test_a_hub_that_waits_is_not_blocked(watchdog: HubWatchdog, reports: list[str]) -> None:
    gevent.sleep(0.5)
    assert reports == []
    assert watchdog.blocked_seconds == 0.0


def test_it_stops(watchdog: HubWatchdog, reports: list[str]) -> None:
    watchdog.stop()
    hold_everybody(0.4)
    gevent.sleep(0.05)
    assert reports == []


def test_by_default_it_tells_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "callengine.log.from_native_thread",
        lambda level, message, stack: told.append((level, message + stack)),
    )
    watchdog = HubWatchdog(blocked_after_seconds=0.05)
    watchdog.start()
    hold_everybody(0.4)
    gevent.sleep(0.05)
    watchdog.stop()
    assert told[0][0] == "WARNING"
