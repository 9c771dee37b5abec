"""`database.*`: each setting at two values, seen from outside."""

from __future__ import annotations

import sqlite3
import time
from contextlib import ExitStack
from pathlib import Path

import gevent
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from callengine import store
from callengine.config import load
from callengine.db import schema
from callengine.db.engine import make_engine, reading
from callengine.errors import DatabaseError
from tests.fakes.databases import Databases
from tests.gevent.effects.outside import MakeDesk

BACKENDS = "select count(*) from pg_stat_activity where datname = current_database()"


def engine_for(url: str, **variables: str) -> Engine:
    """The engine of a service with these settings."""
    schema.upgrade(url)
    prefixed = {f"CALLENGINE_DATABASE__{key}": value for key, value in variables.items()}
    return store.open_engine(load({"CALLENGINE_DATABASE__URL": url, **prefixed}))


@pytest.mark.effect("database.url")
@pytest.mark.parametrize("which", [0, 1])
def test_calls_are_recorded_in_the_database_of_the_url(
    make_desk: MakeDesk, databases: Databases, which: int
) -> None:
    urls = [databases.new(), databases.new()]
    desk = make_desk(DATABASE__URL=urls[which])
    desk.phone().call("support").hang_up()
    desk.until("select disposition from calls", "abandoned")
    assert [calls_in(url) for url in urls] == [int(number == which) for number in (0, 1)]


def calls_in(url: str) -> int:
    """How many calls are recorded there."""
    engine = make_engine(url, enable_wal_mode=None)
    with reading(engine) as connection:
        count: int = connection.exec_driver_sql("select count(*) from calls").scalar_one()
    engine.dispose()
    return count


@pytest.mark.effect("database.enable_wal_mode")
@pytest.mark.parametrize(("value", "mode"), [("true", "wal"), ("false", "delete")])
@pytest.mark.about("sqlite", "settings that only a file has")
def test_the_journal_of_the_file(make_desk: MakeDesk, tmp_path: Path, value: str, mode: str) -> None:
    make_desk(DATABASE__ENABLE_WAL_MODE=value)
    file = tmp_path / "call_center.db"
    with sqlite3.connect(file) as other_program:
        assert other_program.execute("pragma journal_mode").fetchone() == (mode,)
    other_program.close()
    assert Path(f"{file}-wal").exists() == (mode == "wal")


@pytest.mark.effect("database.enable_foreign_keys")
@pytest.mark.parametrize("value", ["true", "false"])
@pytest.mark.about("sqlite", "settings that only a file has")
def test_a_reference_to_nothing(tmp_path: Path, value: str) -> None:
    engine = engine_for(f"sqlite:///{tmp_path / 'a.db'}", ENABLE_FOREIGN_KEYS=value)
    statement = (
        "insert into agents (tenant_id, name, ha1_md5, ha1_sha256, realm, state_since, created_at)"
        " values (999, 'nobody', '', '', '', 0, 0)"
    )
    with engine.connect() as connection, ExitStack() as expected:
        if value == "true":
            expected.enter_context(pytest.raises(IntegrityError, match="FOREIGN KEY"))
        connection.exec_driver_sql(statement)
    engine.dispose()


@pytest.mark.effect("database.max_connections")
@pytest.mark.effect("database.connection_timeout_seconds")
@pytest.mark.parametrize(("most", "seconds"), [(1, 0.2), (3, 2.5)])
@pytest.mark.about("postgresql", "connections to a server")
def test_so_many_connections_and_then_so_long_a_wait(databases: Databases, most: int, seconds: float) -> None:
    engine = engine_for(databases.new(), MAX_CONNECTIONS=str(most), CONNECTION_TIMEOUT_SECONDS=str(seconds))
    with ExitStack() as held:
        last = [held.enter_context(reading(engine)) for _ in range(most)][-1]
        assert last.exec_driver_sql(BACKENDS).scalar() == most
        began = time.monotonic()
        with pytest.raises(DatabaseError), reading(engine):
            pass
        assert seconds - 0.05 <= time.monotonic() - began < seconds + 2
    engine.dispose()


@pytest.mark.effect("database.pool_idle_timeout_seconds")
@pytest.mark.parametrize(("seconds", "is_replaced"), [("0.1", True), ("60", False)])
@pytest.mark.about("postgresql", "connections to a server")
def test_an_idle_connection(databases: Databases, seconds: str, is_replaced: bool) -> None:
    engine = engine_for(databases.new(), POOL_IDLE_TIMEOUT_SECONDS=seconds)
    seen = []
    for _ in range(2):
        with reading(engine) as connection:
            seen.append(connection.exec_driver_sql("select pg_backend_pid()").scalar())
        gevent.sleep(0.3)
    assert (seen[0] != seen[1]) == is_replaced
    engine.dispose()
