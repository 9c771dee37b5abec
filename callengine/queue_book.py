"""The queues of the settings and those of the database: stored, and held to the same rules."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from functools import partial

from sqlalchemy import Connection

from callengine.config import Settings
from callengine.config.more_queues import read_queue, uses_of, wrong_of_stored
from callengine.config.problems import wrong
from callengine.config.rules import lost_numbers
from callengine.config.sections.queues import Queue
from callengine.db.committer import Committer
from callengine.db.models.queue import DATABASE
from callengine.db.repositories.queues import QueueRules, read_queues, sync_from_settings
from callengine.db.transaction import Transaction
from callengine.errors import MediaError, SettingsError
from callengine.media.player import read_sound


def store_queues(committer: Committer, settings: Settings) -> None:
    """Bring the queues that the settings define into the database; raises as `check_queues` does."""
    committer.commit(partial(_store_queues, settings=settings, checked=True))


def store_queues_unchecked(committer: Committer, settings: Settings) -> None:
    """The same without a check, for a command that may be the one that mends what the check would refuse."""
    committer.commit(partial(_store_queues, settings=settings, checked=False))


def _store_queues(tx: Transaction, *, settings: Settings, checked: bool) -> None:
    if checked:
        check_queues(settings, queues_of_database(tx.connection))
    sync_from_settings(tx, {name: rules_of(settings, queue) for name, queue in settings.queues.items()})


def queues_of_database(connection: Connection) -> dict[str, QueueRules]:
    """The queues that operators have defined, by name."""
    return {
        each.name: each.rules
        for each in read_queues(connection)
        if each.source == DATABASE and not each.is_removed
    }


def check_queues(settings: Settings, stored: Mapping[str, QueueRules]) -> None:
    """Hold the queues of the database, by name, to settings that may have changed since.

    Raises `SettingsError`, naming each that the settings define too or contradict, and each number that leads
    to a queue which neither defines.
    """
    problems = [
        f"queues.{name}: a queue of that name is defined in the database too"
        for name in stored
        if name in settings.queues
    ]
    problems += wrong_of_stored(settings, {name: asdict(rules) for name, rules in stored.items()})
    problems += _wrong_numbers(settings, stored)
    if problems:
        raise SettingsError(problems)


def _wrong_numbers(settings: Settings, stored: Mapping[str, QueueRules]) -> Iterator[str]:
    for number, each in lost_numbers(settings, [*settings.queues, *stored]):
        destination = settings.numbers[number].destination
        yield wrong(each.name, destination, each.reason, settings.sources[each.name])


def rules_of(settings: Settings, queue: Queue) -> QueueRules:
    """What a queue is set to, as the database keeps it; the music by its whole path."""
    return QueueRules(**asdict(queue) | {"music": music_path(settings, queue.music)})


class QueueBook:
    """Holds the queues that operators define to the rules of the settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def rules(
        self,
        name: str,
        given: Mapping[str, str],
        present: QueueRules | None,
        others: Mapping[str, QueueRules],
    ) -> QueueRules:
        """The rules of a queue that is new, or has those at `present`. Raises `SettingsError`."""
        queue = read_queue(
            self.settings,
            name,
            given,
            present=None if present is None else asdict(present),
            others={each: asdict(rules) for each, rules in others.items()},
        )
        check_music(replace(self.settings, queues={name: queue}), "the database")
        return rules_of(self.settings, queue)

    @property
    def ageing_points_per_minute(self) -> float:
        """By how much callers grow more urgent."""
        return self.settings.routing.ageing_points_per_minute

    def uses(self, name: str, others: Mapping[str, QueueRules]) -> list[str]:
        """What leads to this queue."""
        return uses_of(self.settings, name, {each: asdict(rules) for each, rules in others.items()})


def music_path(settings: Settings, music: str) -> str:
    """Where a queue's music is, from the root on; empty for what comes with callengine."""
    return os.path.join(settings.directory, music) if music else ""


def check_music(settings: Settings, source: str | None = None) -> None:
    """Raises `SettingsError`, naming each queue whose music cannot be played; `source` is where it is set."""
    problems = []
    for name, queue in settings.queues.items():
        path = music_path(settings, queue.music)
        reason = _why_not_played(path) if path else None
        if reason is not None:
            setting = f"queues.{name}.music"
            problems.append(
                wrong(setting, queue.music, f"{path}: {reason}", source or settings.sources[setting])
            )
    if problems:
        raise SettingsError(problems)


def _why_not_played(path: str) -> str | None:
    try:
        read_sound(path)
    except OSError as error:
        return error.strerror or "it cannot be read"
    except (ValueError, MediaError) as error:
        return str(error)
    return None
