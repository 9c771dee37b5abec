"""Opens the database that the settings name: for the service, and for the command line beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial

from sqlalchemy import Engine

from callengine.config import Settings
from callengine.db import schema
from callengine.db.claim import claim
from callengine.db.committer import Committer
from callengine.db.engine import make_engine
from callengine.db.repositories.queues import QueueRules, sync_from_settings


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
    definitions = {name: QueueRules(**asdict(queue)) for name, queue in settings.queues.items()}
    committer.commit(partial(sync_from_settings, definitions=definitions))


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
