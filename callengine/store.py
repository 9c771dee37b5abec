"""Opens the database that the settings name: for the service, and for the command line beside it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial

from sqlalchemy import Engine

from callengine.config import Settings
from callengine.config.more_queues import read_queue, uses_of
from callengine.config.problems import wrong
from callengine.config.rules import lost_numbers
from callengine.config.sections.queues import Queue
from callengine.db import schema
from callengine.db.claim import claim
from callengine.db.committer import Committer
from callengine.db.engine import make_engine, reading
from callengine.db.models.queue import DATABASE
from callengine.db.repositories.queues import QueueRules, read_queues, sync_from_settings
from callengine.db.transaction import Transaction
from callengine.errors import DatabaseError, MediaError, SettingsError
from callengine.media.player import read_sound


def open_engine(settings: Settings) -> Engine:
    """An engine for the database, which must have the newest schema; raises `DatabaseError`."""
    database = settings.database
    schema.require_head(database.url)
    return make_engine(
        database.url,
        max_connections=database.max_connections,
        connection_timeout_seconds=database.connection_timeout_seconds,
        pool_idle_timeout_seconds=database.pool_idle_timeout_seconds,
        enable_wal_mode=database.enable_wal_mode,
        enable_foreign_keys=database.enable_foreign_keys,
        synchronous=database.synchronous,
    )


def store_queues(committer: Committer, settings: Settings) -> None:
    """Bring the queues that the settings define into the database.

    Raises `SettingsError`, for a number too that leads to a queue which neither of them defines.
    """
    definitions = {name: rules_of(settings, queue) for name, queue in settings.queues.items()}
    committer.commit(partial(_store_queues, settings=settings, definitions=definitions))


def _store_queues(tx: Transaction, settings: Settings, definitions: Mapping[str, QueueRules]) -> None:
    sync_from_settings(tx, definitions)
    check_numbers(settings, [each.name for each in read_queues(tx.connection) if not each.is_removed])


def check_numbers(settings: Settings, queues: Iterable[str]) -> None:
    """Raises `SettingsError`, naming each number that leads to none of these queues."""
    lost = list(lost_numbers(settings, queues))
    if lost:
        numbers = settings.numbers
        raise SettingsError(
            [
                wrong(
                    each.name,
                    numbers[_between(each.name)].destination,
                    each.reason,
                    settings.sources[each.name],
                )
                for each in lost
            ]
        )


def _between(name: str) -> str:
    """What stands between the first and the last dot."""
    return name.partition(".")[2].rpartition(".")[0]


def queue_names(settings: Settings) -> list[str]:
    """The queues of the settings, and those of the database where there is one that can be read."""
    known = list(settings.queues)
    try:
        engine = open_engine(settings)
    except DatabaseError:
        return known
    try:
        with reading(engine) as connection:
            known += [
                each.name
                for each in read_queues(connection)
                if each.source == DATABASE and not each.is_removed
            ]
    finally:
        engine.dispose()
    return known


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


@contextmanager
def offline(settings: Settings) -> Iterator[Committer]:
    """A committer on the database while no service runs, the queues of the settings stored."""
    engine = open_engine(settings)
    try:
        with claim(engine) as claimed:
            committer = Committer(engine, claim=claimed)
            committer.start()
            try:
                store_queues(committer, settings)
                yield committer
            finally:
                committer.stop()
    finally:
        engine.dispose()
