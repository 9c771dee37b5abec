"""`log.*`: each setting at two values, seen in the lines that a service of its own writes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.fakes import warm
from tests.gevent.callcenter.conftest import Desk
from tests.gevent.effects.outside import MakeDesk

PROGRAM = """
import gevent
from gevent.monkey import get_original
from loguru import logger
from callengine.app import CallCenter
center = CallCenter.from_settings()
start = center.start

def begin():
    start()
    gevent.sleep(0.6)
    get_original("time", "sleep")(0.5)
    for level in ("DEBUG", "INFO", "WARNING", "ERROR"):
        logger.log(level, "planted {}", "-" * 500)
    gevent.sleep(0.3)
    center.stop_soon()

center.start = begin
center.run()
raise SystemExit
"""
"""A service that holds its hub for half a second, logs a line of each level, and stops."""


def lines_of(desk: Desk, **settings: str) -> str:
    """What the service writes to standard error with these settings of `log`."""
    variables = {f"CALLENGINE_LOG__{key}": value for key, value in settings.items()}
    done = warm.run("serve", environment={**os.environ, **desk.environ, **variables}, before=PROGRAM)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.effect("log.level")
@pytest.mark.effect("log.format")
@pytest.mark.effect("log.file")
@pytest.mark.effect("log.hub_blocked_ms")
@pytest.mark.effect("log.statistics_interval_seconds")
def test_the_lines_are_as_the_settings_say(make_desk: MakeDesk, tmp_path: Path) -> None:
    desk = make_desk(open_now=False)
    file = tmp_path / "service.log"
    plain = lines_of(desk, HUB_BLOCKED_MS="100", STATISTICS_INTERVAL_SECONDS="0.2")
    other = {"FORMAT": "json", "LEVEL": "WARNING", "FILE": str(file)}
    assert lines_of(desk, HUB_BLOCKED_MS="60000", **other) == ""
    documents = [json.loads(line) for line in file.read_text().splitlines()]
    assert " INFO " in plain
    assert "planted" in plain
    assert {document["level"] for document in documents if "planted" in document["message"]} == {
        "WARNING",
        "ERROR",
    }
    assert "greenlets have been waiting" in plain
    assert "greenlets have been waiting" not in file.read_text()
    assert "total_calls 0" in plain
    assert "total_calls" not in file.read_text()


@pytest.mark.effect("log.rotation")
@pytest.mark.parametrize(("size", "is_set_aside"), [("1 kB", True), ("1 MB", False)])
def test_a_full_log_file_is_set_aside(
    make_desk: MakeDesk, tmp_path: Path, size: str, is_set_aside: bool
) -> None:
    desk = make_desk(open_now=False)
    lines_of(desk, FILE=str(tmp_path / "service.log"), ROTATION=size, LEVEL="DEBUG")
    assert (tmp_path / "service.log.1").exists() == is_set_aside
