"""Opening hours: whether it is open at a moment, and when that changes next; by the clock of a time zone.

A range belongs to the day on which it begins: one over midnight goes on into the next day, a holiday too,
and nothing opens on a holiday. Ranges mean what a clock on the wall shows: where that is set forward, what
lies in the hour that is left out does not happen; where it is set back, what comes twice is open twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

LOOK_AHEAD_DAYS = 8
"""How far `next_change` looks: a week, and the day on which it begins."""

_DAY = timedelta(days=1)
_MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True)
class Hours:
    """One table of opening hours."""

    zone: ZoneInfo
    week: tuple[tuple[tuple[int, int], ...], ...]
    """For each day from Monday on its ranges in minutes; an end that is not later is of the next day."""
    holidays: frozenset[str] = frozenset()
    """Dates as `2026-12-25`, or `12-25` for each year."""

    def is_open(self, at: float) -> bool:
        """Whether it is open at this time, in seconds since the epoch."""
        local = datetime.fromtimestamp(at, self.zone)
        minute = local.hour * 60 + local.minute
        today, yesterday = local.date(), local.date() - _DAY
        return any(_begins_in(span, minute) for span in self._of(today)) or any(
            _goes_on_in(span, minute) for span in self._of(yesterday)
        )

    def next_change(self, after: float) -> float | None:
        """When it opens or closes next; None if that is not within the next days."""
        was_open = self.is_open(after)
        changes = (at for at in self._edges(after) if at > after and self.is_open(at) is not was_open)
        return next(changes, None)

    def _of(self, day: date) -> Sequence[tuple[int, int]]:
        is_holiday = day.isoformat() in self.holidays or f"{day:%m-%d}" in self.holidays
        return () if is_holiday else self.week[day.weekday()]

    def _edges(self, after: float) -> Iterator[float]:
        """All moments at which something may change, in order."""
        first = datetime.fromtimestamp(after, self.zone).date() - _DAY
        for number in range(LOOK_AHEAD_DAYS + 2):
            day = first + number * _DAY
            minutes = {minute for span in (*self._of(day), *self._of(day - _DAY)) for minute in span}
            edges = {edge for minute in minutes for edge in self._moments(day, minute)}
            yield from sorted(edges | set(self._clock_change(day)))

    def _moments(self, day: date, minute: int) -> Iterator[float]:
        """When the clock shows this on that day: twice where it is set back."""
        day, minute = (day + _DAY, 0) if minute >= _MINUTES_A_DAY else (day, minute)
        wall = datetime.combine(day, time(minute // 60, minute % 60), self.zone)
        yield from (wall.replace(fold=0).timestamp(), wall.replace(fold=1).timestamp())

    def _clock_change(self, day: date) -> Iterator[float]:
        """When the clock is set on that day, to the second."""
        low = datetime.combine(day, time(), self.zone).timestamp()
        high = datetime.combine(day + _DAY, time(), self.zone).timestamp()
        offset = self._offset(low)
        if self._offset(high) == offset:
            return
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._offset(middle) == offset else (low, middle)
        yield high

    def _offset(self, at: float) -> timedelta | None:
        return datetime.fromtimestamp(at, self.zone).utcoffset()


class Calendars:
    """The tables of opening hours, by name."""

    def __init__(self, tables: Mapping[str, Hours]) -> None:
        self.replace(tables)

    def replace(self, tables: Mapping[str, Hours]) -> None:
        """From now on these hold."""
        self._tables = dict(tables)

    def get(self, name: str) -> Hours | None:
        """The table of this name, if there is one; a queue whose table is gone is always open."""
        return self._tables.get(name)


def parse_range(text: str) -> tuple[int, int]:
    """Read a range such as `09:00-12:30`, which must be good: minutes after midnight."""
    begin, _, end = text.partition("-")
    return _minutes(begin), _minutes(end)


def _minutes(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)


def _begins_in(span: tuple[int, int], minute: int) -> bool:
    begin, end = span
    return begin <= minute and (minute < end or end <= begin)


def _goes_on_in(span: tuple[int, int], minute: int) -> bool:
    begin, end = span
    return end <= begin and minute < end
