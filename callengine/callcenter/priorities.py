"""How urgent a caller is: by the number that it dialled, and by the lists that its own number is on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class CallerList:
    """Some callers, by their whole numbers or by beginnings of numbers that end in `*`."""

    numbers: tuple[str, ...]
    priority: int


class Priorities:
    """A caller's priority is that of the number dialled plus the highest of the lists that it is on."""

    def __init__(self, dialled: Mapping[str, int], lists: Iterable[CallerList] = ()) -> None:
        self.replace(dialled, lists)

    def replace(self, dialled: Mapping[str, int], lists: Iterable[CallerList]) -> None:
        """From now on these hold."""
        self._dialled = dict(dialled)
        self._whole: dict[str, int] = {}
        self._beginnings: dict[str, int] = {}
        for each in lists:
            for number in each.numbers:
                known = self._beginnings if number.endswith("*") else self._whole
                key = number.removesuffix("*")
                known[key] = max(each.priority, known.get(key, each.priority))
        self._longest = max(map(len, self._beginnings), default=0)

    def of(self, dialled: str, caller: str | None) -> int:
        """How urgent a call is; `caller` is None for a number that is withheld, which is on no list."""
        return self._dialled.get(dialled, 0) + self._of_caller(caller)

    def _of_caller(self, caller: str | None) -> int:
        if caller is None:
            return 0
        found = [self._whole[caller]] if caller in self._whole else []
        for length in range(min(len(caller), self._longest) + 1):
            if (priority := self._beginnings.get(caller[:length])) is not None:
                found.append(priority)
        return max(found, default=0)
