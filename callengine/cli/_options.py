"""Options that many commands have, and the kinds of values that they take."""

from __future__ import annotations

from datetime import datetime

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of words.")


class Time(click.ParamType[float]):
    """A time of the local clock, as seconds since the epoch: an ISO 8601 day or time, or HH:MM of today."""

    name = "time"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds; a value that cannot be read is wrong use."""
        if isinstance(value, float):
            return value
        text = f"{datetime.now().date()} {value:0>5}" if _is_of_today(value) else value
        try:
            return datetime.fromisoformat(text).timestamp()
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is no time; allowed: 2026-01-31, 2026-01-31T08:00, 08:00 (today)", param, ctx
            )


def _is_of_today(text: str) -> bool:
    return ":" in text and len(text) <= len("08:00:00") and "-" not in text
