from pathlib import Path

import gevent
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from callengine.db.engine import WRITER, Synchronous, database_url, driver, in_memory, make_engine, reading
from callengine.errors import DatabaseError


@pytest.mark.parametrize(
    ("given", "driver_name", "database"),
    [
        ("sqlite:calls.db", "sqlite", "calls.db"),
        ("sqlite:/var/lib/calls.db", "sqlite", "/var/lib/calls.db"),
        ("sqlite:///calls.db", "sqlite", "calls.db"),
        ("sqlite:////var/lib/calls.db", "sqlite", "/var/lib/calls.db"),
        ("sqlite://", "sqlite", None),
        ("sqlite:", "sqlite", None),
        ("postgresql://user:secret@db/calls", "postgresql+psycopg", "calls"),
        ("postgresql+psycopg://db/calls", "postgresql+psycopg", "calls"),
    ],
)
def test_urls(given: str, driver_name: str, database: str | None) -> None:
    url = database_url(given)
    assert (url.drivername, url.database) == (driver_name, database)


@pytest.mark.parametrize("given", ["mysql://db/calls", "postgresql+psycopg2://u:secret@h/d", "calls.db", ""])
def test_other_urls_are_refused(given: str) -> None:
    with pytest.raises(DatabaseError) as refused:
        database_url(given)
    assert "secret" not in str(refused.value)


def pragma(engine: Engine, name: str) -> object:
    with engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


@pytest.mark.about("sqlite", "how a file is locked and written")
def test_sqlite_is_set_up_for_one_writer_and_many_readers(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:{tmp_path / 'a.db'}", busy_timeout_seconds=1.5)
    found = {name: pragma(engine, name) for name in ("journal_mode", "synchronous", "foreign_keys")}
    assert found == {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1}
    assert (pragma(engine, "wal_autocheckpoint"), pragma(engine, "busy_timeout")) == (0, 1500)


@pytest.mark.parametrize(
    ("enable_wal_mode", "synchronous", "level"),
    [(True, "normal", 1), (True, "full", 2), (False, "normal", 2), (False, "full", 3)],
)
@pytest.mark.about("sqlite", "how a file is locked and written")
def test_how_far_a_commit_waits_for_the_disk(
    tmp_path: Path, enable_wal_mode: bool, synchronous: Synchronous, level: int
) -> None:
    url = f"sqlite:{tmp_path / 'a.db'}"
    engine = make_engine(url, enable_wal_mode=enable_wal_mode, synchronous=synchronous)
    assert pragma(engine, "synchronous") == level


@pytest.mark.about("sqlite", "how a file is locked and written")
def test_wal_and_foreign_keys_can_be_off(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:{tmp_path / 'a.db'}", enable_wal_mode=False, enable_foreign_keys=False)
    assert (pragma(engine, "journal_mode"), pragma(engine, "foreign_keys")) == ("delete", 0)


@pytest.mark.about("sqlite", "how a file is locked and written")
def test_a_reader_sees_one_view_while_others_write(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:{tmp_path / 'a.db'}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (x)"))
    with engine.connect() as reader:
        assert reader.scalar(text("SELECT count(*) FROM t")) == 0
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO t VALUES (1)"))
        assert reader.scalar(text("SELECT count(*) FROM t")) == 0
    with engine.connect() as reader:
        assert reader.scalar(text("SELECT count(*) FROM t")) == 1


@pytest.mark.about("sqlite", "how a file is locked and written")
def test_a_rollback_undoes_tables_too(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:{tmp_path / 'a.db'}")
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE t (x)"))
        connection.rollback()
        assert connection.scalar(text("SELECT count(*) FROM sqlite_master")) == 0


@pytest.mark.about("sqlite", "how a file is locked and written")
def test_the_writer_takes_the_lock_at_once(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'a.db'}"
    first = make_engine(url).connect().execution_options(**{WRITER: True})
    second = make_engine(url, busy_timeout_seconds=0).connect().execution_options(**{WRITER: True})
    with first.begin(), pytest.raises(Exception, match="locked"):
        second.begin()
    with second.begin():
        pass


@pytest.mark.about("sqlite", "a database in memory")
def test_memory_is_one_database_for_all_greenlets() -> None:
    engine = make_engine("sqlite://")
    assert in_memory(engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (x)"))

    def read() -> object:
        with engine.connect() as connection:
            return connection.scalar(text("SELECT count(*) FROM t"))

    assert gevent.spawn(read).get() == 0


def test_the_pool_is_bounded(database_url: str) -> None:
    engine = make_engine(database_url, max_connections=1, connection_timeout_seconds=0.01)
    with engine.connect(), pytest.raises(PoolTimeout):
        engine.connect()


def test_a_connection_that_was_idle_for_long_is_replaced(database_url: str) -> None:
    patient = make_engine(database_url)
    assert driver_identity(patient) == driver_identity(patient)
    hasty = make_engine(database_url, pool_idle_timeout_seconds=-1)
    assert driver_identity(hasty) != driver_identity(hasty)


_seen: list[object] = []


def driver_identity(engine: Engine) -> int:
    with engine.connect() as connection:
        _seen.append(driver(connection))
        return id(_seen[-1])


def test_what_the_database_says_is_a_database_error(database_url: str) -> None:
    with (
        pytest.raises(DatabaseError, match="nothing_here"),
        reading(make_engine(database_url)) as connection,
    ):
        connection.execute(text("SELECT * FROM nothing_here"))


def test_out_of_reach_is_a_database_error(tmp_path: Path) -> None:
    urls = [f"sqlite:{tmp_path / 'missing' / 'a.db'}", f"postgresql:///calls?host={tmp_path}"]
    for url in urls:
        with pytest.raises(DatabaseError), reading(make_engine(url)):
            pass


@pytest.mark.about("postgresql", "connections to a server")
def test_a_slow_query_stops_no_other_greenlet(engine: Engine) -> None:
    ticks = 0
    done = False

    def tick() -> None:
        nonlocal ticks
        while not done:
            ticks += 1
            gevent.sleep(0.001)

    ticker = gevent.spawn(tick)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_sleep(0.3)"))
    done = True
    ticker.join()
    assert ticks > 10


@pytest.mark.about("postgresql", "connections to a server")
def test_a_query_that_takes_too_long_is_ended_by_the_server(database_url: str) -> None:
    engine = make_engine(database_url, statement_timeout_seconds=0.05)
    with pytest.raises(DatabaseError, match="statement timeout"), reading(engine) as connection:
        connection.execute(text("SELECT pg_sleep(5)"))
