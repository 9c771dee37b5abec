import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.lock import BoundedSemaphore
from gevent.monkey import get_original
from sqlalchemy import Engine, text

from callengine import greenlets
from callengine.db import write_ahead_log
from callengine.db.checkpoint import Checkpointer
from callengine.db.committer import Committer, Transaction
from callengine.db.engine import make_engine
from callengine.db.write_ahead_log import WriteAheadLog
from callengine.errors import DatabaseError
from tests.fakes.log_header import generation

pytestmark = pytest.mark.about("sqlite", "what is done to the write-ahead log of a file")

native_thread = get_original("threading", "get_ident")
native_event = get_original("threading", "Event")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "calls.db"


@pytest.fixture
def sqlite(file: Path) -> Iterator[Engine]:
    made = make_engine(f"sqlite:{file}")
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE t (x)"))
    yield made
    made.dispose()


@pytest.fixture
def turn() -> BoundedSemaphore:
    return BoundedSemaphore()


@pytest.fixture
def at_work(sqlite: Engine, turn: BoundedSemaphore) -> Iterator[Committer]:
    """A committer with the checkpointer's turn."""
    started = Committer(sqlite, turn=turn)
    started.start()
    yield started
    started.stop()


def quick(engine: Engine, turn: BoundedSemaphore) -> Checkpointer:
    return Checkpointer(engine, turn=turn, sync_seconds=0.005, checkpoint_seconds=0.01)


def insert(tx: Transaction, size: int = 1) -> None:
    tx.execute(text("INSERT INTO t VALUES (zeroblob(:size))"), {"size": size})


def wait_until(condition: Callable[[], bool]) -> None:
    with gevent.Timeout(10):
        while not condition():
            gevent.sleep(0.002)


def rows(file: Path) -> int:
    """How many the file has without its log."""
    alone = make_engine(f"sqlite:{shutil.copy(file, file.with_name('alone.db'))}")
    with alone.connect() as connection:
        found = int(connection.scalar(text("SELECT count(*) FROM t")) or 0)
    alone.dispose()
    return found


def spy(monkeypatch: pytest.MonkeyPatch, name: str, before: Callable[[], None]) -> None:
    """Call `before` in the thread where the log's method `name` runs, first."""
    method = getattr(WriteAheadLog, name)

    def spied(log: WriteAheadLog) -> Any:
        before()
        return method(log)

    monkeypatch.setattr(WriteAheadLog, name, spied)


def contents(file: Path) -> list[bytes | int]:
    found: list[bytes | int] = []
    for name in ("calls.db", "calls.db-wal", "calls.db-shm"):
        one = file.with_name(name)
        found += [one.read_bytes(), one.stat().st_mtime_ns if name != "calls.db-shm" else 0]
    return found


def test_the_log_begins_anew_in_a_native_thread_while_the_committer_is_idle(
    file: Path, sqlite: Engine, turn: BoundedSemaphore, at_work: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    spy(monkeypatch, "restart", lambda: threads.append(native_thread()))
    checkpointer = quick(sqlite, turn)
    checkpointer.start()
    first = generation(file)
    at_work.commit(lambda tx: insert(tx, 50000))
    wait_until(lambda: generation(file) == first + 1)
    wait_until(lambda: not turn.locked())
    for _ in range(5):
        at_work.commit(insert)
    assert generation(file) - first == len(threads) - 1
    checkpointer.stop()
    assert native_thread() not in threads
    assert rows(file) == 6


def test_no_commit_under_load_begins_the_log_anew(
    file: Path, sqlite: Engine, turn: BoundedSemaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From within the unit to the switch after the COMMIT nothing else can: the committer has the turn."""
    restarts: list[None] = []
    spy(monkeypatch, "restart", lambda: restarts.append(None))
    within: list[int] = []
    after: list[int] = []

    def unit(tx: Transaction) -> None:
        insert(tx)
        within.append(generation(file))

    def switch() -> None:
        if len(after) < len(within):
            after.append(generation(file))

    committer = Committer(sqlite, turn=turn, switch=switch)
    committer.start()
    checkpointer = Checkpointer(sqlite, turn=turn, sync_seconds=0.001, checkpoint_seconds=0)
    checkpointer.start()
    with gevent.Timeout(10):
        while len(set(within)) < 20:
            committer.commit(unit)
            gevent.sleep(0.0003 * (len(within) % 10))
    committer.stop()
    checkpointer.stop()
    assert after == within
    assert len(set(within)) <= len(restarts)
    assert rows(file) == len(within)


def test_the_first_write_is_made_at_the_start(
    file: Path, sqlite: Engine, turn: BoundedSemaphore, at_work: Committer
) -> None:
    sqlite.dispose()
    assert not file.with_name("calls.db-wal").exists()
    checkpointer = Checkpointer(sqlite, turn=turn)
    checkpointer.start()
    first = generation(file)
    at_work.commit(insert)
    assert generation(file) == first
    checkpointer.stop()


def test_an_idle_database_is_left_alone(
    file: Path, sqlite: Engine, turn: BoundedSemaphore, at_work: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[None] = []
    spy(monkeypatch, "sync", lambda: looks.append(None))

    def look_on() -> None:
        enough = len(looks) + 20
        wait_until(lambda: len(looks) >= enough)

    checkpointer = quick(sqlite, turn)
    checkpointer.start()
    first = generation(file)
    for commits in range(3):
        if commits:
            at_work.commit(insert)
            look_on()
        idle = contents(file)
        look_on()
        assert contents(file) == idle
        assert generation(file) >= first + commits
    checkpointer.stop()


def test_a_commit_waits_for_its_turn_and_nothing_else_does(
    turn: BoundedSemaphore, at_work: Committer
) -> None:
    with turn:
        pending = at_work.submit(insert)
        for _ in range(5):
            gevent.sleep(0.001)
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.01):
            pending.get()
    pending.get()


def test_commits_go_on_during_a_slow_checkpoint_and_wait_for_a_slow_restart(
    file: Path, sqlite: Engine, turn: BoundedSemaphore, at_work: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    doing: list[str] = []
    go_on = native_event()

    def hold(what: str) -> None:
        doing.append(what)
        go_on.wait(10)
        go_on.clear()

    checkpointer = quick(sqlite, turn)
    checkpointer.start()
    spy(monkeypatch, "checkpoint", lambda: hold("checkpoint"))
    spy(monkeypatch, "restart", lambda: hold("restart"))
    at_work.commit(insert)
    wait_until(lambda: doing == ["checkpoint"])
    for _ in range(5):
        at_work.commit(insert)
    go_on.set()
    wait_until(lambda: doing == ["checkpoint", "restart"])
    pending = at_work.submit(insert)
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.02):
        pending.get()
    go_on.set()
    pending.get()
    monkeypatch.undo()
    checkpointer.stop()
    assert rows(file) == 7


def test_the_log_is_brought_to_the_disk_during_a_slow_checkpoint(
    file: Path, sqlite: Engine, turn: BoundedSemaphore, at_work: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints: list[None] = []
    syncs: list[None] = []
    go_on = native_event()

    def hold() -> None:
        checkpoints.append(None)
        go_on.wait(10)

    checkpointer = quick(sqlite, turn)
    checkpointer.start()
    spy(monkeypatch, "checkpoint", hold)
    at_work.commit(insert)
    wait_until(lambda: bool(checkpoints))
    fdatasync = os.fdatasync

    def note(descriptor: int) -> None:
        fdatasync(descriptor)
        syncs.append(None)

    monkeypatch.setattr(os, "fdatasync", note)
    for _ in range(3):
        before = len(syncs)
        at_work.commit(insert)
        wait_until(partial(lambda count: len(syncs) > count, before))
    assert len(checkpoints) == 1
    go_on.set()
    checkpointer.stop()
    assert rows(file) == 4


def test_what_comes_during_a_checkpoint_is_moved_by_the_next(
    file: Path, sqlite: Engine, turn: BoundedSemaphore, at_work: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    moving, go_on = native_event(), native_event()
    checkpoint = WriteAheadLog.checkpoint

    def move_and_hold(log: WriteAheadLog) -> bool:
        complete = checkpoint(log)
        moving.set()
        go_on.wait(10)
        return complete

    checkpointer = quick(sqlite, turn)
    checkpointer.start()
    monkeypatch.setattr(WriteAheadLog, "checkpoint", move_and_hold)
    at_work.commit(insert)
    wait_until(moving.is_set)
    at_work.commit(lambda tx: insert(tx, 50_000))
    gevent.sleep(0.05)
    go_on.set()
    wait_until(lambda: file.stat().st_size > 50_000)
    checkpointer.stop()


def test_a_busy_committer_leaves_the_turn_to_the_checkpointer(
    turn: BoundedSemaphore, at_work: Committer
) -> None:
    done = False

    def load() -> None:
        while not done:
            at_work.commit(insert)

    stories = [gevent.spawn(load) for _ in range(20)]
    for _ in range(20):
        gevent.sleep(0)
        with gevent.Timeout(10), turn:
            pass
    done = True
    gevent.joinall(stories, raise_error=True)


def test_a_log_that_grows_is_checkpointed_early(
    file: Path, sqlite: Engine, turn: BoundedSemaphore, at_work: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_ahead_log, "GROWTH_LIMIT", 100_000)
    checkpointer = Checkpointer(sqlite, turn=turn, sync_seconds=0.005, checkpoint_seconds=3600)
    checkpointer.start()
    at_work.commit(lambda tx: insert(tx, 50_000))
    gevent.sleep(0.05)
    assert file.stat().st_size < 50_000
    at_work.commit(lambda tx: insert(tx, 100_000))
    wait_until(lambda: file.stat().st_size > 150_000)
    checkpointer.stop()


def test_stop_makes_the_last_checkpoint(
    file: Path, sqlite: Engine, turn: BoundedSemaphore, at_work: Committer
) -> None:
    checkpointer = Checkpointer(sqlite, turn=turn, sync_seconds=3600)
    for _ in range(2):
        checkpointer.start()
        gevent.sleep(0)
        assert greenlets.running()["checkpoint"] == 1
        at_work.commit(insert)
        checkpointer.stop()
        assert "checkpoint" not in greenlets.running()
    assert rows(file) == 2
    checkpointer.stop()


def test_a_reader_is_no_hindrance(
    file: Path, sqlite: Engine, turn: BoundedSemaphore, at_work: Committer
) -> None:
    at_work.commit(lambda tx: insert(tx, 50_000))
    with sqlite.connect() as reader:
        reader.scalar(text("SELECT count(*) FROM t"))
        checkpointer = quick(sqlite, turn)
        checkpointer.start()
        at_work.commit(insert)
        wait_until(lambda: file.stat().st_size > 50_000)
        checkpointer.stop()


@pytest.mark.usefixtures("sqlite")
def test_a_file_behind_a_link_has_its_log_beside_it(
    file: Path, turn: BoundedSemaphore, tmp_path: Path
) -> None:
    linked = tmp_path / "elsewhere" / "linked.db"
    linked.parent.mkdir()
    linked.symlink_to(file)
    checkpointer = Checkpointer(make_engine(f"sqlite:{linked}"), turn=turn)
    checkpointer.start()
    assert generation(file)
    checkpointer.stop()


def test_a_disk_that_fails_is_logged_and_tried_again(
    file: Path, sqlite: Engine, turn: BoundedSemaphore, at_work: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[None] = []

    def fail() -> None:
        failures.append(None)
        if len(failures) < 3:
            raise OSError("the disk does not answer")

    checkpointer = quick(sqlite, turn)
    checkpointer.start()
    spy(monkeypatch, "sync", fail)
    at_work.commit(lambda tx: insert(tx, 50_000))
    wait_until(lambda: file.stat().st_size > 50_000)
    assert len(failures) > 2
    checkpointer.stop()


def test_a_file_that_is_no_database_is_refused(file: Path, turn: BoundedSemaphore) -> None:
    file.write_bytes(b"no database" * 100)
    with pytest.raises(DatabaseError, match="not a database"):
        Checkpointer(make_engine(f"sqlite:{file}"), turn=turn).start()


def test_other_databases_need_none(file: Path, turn: BoundedSemaphore) -> None:
    engines = [make_engine(url) for url in ("sqlite://", "postgresql://nowhere/calls")]
    engines.append(make_engine(f"sqlite:{file}", enable_wal_mode=False))
    for engine in engines:
        checkpointer = Checkpointer(engine, turn=turn)
        checkpointer.start()
        assert "checkpoint" not in greenlets.running()
        checkpointer.stop()
