"""One process at a time writes to a database, and the others are told which."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import gevent
import pytest

from callengine.db.claim import DatabaseClaimed, claim
from callengine.db.committer import Committer
from callengine.db.engine import make_engine, reading
from callengine.db.transaction import Transaction
from callengine.errors import DatabaseError
from callengine.events.types import EventType
from tests.fakes.databases import Databases

HOLDER = """
from gevent import monkey; monkey.patch_all()
import sys, time
from callengine.db.claim import claim
from callengine.db.engine import make_engine
with claim(make_engine(sys.argv[1])):
    print("claimed", flush=True)
    time.sleep(60)
"""


def test_the_second_is_told_who_the_first_is(database_url: str) -> None:
    holder = _holder(database_url)
    engine = make_engine(database_url)
    with pytest.raises(DatabaseClaimed, match=str(holder.pid)), claim(engine):
        pass
    holder.kill()
    holder.wait()
    with claim(engine):
        pass
    engine.dispose()


@pytest.mark.about("postgresql", "a server that notices late that a process has ended")
def test_one_that_was_killed_is_in_nobodys_way(databases: Databases) -> None:
    url = databases.new()
    engine = make_engine(url)
    holder = _holder(url)
    with _stopped(_backend_of(holder, url)) as going_on:
        holder.kill()
        holder.wait()
        noticing = gevent.spawn_later(0.2, going_on)
        with claim(engine):
            assert noticing.dead
    engine.dispose()


def test_it_ends_with_the_block(database_url: str) -> None:
    engine = make_engine(database_url)
    for _ in range(2):
        with claim(engine), pytest.raises(DatabaseClaimed, match=str(os.getpid())), claim(engine):
            pass
    engine.dispose()


@pytest.mark.about("sqlite", "how a file is locked and written")
def test_a_lock_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'none' / 'call_center.db'}")
    with pytest.raises(DatabaseError, match="No such file or directory"), claim(engine):
        pass


@pytest.mark.about("sqlite", "a database in memory")
def test_a_database_in_memory_needs_none() -> None:
    with claim(make_engine("sqlite://")):
        pass


@pytest.mark.about("postgresql", "connections to a server")
def test_who_has_lost_the_claim_writes_nothing_until_it_has_it_again(databases: Databases) -> None:
    url = databases.new()
    engine, other = make_engine(url), make_engine(url)
    with claim(engine) as claimed:
        committer = Committer(engine, claim=claimed)
        committer.start()
        committer.commit(_note)
        with reading(other) as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid IN"
                " (SELECT pid FROM pg_stat_activity WHERE datname = current_database())"
            )
            left = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM"
            left += " pg_database WHERE datname = current_database())"
            while connection.exec_driver_sql(left).scalar_one():
                gevent.sleep(0.01)
        with claim(other):
            for _ in range(2):
                with pytest.raises(DatabaseError):
                    committer.commit(_note)
        committer.commit(_note)
        with pytest.raises(DatabaseClaimed, match=str(os.getpid())), claim(other):
            pass
        committer.stop()
    with claim(other), reading(other) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM event_log").scalar_one() == 2
    for each in (engine, other):
        each.dispose()


def test_the_next_one_has_it_at_once(databases: Databases) -> None:
    engine, other = (make_engine(url) for url in [databases.new()] * 2)
    for _ in range(50):
        for each in (engine, other):
            with claim(each):
                pass
    for each in (engine, other):
        each.dispose()


def _holder(url: str) -> subprocess.Popen[bytes]:
    """Another process, which has the claim."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, url], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"claimed\n"
    return holder


def _backend_of(holder: subprocess.Popen[bytes], url: str) -> int:
    """The process of the server that serves the holder of the claim."""
    engine = make_engine(url)
    with reading(engine) as connection:
        found = connection.exec_driver_sql(
            f"SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'callengine {holder.pid} on %%'"
        )
        pid = int(found.scalar_one())
    engine.dispose()
    return pid


@contextmanager
def _stopped(pid: int) -> Iterator[Callable[[], None]]:
    """That process stands still, until the end or until what is given is called."""

    def go_on() -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    os.kill(pid, signal.SIGSTOP)
    try:
        yield go_on
    finally:
        go_on()


def _note(tx: Transaction) -> None:
    tx.add_event(EventType.SERVICE_DRAINING, by="a test")
