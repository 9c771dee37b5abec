"""Queues of the database are held again to settings that have changed since they were defined."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from callengine.config import load
from callengine.errors import SettingsError
from tests.fakes.packages import install_example
from tests.gevent.callcenter.conftest import Desk
from tests.gevent.effects.outside import MakeDesk, run_command
from tests.gevent.service.test_ending import center_of

SALES = {"QUEUES__SALES__CAPACITY": "5"}
DAYS = {"HOURS__DAYS__MONDAY": '["09:00-17:00"]'}
GOLD = {"ROUTING__ENABLE_SKILLS_ROUTING": "true"}

CASES: dict[str, tuple[dict[str, str], dict[str, str], dict[str, str], str]] = {
    "overflow": (
        SALES,
        {"overflow_queue": "sales"},
        {},
        'queues.night.overflow_queue = "sales": there is no queue sales',
    ),
    "destination": (
        SALES,
        {"final_destination": "queue:sales"},
        {},
        'queues.night.final_destination = "queue:sales": there is no queue sales',
    ),
    "hours": (DAYS, {"hours": "days"}, {}, 'queues.night.hours = "days": there is no table hours.days'),
    "skills": (
        GOLD,
        {"skills": '[{all = ["gold>=1"]}]'},
        {"ROUTING__ENABLE_SKILLS_ROUTING": "false"},
        'queues.night.skills = [{"after_seconds": 0.0, "all": ["gold>=1"], "any": []}]: not allowed while '
        "routing.enable_skills_routing is off",
    ),
    "ring timeout": (
        {},
        {"ring_timeout_seconds": "20"},
        {"ROUTING__AGENT_ASSIGNMENT_TIMEOUT_SECONDS": "10", "QUEUES__SUPPORT__RING_TIMEOUT_SECONDS": "5"},
        "queues.night.ring_timeout_seconds = 20: must not be above routing.agent_assignment_timeout_seconds",
    ),
    "defined twice": (
        {},
        {},
        {"QUEUES__NIGHT__CAPACITY": "5"},
        "queues.night: a queue of that name is defined in the database too",
    ),
}
"""The settings at first, what the queue `night` is set to, what the settings are later, and what is said."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in which packages are installed, for this process alone."""
    directory = tmp_path / "site"
    directory.mkdir()
    monkeypatch.syspath_prepend(directory)
    return directory


def done(desk: Desk, *arguments: str) -> str:
    result = run_command(desk, *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def become(desk: Desk, before: dict[str, str], after: dict[str, str]) -> None:
    """Other settings, on the same database."""
    for key in before:
        del desk.environ[f"CALLENGINE_{key}"]
    desk.environ |= {f"CALLENGINE_{key}": value for key, value in after.items()}
    desk.settings = load(desk.environ)


def adding(given: dict[str, str]) -> list[str]:
    return [word for key, value in given.items() for word in ("--set", f"{key}={value}")]


@pytest.mark.parametrize("case", CASES)
def test_a_start_that_contradicts_one_is_refused_by_name(make_desk: MakeDesk, case: str) -> None:
    before, given, after, told = CASES[case]
    desk = make_desk(open_now=False, **before)
    done(desk, "queues", "add", "night", *adding(given))
    assert done(desk, "config", "check").startswith("The settings are good")
    become(desk, before, after)
    checked = run_command(desk, "config", "check")
    assert (checked.returncode, told in checked.stderr) == (1, True), checked.stderr
    with pytest.raises(SettingsError) as refused:
        desk.open()
    assert told in str(refused.value)
    done(desk, "queues", "remove", "night")
    assert done(desk, "config", "check").startswith("The settings are good")
    desk.open()


def test_a_strategy_whose_package_is_gone_is_refused(make_desk: MakeDesk, site: Path) -> None:
    install_example(site)
    desk = make_desk(open_now=False)
    done(desk, "queues", "add", "night", "--set", "strategy=experienced_first")
    for info in site.glob("*.dist-info"):
        shutil.rmtree(info)
    with pytest.raises(SettingsError, match=r'queues\.night\.strategy = "experienced_first": '):
        desk.open()
    done(desk, "queues", "set", "night", "strategy=longest_idle")
    desk.open()


def test_a_reload_that_contradicts_one_is_refused_and_changes_nothing(make_desk: MakeDesk) -> None:
    desk = make_desk(**SALES, NUMBERS__SALES__DESTINATION="queue:sales")
    center_of(desk)._require_parts().administration.queues.add("night", {"overflow_queue": "sales"})
    rows = everything(desk)
    without = {key: value for key, value in desk.environ.items() if "SALES" not in key}
    with pytest.raises(SettingsError, match=r"queues\.night\.overflow_queue = .*there is no queue sales"):
        center_of(desk).reload(load(without))
    assert everything(desk) == rows
    assert desk.phone().call("sales").answered.is_set()


def everything(desk: Desk) -> list[Any]:
    return [
        *desk.rows("select * from queues order by id"),
        *desk.rows("select * from event_log order by number"),
    ]


def test_all_that_is_wrong_is_said_at_once(make_desk: MakeDesk) -> None:
    desk = make_desk(open_now=False, **SALES, **DAYS)
    done(desk, "queues", "add", "night.2", "--set", "overflow_queue=sales", "--set", "hours=days")
    become(desk, SALES | DAYS, {"NUMBERS__X__DESTINATION": "queue:nigth"})
    lines = run_command(desk, "config", "check").stderr.splitlines()
    assert [line.partition(" = ")[0].rpartition(" ")[2] for line in lines if " = " in line] == [
        "queues.night.2.overflow_queue",
        "queues.night.2.hours",
        "numbers.x.destination",
    ]


def test_the_command_line_mends_what_a_start_refuses(make_desk: MakeDesk) -> None:
    desk = make_desk(open_now=False, **SALES)
    done(desk, "queues", "add", "night", "--set", "overflow_queue=sales")
    become(desk, SALES, {"NUMBERS__NOON__DESTINATION": "queue:noon"})
    done(desk, "queues", "set", "night", "overflow_queue=support")
    done(desk, "queues", "add", "noon")
    assert done(desk, "config", "check").startswith("The settings are good")
    desk.open()
    assert desk.phone().call("noon").answered.is_set()
