"""Rules among settings: each broken once, each told by name."""

from pathlib import Path

import pytest

from callengine.config import load
from callengine.config.loader import settings_directory
from callengine.errors import SettingsError
from tests.fakes.packages import install, install_example

PRODUCTION = {"CALLENGINE_ENV": "production"}


def problem(variables: dict[str, str]) -> str:
    environ = {f"CALLENGINE_{name}": value for name, value in variables.items()}
    with pytest.raises(SettingsError) as caught:
        load(environ=PRODUCTION | environ, directory=settings_directory())
    (line,) = caught.value.problems
    return line


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (
            {"MEDIA__PORT_LAST": "16384"},
            "media.port_last = 16384: must be above media.port_first, which is 16384",
        ),
        (
            {"SECURITY__OPEN_INBOUND": "true", "SIP__HOST": "192.0.2.1"},
            "security.open_inbound = true: allowed only while SIP listens on loopback alone;"
            " sip.host is 192.0.2.1 (set in variable CALLENGINE_SECURITY__OPEN_INBOUND)",
        ),
        (
            {"SIP__HOST": "0.0.0.0"},
            'sip.advertised_host = "0.0.0.0": must be an address that phones can reach',
        ),
        (
            {"DATABASE__ENABLE_WAL_MODE": "true", "DATABASE__URL": "postgresql://h/d"},
            "database.enable_wal_mode = true: PostgreSQL has no use for it",
        ),
        (
            {"DATABASE__SYNCHRONOUS": "full", "DATABASE__URL": "postgresql://h/d"},
            'database.synchronous = "full": PostgreSQL has no use for it',
        ),
        (
            {"DATABASE__ENABLE_FOREIGN_KEYS": "true", "DATABASE__URL": "postgresql://h/d"},
            "database.enable_foreign_keys = true: PostgreSQL has no use for it",
        ),
        ({"DATABASE__MAX_CONNECTIONS": "10"}, "database.max_connections = 10: SQLite has no use for it"),
        (
            {"DATABASE__POOL_IDLE_TIMEOUT_SECONDS": "300"},
            "database.pool_idle_timeout_seconds = 300: SQLite has no use for it",
        ),
        (
            {"QUEUES__SUPPORT__RING_TIMEOUT_SECONDS": "46"},
            "queues.support.ring_timeout_seconds = 46: must not be above"
            " routing.agent_assignment_timeout_seconds, which is 45",
        ),
        (
            {"QUEUES__SUPPORT__WRAP_UP_CODE_REQUIRED": "true"},
            "queues.support.wrap_up_code_required = true: allowed only with a wrap-up;"
            " queues.support.wrap_up_seconds is 0",
        ),
        (
            {
                "QUEUES__SUPPORT__SKILLS": '[{all = ["french>=3"]}]',
                "ROUTING__ENABLE_SKILLS_ROUTING": "false",
            },
            'queues.support.skills = [{"after_seconds": 0.0, "all": ["french>=3"], "any": []}]: not allowed'
            " while routing.enable_skills_routing is off",
        ),
        (
            {"QUEUES__SUPPORT__STRATEGY": "fastest"},
            'queues.support.strategy = "fastest": must be one of round_robin, longest_idle, fewest_calls,'
            " least_talk_time, random, top_down, ring_all, skills (set in",
        ),
        (
            {"ROUTING__AGENT_ASSIGNMENT_TIMEOUT_SECONDS": "10"},
            "queues.support.ring_timeout_seconds = 20: must not be above",
        ),
        (
            {"QUEUES__SUPPORT__OVERFLOW_QUEUE": "suport"},
            'queues.support.overflow_queue = "suport": there is no queue suport; did you mean support?',
        ),
        (
            {"QUEUES__SUPPORT__OVERFLOW_QUEUE": "support"},
            'overflow_queue = "support": callers would go round in a circle: support -> support',
        ),
        (
            {
                "QUEUES__SUPPORT__OVERFLOW_QUEUE": "b",
                "QUEUES__B__FINAL_DESTINATION": "queue:c",
                "QUEUES__C__OVERFLOW_QUEUE": "b",
            },
            'queues.c.overflow_queue = "b": callers would go round in a circle: b -> c -> b',
        ),
        (
            {"QUEUES__SUPPORT__FINAL_DESTINATION": "queue:zzz"},
            'queues.support.final_destination = "queue:zzz": there is no queue zzz (set in',
        ),
        (
            {"QUEUES__SUPPORT__HOURS": "ofice", "HOURS__OFFICE__TIME_ZONE": "UTC"},
            'queues.support.hours = "ofice": there is no table hours.ofice; did you mean office?',
        ),
        (
            {"HOURS__OFFICE__TIME_ZONE": "Europe/Berln"},
            'hours.office.time_zone = "Europe/Berln": must be a time zone of the IANA database',
        ),
        (
            {"HOURS__OFFICE__MONDAY": '["9-17"]'},
            'hours.office.monday = ["9-17"]: must be a list of ranges such as',
        ),
        (
            {"HOURS__OFFICE__HOLIDAYS": '["02-30"]'},
            'hours.office.holidays = ["02-30"]: must be a list of dates',
        ),
        (
            {"CALLERS__GOOD__NUMBERS": '["49*30"]'},
            'callers.good.numbers = ["49*30"]: 49*30: a * stands at the end alone',
        ),
        ({"QUEUES__SUPPORT__EXPIRES_AFTER_SECONDS": "-1"}, "must be a number from 0.001 to 86400"),
        ({"QUEUES__SUPPORT__KEEP_PLACE_SECONDS": "-1"}, "must be a number from 0 to 86400"),
        (
            {"QUEUES__SUPPORT__FULL_CODE": "503"},
            "queues.support.full_code = 503: must be one of 480, 486, 600",
        ),
        ({"QUEUES__SUPPORT__FINAL_DESTINATION": "hangup:200"}, "must be queue:NAME, hangup:CODE"),
        (
            {
                "NUMBERS__1__DESTINATION": "feature:pause:sleep",
                "AGENTS__PAUSE_REASONS": '["lunch", "training"]',
            },
            "pauses for sleep, which agents.pause_reasons does not have; "
            "allowed: feature:pause:lunch, feature:pause:training",
        ),
        (
            {"NUMBERS__1__DESTINATION": "feature:pause", "AGENTS__PAUSE_REASONS": '["lunch"]'},
            "pauses for feature, which agents.pause_reasons does not have",
        ),
        ({"MEDIA__SOCKET": "/" + "x" * 107}, "a Unix socket's path has at most 107 bytes"),
    ],
)
def test_a_breach_is_refused_by_name(variables: dict[str, str], told: str) -> None:
    assert told in problem(variables)


@pytest.mark.parametrize(
    "variables",
    [
        {"SECURITY__OPEN_INBOUND": "true", "SIP__HOST": "127.0.0.2"},
        {"SIP__HOST": "0.0.0.0", "SIP__ADVERTISED_HOST": "192.0.2.1"},
        {"NUMBERS__1__DESTINATION": "feature:pause:lunch", "AGENTS__PAUSE_REASONS": '["lunch"]'},
        {"NUMBERS__1__DESTINATION": "feature:pause"},
        {"NUMBERS__1__DESTINATION": "agent:nobody"},
        {"DATABASE__URL": "postgresql://h/d", "DATABASE__MAX_CONNECTIONS": "5"},
        {"DATABASE__ENABLE_WAL_MODE": "false"},
        {"QUEUES__SUPPORT__RING_TIMEOUT_SECONDS": "45"},
        {"QUEUES__SUPPORT__WRAP_UP_CODE_REQUIRED": "true", "QUEUES__SUPPORT__WRAP_UP_SECONDS": "5"},
        {"NUMBERS__1__DESTINATION": "hangup:603"},
        {"QUEUES__SUPPORT__SKILLS": '[{all = ["french"]}, {after_seconds = 9}]'},
        {"ROUTING__ENABLE_SKILLS_ROUTING": "false", "QUEUES__SUPPORT__STRATEGY": "skills"},
    ],
)
def test_what_is_allowed(variables: dict[str, str]) -> None:
    environ = {f"CALLENGINE_{name}": value for name, value in variables.items()}
    load(environ=PRODUCTION | environ, directory=settings_directory())


def test_own_strategies_are_allowed_and_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_example(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    own = {"CALLENGINE_QUEUES__SUPPORT__STRATEGY": "experienced_first"}
    assert load(environ=PRODUCTION | own).queues["support"].strategy == "experienced_first"
    assert "ring_all, skills, experienced_first (set in" in problem({"QUEUES__SUPPORT__STRATEGY": "other"})


def test_an_own_strategy_that_cannot_be_loaded_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "broken", {"lame": "no_such_module:order"})
    monkeypatch.syspath_prepend(tmp_path)
    told = problem({"QUEUES__SUPPORT__STRATEGY": "lame"})
    assert 'queues.support.strategy = "lame": the strategy lame cannot be loaded from no_such_module' in told
    assert 'routing.default_strategy = "lame"' in problem({"ROUTING__DEFAULT_STRATEGY": "lame"})
