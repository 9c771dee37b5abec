"""What a dialled number leads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from callengine.errors import NumberNotFound


@dataclass(frozen=True)
class ToQueue:
    """The caller waits in the queue of this name."""

    queue: str


@dataclass(frozen=True)
class HangUpWith:
    """The call is refused with this SIP status (400 to 699)."""

    status: int


Destination = ToQueue | HangUpWith


def parse_destination(text: str) -> Destination:
    """Read `queue:NAME` or `hangup:CODE`; raises `ValueError` that says what is allowed."""
    kind, _, value = text.partition(":")
    if kind == "queue" and value:
        return ToQueue(value)
    if kind == "hangup" and value.isascii() and value.isdigit() and 400 <= int(value[:4]) <= 699:
        return HangUpWith(int(value))
    raise ValueError("allowed: queue:NAME, hangup:CODE with a SIP status from 400 to 699")


class Numbers:
    """The numbers served here."""

    def __init__(self, destinations: Mapping[str, Destination]) -> None:
        self._destinations = dict(destinations)

    def replace(self, destinations: Mapping[str, Destination]) -> None:
        """Serve these numbers from now on; calls that are here go on."""
        self._destinations = dict(destinations)

    def find(self, dialled: str) -> Destination:
        """Where `dialled`, the user part of the Request-URI, leads; raises `NumberNotFound`."""
        try:
            return self._destinations[dialled]
        except KeyError:
            raise NumberNotFound(f"no number {dialled!r} is served here") from None
