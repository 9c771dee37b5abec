"""`callengine media`: how settings and options become the worker's arguments."""

from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from loguru import logger

from callengine import log
from callengine.cli import group

ENVIRON = {
    "CALLENGINE_MEDIA__SOCKET": "/run/m.sock",
    "CALLENGINE_MEDIA__PORT_FIRST": "20000",
    "CALLENGINE_MEDIA__PORT_LAST": "20100",
    "CALLENGINE_MEDIA__TIMEOUT_SECONDS": "7",
    "CALLENGINE_GENERAL__LOCAL_IP": "127.0.0.3",
}


@pytest.fixture
def arguments(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    given: dict[str, Any] = {}
    monkeypatch.setattr("callengine.media.worker.run", lambda **keywords: given.update(keywords))
    yield given
    log.stop()
    logger.remove()


def test_from_the_settings(arguments: dict[str, Any]) -> None:
    result = CliRunner().invoke(group, ["media"], env=ENVIRON)
    assert result.exit_code == 0, result.output
    assert arguments.pop("hub_blocked")() == 0.0
    assert callable(arguments.pop("on_listening"))
    assert callable(arguments.pop("on_stopping"))
    assert arguments == {
        "socket_path": "/run/m.sock",
        "host": "127.0.0.3",
        "port_first": 20000,
        "port_last": 20100,
        "timeout_seconds": 7.0,
        "lease_seconds": 120.0,
        "ownerless_seconds": 120.0,
    }


def test_from_the_command_line(arguments: dict[str, Any]) -> None:
    result = CliRunner().invoke(group, ["media", "--socket", "/x.sock", "--lease", "3"], env=ENVIRON)
    assert result.exit_code == 0, result.output
    assert (arguments["socket_path"], arguments["lease_seconds"]) == ("/x.sock", 3.0)


def test_one_that_is_to_stay_needs_no_service(arguments: dict[str, Any]) -> None:
    result = CliRunner().invoke(group, ["media", "--stay"], env=ENVIRON)
    assert result.exit_code == 0, result.output
    assert arguments["ownerless_seconds"] is None


def test_a_lease_below_zero_is_wrong_use(arguments: dict[str, Any]) -> None:
    assert CliRunner().invoke(group, ["media", "--lease", "-1"], env=ENVIRON).exit_code == 2
    assert arguments == {}
