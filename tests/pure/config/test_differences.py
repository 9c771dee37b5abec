"""What differs between two readings of the settings."""

from callengine.config import Settings, load
from callengine.config.differences import differences, with_live_parts
from callengine.config.loader import settings_directory


def read(**variables: str) -> Settings:
    """The settings of these variables alone."""
    environ = {f"CALLENGINE_{name}": value for name, value in variables.items()}
    return load(environ=environ, directory=settings_directory())


def test_nothing() -> None:
    assert differences(read(), read()) == []


def test_a_value_and_whether_it_can_change_now() -> None:
    found = differences(read(), read(LOG__LEVEL="DEBUG", SIP__PORT="5070", QUEUES__SUPPORT__CAPACITY="5"))
    assert [(each.text, each.is_live) for each in found] == [
        ("sip.port: 5060 becomes 5070", False),
        ('log.level: "INFO" becomes "DEBUG"', True),
        ("queues.support.capacity: 100 becomes 5", True),
    ]


def test_a_setting_that_others_follow_is_told_with_them() -> None:
    found = differences(read(), read(ROUTING__DEFAULT_STRATEGY="longest_idle"))
    assert [(each.name, each.is_live) for each in found] == [
        ("routing.default_strategy", True),
        ("queues.support.strategy", True),
    ]


def test_a_new_table_and_one_that_is_gone() -> None:
    sales = read(QUEUES__SALES__CAPACITY="5", NUMBERS__SALES__DESTINATION="queue:sales")
    assert [each.text for each in differences(read(), sales)] == [
        "queues.sales is new",
        "numbers.sales is new",
    ]
    assert [each.text for each in differences(sales, read())] == [
        "queues.sales is gone",
        "numbers.sales is gone",
    ]


def test_a_password_is_compared_and_not_shown() -> None:
    one, other = (read(DATABASE__URL=f"postgresql://ann:{word}@db/calls") for word in ("hunter2", "hunter3"))
    (found,) = differences(one, other)
    assert "hunter" not in found.text
    assert found.name == "database.url"


def test_what_is_in_force_afterwards() -> None:
    old, new = read(), read(LOG__LEVEL="DEBUG", SIP__PORT="5070", QUEUES__SALES__CAPACITY="5")
    now = with_live_parts(old, new)
    assert (now.log.level, now.sip.port, set(now.queues)) == ("DEBUG", 5060, {"support", "sales"})
    assert [each.name for each in differences(now, new)] == ["sip.port"]
