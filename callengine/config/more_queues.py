"""Queues that an operator defines while the service runs: held to the same rules as those of the settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from callengine.config.declaration import QUEUE_NAME
from callengine.config.layers import typed
from callengine.config.problems import unknown, wrong
from callengine.config.rules import Breach, breaches
from callengine.config.schema import Settings, declared
from callengine.config.sections.queues import Queue
from callengine.errors import SettingsError

_SOURCE = "the database"


def read_queue(
    settings: Settings,
    name: str,
    given: Mapping[str, str],
    *,
    present: Mapping[str, Any] | None,
    others: Mapping[str, Mapping[str, Any]],
) -> Queue:
    """The queue `name` with the values `given`, each as in a variable, or else as it is at present.

    `others` are all queues there are, by name. Raises SettingsError, naming all that is not allowed.
    """
    problems: list[str] = []
    if not _is_name(name):
        problems.append(f"queues.{name!r}: the name must be {QUEUE_NAME.allowed}")
    values = dict(present) if present is not None else _defaults(settings)
    values |= dict(_read(name, given, problems))
    if problems:
        raise SettingsError(problems)
    queue = Queue(**values)
    before = {each: Queue(**rules) for each, rules in others.items()}
    known = set(_breaches(settings, before))
    problems = [
        wrong(breach.name, given.get(breach.name.rpartition(".")[2], ""), breach.reason, _SOURCE)
        for breach in _breaches(settings, before | {name: queue})
        if breach not in known
    ]
    if problems:
        raise SettingsError(problems)
    return queue


def wrong_of_stored(settings: Settings, stored: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the settings contradict in the queues of the database, by name: a line for each."""
    queues = {name: Queue(**rules) for name, rules in stored.items()}
    problems = []
    for breach in _breaches(settings, {**queues, **settings.queues}):
        path, _, key = breach.name.rpartition(".")
        name = path.removeprefix("queues.")
        if name in queues and name not in settings.queues:
            problems.append(wrong(breach.name, getattr(queues[name], key), breach.reason, _SOURCE))
    return problems


def uses_of(settings: Settings, name: str, others: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The settings, of numbers and of other queues, that lead to this queue."""
    found = [
        f"numbers.{number}"
        for number, each in settings.numbers.items()
        if each.destination == f"queue:{name}"
    ]
    for other, rules in others.items():
        if other != name and name in (
            rules["overflow_queue"],
            rules["final_destination"].removeprefix("queue:"),
        ):
            found.append(f"queues.{other}")
    return found


def _is_name(name: str) -> bool:
    try:
        QUEUE_NAME.read(name)
    except ValueError:
        return False
    return True


def _defaults(settings: Settings) -> dict[str, Any]:
    return {
        key: settings.routing.default_strategy if setting.same_as else setting.kind.read(setting.default)
        for key, setting in declared(Queue).items()
    }


def _read(name: str, given: Mapping[str, str], problems: list[str]) -> Iterator[tuple[str, Any]]:
    known = declared(Queue)
    for key, text in given.items():
        full = f"queues.{name}.{key}"
        setting = known.get(key)
        if setting is None:
            problems.append(unknown(full, text, _SOURCE))
            continue
        value = typed(full, text)
        try:
            yield key, setting.kind.read(value)
        except ValueError:
            problems.append(wrong(full, value, f"must be {setting.kind.allowed}", _SOURCE))


def _breaches(settings: Settings, queues: Mapping[str, Queue]) -> Iterator[Breach]:
    changed = replace(settings, queues=queues)
    return (each for each in breaches(changed) if each.name.startswith("queues."))


def as_values(queue: Queue) -> dict[str, Any]:
    """Its settings by key."""
    return asdict(queue)
