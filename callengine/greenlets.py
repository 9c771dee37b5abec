"""The one way to start a greenlet: each has a name, an owner and a log line if it fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import gevent
from gevent.event import AsyncResult, Event
from gevent.pool import Group
from loguru import logger

gevent.config.track_greenlet_tree = False  # ten frames kept for each, a third of what starting one costs

_running: Counter[str] = Counter()


def spawn(
    name: str, function: Callable[..., Any], *arguments: Any, owner: Group | None = None
) -> gevent.Greenlet[..., Any]:
    """Start `function(*arguments)` in a greenlet that is counted and logged under `name`.

    The context (contextvars, so the log's call id) goes with it, since gevent starts a child with an empty
    one. `owner` is the group that waits for it when its part of the service stops. An exception that leaves
    `function` is logged with its traceback and ends this greenlet alone.
    """
    greenlet: gevent.Greenlet[..., Any] = gevent.Greenlet(copy_context().run, _run, name, function, arguments)
    greenlet.name = name
    if owner is not None:
        owner.add(greenlet)
    greenlet.start()
    return greenlet


def _run(name: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    _running[name] += 1
    try:
        return function(*arguments)
    except gevent.GreenletExit:
        raise
    except Exception:
        logger.exception("greenlet {} failed", name)
        return None
    finally:
        _running[name] -= 1
        if not _running[name]:
            del _running[name]


def wait_for_any(*events: Event | AsyncResult[Any], timeout: float | None = None) -> bool:
    """Wait until one of `events`, which stay set, is set or `timeout` seconds are over; False for the latter.

    Use it, not their own `wait`, where an event may be set already: gevent (26.9) lets a greenlet that comes
    to a set event stand in line while others are being woken by it, and may then forget it.
    """
    if any(event.ready() for event in events):
        return True
    return bool(gevent.wait(events, timeout=timeout, count=1))


def running() -> dict[str, int]:
    """How many greenlets run at this moment, by name."""
    return dict(_running)
