import shutil
from pathlib import Path

import gevent
import pytest
from sqlalchemy import Engine, text

from callengine import greenlets
from callengine.db.checkpoint import Checkpointer
from callengine.db.engine import make_engine


def wait_until(size_of: Path, more_than: int) -> None:
    with gevent.Timeout(10):
        while size_of.stat().st_size <= more_than:
            gevent.sleep(0.005)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "calls.db"


def fill(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (x)"))
        connection.execute(text("INSERT INTO t VALUES (zeroblob(50000))"))


def test_commits_stay_in_the_log_until_a_checkpoint(file: Path) -> None:
    engine = make_engine(f"sqlite:{file}")
    with engine.connect():
        fill(engine)
        before = file.stat().st_size
        assert before < 50000
        checkpointer = Checkpointer(engine, every_seconds=0.01)
        checkpointer.start()
        wait_until(file, before)
        checkpointer.stop()
        alone = shutil.copy(file, file.with_name("copy.db"))
        with make_engine(f"sqlite:{alone}").connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM t")) == 1


def test_stop_makes_the_last_checkpoint(file: Path) -> None:
    engine = make_engine(f"sqlite:{file}")
    with engine.connect():
        checkpointer = Checkpointer(engine, every_seconds=3600)
        checkpointer.start()
        gevent.sleep(0)
        assert greenlets.running()["checkpoint"] == 1
        fill(engine)
        checkpointer.stop()
        assert file.stat().st_size > 50000
    assert "checkpoint" not in greenlets.running()


def test_a_reader_is_no_hindrance(file: Path) -> None:
    engine = make_engine(f"sqlite:{file}")
    with engine.connect() as reader:
        fill(engine)
        reader.scalar(text("SELECT count(*) FROM t"))
        checkpointer = Checkpointer(engine, every_seconds=0.01)
        checkpointer.start()
        wait_until(file, 50000)
        checkpointer.stop()


def test_a_file_that_is_no_database_is_only_logged(file: Path) -> None:
    file.write_bytes(b"no database" * 100)
    checkpointer = Checkpointer(make_engine(f"sqlite:{file}"), every_seconds=0.001)
    checkpointer.start()
    gevent.sleep(0.01)
    checkpointer.stop()


def test_other_databases_need_none() -> None:
    for url in ("sqlite://", "postgresql://nowhere/calls"):
        checkpointer = Checkpointer(make_engine(url))
        checkpointer.start()
        assert "checkpoint" not in greenlets.running()
        checkpointer.stop()
