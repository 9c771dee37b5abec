"""Where the settings let callers go on from a queue: every way must lead to a queue, and none in a circle."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from callengine.config.sections.queues import Queue

KEYS = ("overflow_queue", "final_destination")
"""The settings of a queue that may name another."""


class Dead(NamedTuple):
    """A way that leads nowhere, or back: from queue `name`, by its setting `key`."""

    name: str
    key: str
    reason: str


def ways_of(queue: Queue) -> Iterator[tuple[str, str]]:
    """The settings by which callers go on from a queue, each with the name of the next."""
    if queue.overflow_queue:
        yield "overflow_queue", queue.overflow_queue
    kind, _, name = queue.final_destination.partition(":")
    if kind == "queue":
        yield "final_destination", name


def dead_ways(queues: Mapping[str, Queue]) -> Iterator[Dead]:
    """All that is wrong with the ways between these queues."""
    for name, queue in queues.items():
        for key, target in ways_of(queue):
            if target not in queues:
                yield Dead(name, key, f"there is no queue {target}{near(target, queues)}")
    yield from _circles(queues)


def near(name: str, queues: Mapping[str, object]) -> str:
    """A question after what was meant, if there is something like it."""
    found = difflib.get_close_matches(name, queues, n=1)
    return f"; did you mean {found[0]}?" if found else ""


def _circles(queues: Mapping[str, Queue]) -> Iterator[Dead]:
    """Each circle once, at the queue of it that is named first; walks without recursion."""
    done: set[str] = set()
    for first in queues:
        path: list[str] = []
        left: list[Iterator[tuple[str, str]]] = []
        _enter(first, queues, path, left, done)
        while left:
            key, target = next(left[-1], ("", ""))
            if not key:
                left.pop()
                done.add(path.pop())
            elif target in path:
                circle = [*path[path.index(target) :], target]
                yield Dead(path[-1], key, f"callers would go round in a circle: {' -> '.join(circle)}")
            elif target not in done:
                _enter(target, queues, path, left, done)


def _enter(
    name: str,
    queues: Mapping[str, Queue],
    path: list[str],
    left: list[Iterator[tuple[str, str]]],
    done: set[str],
) -> None:
    if name in queues and name not in done:
        path.append(name)
        left.append(ways_of(queues[name]))
