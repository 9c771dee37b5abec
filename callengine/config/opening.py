"""The kinds of value that opening hours are made of: time zones, ranges of the day, and dates."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_RANGE = re.compile(rf"({_TIME})-({_TIME}|24:00)")
_DATE = re.compile(r"(?:([0-9]{4})-)?([0-9]{2})-([0-9]{2})")
_LEAP_YEAR = 2000


@dataclass(frozen=True)
class TimeZone:
    """A time zone of the IANA database."""

    allowed = "a time zone of the IANA database, such as Europe/Berlin"
    verbatim = True

    def read(self, value: object) -> str:
        """Raises ValueError for one that this machine does not know."""
        if not isinstance(value, str) or not value.isascii():
            raise ValueError
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, OSError):
            raise ValueError from None
        return value

    def show(self, value: Any) -> object:
        """As it is written."""
        return value


class _List(ABC):
    verbatim = False

    def read(self, value: object) -> tuple[str, ...]:
        """Raises ValueError unless each of the list is good, and none is there twice."""
        if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
            raise ValueError
        if len(set(value)) != len(value) or not all(map(self._is_good, value)):
            raise ValueError
        return tuple(value)

    def show(self, value: Any) -> object:
        """As a settings file has it."""
        return list(value) if isinstance(value, tuple) else value

    @abstractmethod
    def _is_good(self, text: str) -> bool:
        """Whether this may stand in the list."""


@dataclass(frozen=True)
class Ranges(_List):
    """Ranges of a day."""

    allowed = 'a list of ranges such as "09:00-12:30", "22:00-06:00" or "00:00-24:00", none twice'

    def _is_good(self, text: str) -> bool:
        match = _RANGE.fullmatch(text)
        return match is not None and match[1] != match[2]


@dataclass(frozen=True)
class Dates(_List):
    """Days of one year, or of each."""

    allowed = 'a list of dates such as "2026-12-25" or, for each year, "12-25", none twice'

    def _is_good(self, text: str) -> bool:
        match = _DATE.fullmatch(text)
        if match is None:
            return False
        try:
            date(int(match[1] or _LEAP_YEAR), int(match[2]), int(match[3]))
        except ValueError:
            return False
        return True
