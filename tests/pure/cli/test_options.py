import time
from datetime import UTC, datetime

import click
import pytest

from callengine.cli._options import Time


def today_at(hour: int, minute: int) -> datetime:
    return datetime.now().replace(hour=hour, minute=minute, second=0, microsecond=0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31", datetime(2026, 1, 31)),
        ("2026-01-31T08:00", datetime(2026, 1, 31, 8)),
        ("2026-01-31 08:00:30", datetime(2026, 1, 31, 8, 0, 30)),
        ("2026-01-31T08:00+00:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
    ],
)
def test_times_that_can_be_read(text: str, expected: datetime) -> None:
    assert Time().convert(text, None, None) == expected.timestamp()


@pytest.mark.parametrize("text", ["8:30", "08:30"])
def test_a_time_of_today(text: str) -> None:
    before = today_at(8, 30)
    read = Time().convert(text, None, None)
    assert read in (before.timestamp(), today_at(8, 30).timestamp())


@pytest.mark.parametrize("text", ["", "yesterday", "25:00", "2026-13-01", "9" * 30, "1e9", ":"])
def test_times_that_cannot(text: str) -> None:
    with pytest.raises(click.UsageError, match="allowed: 2026-01-31"):
        Time().convert(text, None, None)


def test_what_is_a_number_already_stays() -> None:
    assert Time().convert(now := time.time(), None, None) == now
