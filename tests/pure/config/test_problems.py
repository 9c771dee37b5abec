"""How problems are told."""

import pytest

from callengine.config.problems import shown, unknown, wrong


def test_a_wrong_value() -> None:
    line = wrong("sip.port", 0, "must be good", "variable X")
    assert line == "sip.port = 0: must be good (set in variable X)"


def test_a_long_value_is_cut() -> None:
    assert len(shown("general.domain", "x" * 10_000)) == 80


@pytest.mark.parametrize("name", ["database.password", "x.api_token", "secret", "sip.Passwd"])
def test_a_password_is_not_told(name: str) -> None:
    assert "hunter2" not in unknown(name, "hunter2", "x")


def test_a_password_in_a_url_is_not_told() -> None:
    assert shown("database.url", "mysql://u:hunter2@h/d") == '"mysql://u:***@h/d"'
    assert shown("database.ulr", "postgresql://u:hunter2@h/d") == '"postgresql://u:***@h/d"'


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("general.domian", "general.domain"),
        ("sip.prot", "sip.port"),
        ("queues.vip.capcity", "queues.vip.capacity"),
        ("numbers.1.destinaton", "numbers.1.destination"),
        ("databse.url", "database.url"),
        ("queue", "queues"),
    ],
)
def test_the_nearest_name_is_offered(name: str, near: str) -> None:
    assert f"did you mean {near}?" in unknown(name, 1, "x")


def test_far_names_are_not_offered() -> None:
    assert "did you mean" not in unknown("weather.tomorrow", 1, "x")
