"""Opens the database that the settings name: for the service, and for the command line beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial

from sqlalchemy import Engine

from callengine.config import Settings
from callengine.config.problems import wrong
from callengine.db import schema
from callengine.db.claim import claim
from callengine.db.committer import Committer
from callengine.db.engine import make_engine
from callengine.db.repositories.queues import QueueRules, sync_from_settings
from callengine.errors import MediaError, SettingsError
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
    """Bring the queues that the settings define into the database; raises `SettingsError`."""
    definitions = {
        name: QueueRules(**asdict(queue) | {"music": music_path(settings, queue.music)})
        for name, queue in settings.queues.items()
    }
    committer.commit(partial(sync_from_settings, definitions=definitions))


def music_path(settings: Settings, music: str) -> str:
    """Where a queue's music is, from the root on; empty for what comes with callengine."""
    return os.path.join(settings.directory, music) if music else ""


def check_music(settings: Settings) -> None:
    """Raises `SettingsError`, naming each queue whose music cannot be played."""
    problems = []
    for name, queue in settings.queues.items():
        path = music_path(settings, queue.music)
        reason = _why_not_played(path) if path else None
        if reason is not None:
            setting = f"queues.{name}.music"
            problems.append(wrong(setting, queue.music, f"{path}: {reason}", settings.sources[setting]))
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
        with claim(engine):
            committer = Committer(engine)
            committer.start()
            try:
                store_queues(committer, settings)
                yield committer
            finally:
                committer.stop()
    finally:
        engine.dispose()
