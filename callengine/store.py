"""Opens the database that the settings name: for the service, and for the command line beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from callengine.config import Settings
from callengine.db import revisions
from callengine.db.claim import claim
from callengine.db.committer import Committer
from callengine.db.engine import make_engine, reading
from callengine.db.repositories.queues import QueueRules
from callengine.errors import DatabaseError
from callengine.queue_book import queues_of_database, store_queues_unchecked


def open_engine(settings: Settings) -> Engine:
    """An engine for the database, which must have the newest schema; raises `DatabaseError`."""
    database = settings.database
    revisions.require_head(database.url)
    return make_engine(
        database.url,
        max_connections=database.max_connections,
        connection_timeout_seconds=database.connection_timeout_seconds,
        pool_idle_timeout_seconds=database.pool_idle_timeout_seconds,
        enable_wal_mode=database.enable_wal_mode,
        enable_foreign_keys=database.enable_foreign_keys,
        synchronous=database.synchronous,
    )


def stored_queues(settings: Settings) -> dict[str, QueueRules]:
    """The queues that operators have defined; none where there is no database that can be read."""
    try:
        engine = open_engine(settings)
    except DatabaseError:
        return {}
    try:
        with reading(engine) as connection:
            return queues_of_database(connection)
    finally:
        engine.dispose()


@contextmanager
def offline(settings: Settings) -> Iterator[Committer]:
    """A committer on the database while no service runs, the queues of the settings stored.

    They are not held to the rules: the command that works here may be the one that mends them.
    """
    engine = open_engine(settings)
    try:
        with claim(engine) as claimed:
            committer = Committer(engine, claim=claimed)
            committer.start()
            try:
                store_queues_unchecked(committer, settings)
                yield committer
            finally:
                committer.stop()
    finally:
        engine.dispose()
