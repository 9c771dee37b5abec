import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from callengine.db import write_ahead_log
from callengine.db.write_ahead_log import WriteAheadLog
from tests.fakes.log_header import generation

pytestmark = pytest.mark.about("sqlite", "what is done to the write-ahead log of a file")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "calls.db"


@pytest.fixture
def service(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection as the committer has it, on a database with a table."""
    opened = connect(file)
    opened.execute("CREATE TABLE t (x)")
    yield opened
    opened.close()


@pytest.fixture
def log(file: Path, service: sqlite3.Connection) -> Iterator[WriteAheadLog]:
    service.execute("INSERT INTO t VALUES (0)")
    log = WriteAheadLog(str(file))
    yield log
    log.close()


def connect(file: Path) -> sqlite3.Connection:
    opened = sqlite3.connect(file, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "wal_autocheckpoint=0"):
        opened.execute(f"PRAGMA {pragma}")
    return opened


def insert(service: sqlite3.Connection, size: int = 1) -> None:
    service.execute("INSERT INTO t VALUES (zeroblob(?))", (size,))


def rows_in_file_alone(file: Path) -> int:
    alone = sqlite3.connect(shutil.copy(file, file.with_name("alone.db")))
    ((rows,),) = alone.execute("SELECT count(*) FROM t")
    alone.close()
    return int(rows)


def test_the_next_commit_would_begin_a_moved_log_anew(file: Path, service: sqlite3.Connection) -> None:
    """What all this is about: SQLite itself does so, and waits for the disk then."""
    insert(service)
    before = generation(file)
    service.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    insert(service)
    assert generation(file) == before + 1


def test_restart_begins_a_moved_log_anew_and_the_next_commit_appends(
    file: Path, service: sqlite3.Connection, log: WriteAheadLog
) -> None:
    before = generation(file)
    assert log.checkpoint()
    assert generation(file) == before
    log.restart()
    assert generation(file) == before + 1
    for _ in range(3):
        insert(service)
    assert generation(file) == before + 1


def test_a_commit_between_checkpoint_and_restart_appends(
    file: Path, service: sqlite3.Connection, log: WriteAheadLog
) -> None:
    before = generation(file)
    assert log.checkpoint()
    insert(service)
    log.restart()
    insert(service)
    assert generation(file) == before
    assert log.checkpoint()
    log.restart()
    assert generation(file) == before + 1
    assert rows_in_file_alone(file) == 3


def test_a_first_write_begins_an_empty_log(file: Path) -> None:
    connect(file).close()
    service = connect(file)
    service.execute("PRAGMA user_version").fetchall()
    log = WriteAheadLog(str(file))
    log.restart()
    first = generation(file)
    service.execute("CREATE TABLE t (x)")
    assert generation(file) == first
    log.close()
    service.close()


def test_restart_keeps_the_version_that_the_file_has(service: sqlite3.Connection, log: WriteAheadLog) -> None:
    service.execute("PRAGMA user_version=7")
    log.restart()
    assert service.execute("PRAGMA user_version").fetchall() == [(7,)]


def test_a_checkpoint_that_a_reader_holds_back_is_not_complete(
    file: Path, service: sqlite3.Connection, log: WriteAheadLog
) -> None:
    reader = connect(file)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM t").fetchall()
    insert(service)
    assert not log.checkpoint()
    reader.execute("ROLLBACK")
    assert log.checkpoint()
    reader.close()
    assert rows_in_file_alone(file) == 2


def test_a_restart_that_another_program_holds_up_leaves_the_log_as_it_is(
    file: Path, service: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_ahead_log, "_BUSY_SECONDS", 0.0)
    insert(service)
    impatient = WriteAheadLog(str(file))
    before = generation(file)
    assert impatient.checkpoint()
    service.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        impatient.restart()
    service.execute("ROLLBACK")
    assert impatient.checkpoint()
    impatient.restart()
    assert generation(file) == before + 1
    impatient.close()


def test_sync_tells_whether_others_have_committed(service: sqlite3.Connection, log: WriteAheadLog) -> None:
    assert log.sync()
    assert not log.sync()
    insert(service)
    assert log.sync()
    assert not log.sync()
    log.checkpoint()
    log.restart()
    assert not log.sync()


def has_grown(log: WriteAheadLog) -> bool:
    return log.has_grown


def test_a_log_has_grown_by_the_limit_and_begins_anew_with_an_empty_file(
    file: Path, service: sqlite3.Connection, log: WriteAheadLog
) -> None:
    limit = write_ahead_log.GROWTH_LIMIT
    for _ in range(2):
        insert(service, limit // 2)
        assert not has_grown(log)
        insert(service, limit)
        assert has_grown(log)
        assert log.checkpoint()
        log.restart()
        assert file.with_name("calls.db-wal").stat().st_size < 5000
        assert not has_grown(log)


def test_a_log_that_goes_on_after_a_checkpoint_has_grown_by_the_limit_again(
    file: Path, service: sqlite3.Connection, log: WriteAheadLog
) -> None:
    limit = write_ahead_log.GROWTH_LIMIT
    reader = connect(file)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM t").fetchall()
    for _ in range(2):
        insert(service, limit // 2)
        assert not has_grown(log)
        insert(service, limit)
        assert has_grown(log)
        assert not log.checkpoint()
        assert not has_grown(log)
    reader.close()


def test_an_empty_log_has_not_grown(file: Path) -> None:
    connect(file).close()
    log = WriteAheadLog(str(file))
    assert log.checkpoint()
    assert not log.has_grown
    log.close()


def test_a_log_that_is_gone_is_an_error(file: Path, log: WriteAheadLog) -> None:
    file.with_name("calls.db-wal").unlink()
    with pytest.raises(FileNotFoundError):
        log.sync()
