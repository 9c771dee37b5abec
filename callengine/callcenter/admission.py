"""Admission: which queue takes a caller, and by which way; a pure decision from what is known of the queues.

A queue takes a caller unless it is full, closed, or empty of agents where that matters. One that does not
hands on to its overflow queue, that one to its own. Where there is none left the last queue's final
destination decides, which may be one more queue, or a code; without one the caller is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from callengine.callcenter.numbers import HangUpWith, ToQueue, parse_destination


class Why(StrEnum):
    """Why a caller goes on from a queue; the word that `queue_overflowed` tells."""

    FULL = "full"
    CLOSED = "closed"
    NO_AGENTS = "no_agents"
    MAX_WAIT_TIME = "max_wait_time"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Station:
    """What is known of a queue where a caller wants to join it."""

    name: str
    hindrance: Why | None
    """Why it does not take the caller."""
    overflow_queue: str = ""
    final_destination: str = ""
    full_code: int = 486


@dataclass(frozen=True)
class Step:
    """From a queue that did not take or keep the caller to the next one."""

    queue: str
    to: str
    why: Why


@dataclass(frozen=True)
class Way:
    """The decision: the queue that takes the caller, or with what it is refused."""

    steps: tuple[Step, ...]
    """How it comes there, in order."""
    queue: str | None
    status: int = 0
    """Where no queue takes the caller: the SIP status that says so, 400 to 699."""
    is_final: bool = False
    """Whether a final destination says so."""
    why: Why | None = None
    """And why the last one did not."""
    last: str = ""
    """And which one that was."""


Look = Callable[[str], Station | None]
"""Gives what is known of the queue of a name; None if it is not served any more."""


def find_way(first: str, look: Look, *, with_overflow: bool = True, leaving: Why | None = None) -> Way:
    """The way of a caller who comes to the queue `first`, or leaves it because of `leaving`.

    Without `with_overflow` nobody goes on to an overflow queue. The queues lead in no circle; if they did, a
    queue that was passed already would be the end.
    """
    steps: list[Step] = []
    passed: set[str] = set()
    station, hindrance = _known(first, look), leaving
    while True:
        hindrance = hindrance or station.hindrance
        if hindrance is None:
            return Way(tuple(steps), station.name)
        passed.add(station.name)
        following, status, is_final = _after(station, with_overflow)
        following_station = None if following is None or following in passed else look(following)
        if following_station is None:
            return Way(tuple(steps), None, status, is_final, hindrance, station.name)
        steps.append(Step(station.name, following_station.name, hindrance))
        station, hindrance = following_station, None


def _known(name: str, look: Look) -> Station:
    return look(name) or Station(name, Why.CLOSED)


def _after(station: Station, with_overflow: bool) -> tuple[str | None, int, bool]:
    """The next queue, if there is one; with what the caller is refused otherwise, and if that is final."""
    final = parse_destination(station.final_destination) if station.final_destination else None
    is_final = isinstance(final, HangUpWith)
    status = final.status if isinstance(final, HangUpWith) else station.full_code
    following = final.queue if isinstance(final, ToQueue) else None
    if with_overflow and station.overflow_queue:
        following = station.overflow_queue
    return following, status, is_final
