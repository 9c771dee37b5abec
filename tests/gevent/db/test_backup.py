"""Copies of a database in use: whole, checked, private; restored by the documented steps."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import gevent
import pytest

from callengine.db import revisions, schema
from callengine.db.backup import check_integrity, make_backup
from callengine.db.committer import Committer
from callengine.db.engine import make_engine
from callengine.db.models import Leg
from callengine.db.transaction import Transaction
from callengine.errors import DatabaseError
from callengine.events.types import EventType
from tests.fakes import rows
from tests.fakes.databases import Databases


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:"))


@pytest.fixture
def filled_url(migrated_url: str) -> str:
    """A database with all tables and a call."""
    engine = make_engine(migrated_url)
    with engine.begin() as connection:
        rows.store_call(connection)
    engine.dispose()
    return migrated_url


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_file: Path) -> str:
    """The same on SQLite."""
    url = f"sqlite:{shutil.copy(sqlite_file, tmp_path / 'call_center.db')}"
    engine = make_engine(url)
    with engine.begin() as connection:
        rows.store_call(connection)
    engine.dispose()
    return url


def test_a_backup_is_private_and_says_what_is_in_it(filled_url: str, tmp_path: Path) -> None:
    target = tmp_path / "copies" / "monday"
    target.parent.mkdir()
    made = make_backup(filled_url, target)
    assert (made.path, made.revision) == (str(target), revisions.head())
    assert made.bytes == target.stat().st_size > 1000
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.about("postgresql", "how a dump is restored")
def test_a_dump_of_postgresql_is_restored(databases: Databases, filled_url: str, tmp_path: Path) -> None:
    make_backup(filled_url, tmp_path / "dump")
    other = databases.new(empty=True)
    subprocess.run(["pg_restore", f"--dbname={other}", str(tmp_path / "dump")], check=True)
    schema.check(other)
    with make_engine(other).connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM legs").scalar_one() == 1


@pytest.mark.about("sqlite", "how a file is copied and checked")
def test_a_sqlite_file_is_restored_by_putting_it_in_place(sqlite_url: str, tmp_path: Path) -> None:
    made = make_backup(sqlite_url, tmp_path / "copy.db")
    file = file_of(sqlite_url)
    file.write_bytes(b"ruined")
    for beside in ("-wal", "-shm"):
        Path(f"{file}{beside}").unlink(missing_ok=True)
    shutil.copy(made.path, file)
    schema.check(sqlite_url)
    check_integrity(sqlite_url)
    with make_engine(sqlite_url).connect() as connection:
        assert len(connection.execute(Leg.__table__.select()).all()) == 1


@pytest.mark.about("sqlite", "how a file is copied and checked")
def test_a_backup_beside_a_writer_has_one_moment(sqlite_url: str, tmp_path: Path) -> None:
    before = make_backup(sqlite_url, tmp_path / "before.db").last_event or 0
    committer = Committer(make_engine(sqlite_url))
    committer.start()
    stopping = False

    def add_five(tx: Transaction) -> None:
        for _ in range(5):
            tx.add_event(EventType.AGENT_CHANGED)

    def write() -> int:
        count = 0
        while not stopping:
            committer.commit(add_five)
            count += 5
        return count

    writing = gevent.spawn(write)
    made = []
    for number in range(5):
        gevent.sleep(0.02)
        made.append(make_backup(sqlite_url, tmp_path / f"{number}.db"))
    stopping = True
    written = writing.get()
    committer.stop()
    assert [copy.last_event for copy in made] == sorted(copy.last_event or 0 for copy in made)
    assert before < (made[-1].last_event or 0) <= before + written
    for copy in made:
        with sqlite3.connect(copy.path) as opened:
            ((last,),) = opened.execute("SELECT max(number) FROM event_log")
        opened.close()
        assert last == copy.last_event
        assert (last - before) % 5 == 0


@pytest.mark.about("sqlite", "how a file is copied and checked")
def test_a_file_that_is_there_is_kept_unless_told(sqlite_url: str, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("precious")
    with pytest.raises(DatabaseError, match="--force"):
        make_backup(sqlite_url, target)
    assert target.read_text() == "precious"
    make_backup(sqlite_url, target, replace=True)
    check_integrity(f"sqlite:{target}")


@pytest.mark.parametrize(
    ("target", "said"), [("none/copy.db", "No such file or directory"), ("/dev/full/x", "Not a directory")]
)
@pytest.mark.about("sqlite", "how a file is copied and checked")
def test_what_cannot_be_written_is_named_and_leaves_nothing(
    sqlite_url: str, tmp_path: Path, target: str, said: str
) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DatabaseError, match=said):
        make_backup(sqlite_url, tmp_path / target)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.about("sqlite", "how a file is copied and checked")
def test_a_full_disk_leaves_no_half_backup(sqlite_url: str, tmp_path: Path) -> None:
    command = f"ulimit -f 40; exec callengine db backup {tmp_path / 'copy.db'}"
    environment = {
        **os.environ,
        "CALLENGINE_DATABASE__URL": sqlite_url,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; {command}"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "copy.db" in done.stderr or "cannot be copied" in done.stderr
    assert not (tmp_path / "copy.db").exists()
    assert not list(tmp_path.glob(".copy*"))


@pytest.mark.about("sqlite", "how a file is copied and checked")
def test_an_empty_database_is_not_backed_up(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="empty"):
        make_backup(f"sqlite:{tmp_path / 'none.db'}", tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.about("sqlite", "how a file is copied and checked")
def test_damage_inside_a_file_is_found(sqlite_url: str) -> None:
    file = file_of(sqlite_url)
    content = bytearray(file.read_bytes())
    page = content.index(b"INSERT") if b"INSERT" in content else len(content) // 2
    content[page : page + 4096] = os.urandom(4096)
    file.write_bytes(content)
    with pytest.raises(DatabaseError, match="damaged"):
        check_integrity(sqlite_url)


@pytest.mark.about("sqlite", "how a file is copied and checked")
def test_rows_that_refer_to_nothing_are_found(sqlite_url: str) -> None:
    with sqlite3.connect(file_of(sqlite_url)) as opened:
        opened.execute("DELETE FROM calls")
    opened.close()
    with pytest.raises(DatabaseError, match=r"rows of .* refer to missing ones"):
        check_integrity(sqlite_url)
