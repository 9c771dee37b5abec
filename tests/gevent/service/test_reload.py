"""Settings that are taken over while the service runs, and those that are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from loguru import logger

from callengine.config import load
from callengine.errors import SettingsError
from tests.gevent.callcenter.conftest import Desk
from tests.gevent.effects.outside import run_command
from tests.gevent.service.test_ending import center_of, refusal

MakeDesk = Callable[..., Desk]


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What is logged meanwhile: level and text."""
    lines: list[str] = []
    number = logger.add(lambda message: lines.append(str(message).rstrip()), format="{level} {message}")
    yield lines
    logger.remove(number)


def reload_with(desk: Desk, **variables: str) -> None:
    """Read the settings again, with these variables too."""
    more = {f"CALLENGINE_{key}": value for key, value in variables.items()}
    center_of(desk).reload(load({**desk.environ, **more}))


def test_numbers_and_queues_are_taken_over(make_desk: MakeDesk, said: list[str]) -> None:
    desk = make_desk("alice")
    assert refusal(desk.phone(), "sales")[0] == 404
    reload_with(desk, QUEUES__SALES__CAPACITY="1", NUMBERS__SALES__DESTINATION="queue:sales")
    waiting = desk.phone().call("sales")
    assert refusal(desk.phone(), "sales")[0] == 486
    assert "INFO the settings were read again: queues.sales is new" in said
    assert "INFO the settings were read again: numbers.sales is new" in said
    reload_with(desk, QUEUES__SALES__CAPACITY="2", NUMBERS__SALES__DESTINATION="queue:sales")
    second = desk.phone().call("sales")
    assert "INFO the settings were read again: queues.sales.capacity: 1 becomes 2" in said
    reload_with(desk)
    assert refusal(desk.phone(), "sales")[0] == 404
    assert not waiting.ended.is_set()
    for session in (waiting, second):
        session.hang_up()
    desk.until("select count(*) from calls where disposition = 'abandoned'", 2)


def test_a_call_that_waits_gives_its_agent_the_new_wrap_up(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    caller = desk.phone().call("support")
    reload_with(desk, QUEUES__SUPPORT__WRAP_UP_SECONDS="60")
    alice = desk.agent("alice")
    alice.wait_for_call().confirmed.wait(5)
    caller.hang_up()
    desk.until("select state from agents", "wrap_up")


def test_what_cannot_change_now_is_said_each_time(make_desk: MakeDesk, said: list[str]) -> None:
    desk = make_desk()
    for _ in range(2):
        reload_with(desk, API__PORT="9999")
    warnings = [line for line in said if line.startswith("WARNING")]
    assert len(warnings) == 2
    assert "api.port" in warnings[0]
    assert "at the next start" in warnings[0]
    assert center_of(desk).settings.api.port == desk.settings.api.port


def test_nothing_changed_is_said_too(make_desk: MakeDesk, said: list[str]) -> None:
    desk = make_desk()
    reload_with(desk)
    assert "INFO the settings were read again: nothing has changed" in said


def test_a_refused_reload_changes_nothing(make_desk: MakeDesk) -> None:
    desk = make_desk()
    with pytest.raises(SettingsError, match="capacity"):
        reload_with(desk, QUEUES__SUPPORT__CAPACITY="none", NUMBERS__SALES__DESTINATION="queue:support")
    assert refusal(desk.phone(), "sales")[0] == 404


def test_wrong_settings_do_not_take_the_command_line_away(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    desk.environ |= {"CALLENGINE_SIP__PORT": "nonsense", "CALLENGINE_SIP__PROT": "1"}
    for command in (["status"], ["agents", "list"], ["calls", "list"], ["queues", "list"], ["drain"]):
        done = run_command(desk, *command)
        assert done.returncode == 0, done.stderr
    for command in (["config", "check"], ["agents", "add", "bob", "--password", "x"]):
        done = run_command(desk, *command)
        assert (done.returncode, "sip.port" in done.stderr) == (1, True)
