"""A backup put in the place of a database: nothing is lost, whatever stands there, and however often."""

import os
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from callengine.db import revisions
from callengine.db.backup import make_backup
from callengine.db.claim import DatabaseClaimed, claim
from callengine.db.engine import make_engine
from callengine.db.restore import restore
from callengine.errors import DatabaseError

pytestmark = pytest.mark.about("sqlite", "how a file is put in the place of another")

NOON = 1_700_000_000.0
MOMENT = "20231114T221320Z"


@pytest.fixture
def database(tmp_path: Path, sqlite_file: Path) -> Path:
    """A database at the newest revision, in a directory of its own."""
    path = tmp_path / "state" / "call_center.db"
    path.parent.mkdir()
    return Path(shutil.copy(sqlite_file, path))


@pytest.fixture
def copy(database: Path, tmp_path: Path) -> Path:
    """A backup that was made before the database was named."""
    path = tmp_path / "monday.db"
    make_backup(f"sqlite:{database}", path)
    name(database, "live")
    return path


def name(path: Path, text: str) -> None:
    """Leave a mark in a database, in its write-ahead log, as a process does that is killed."""
    child = os.fork()
    if not child:
        writer = sqlite3.connect(path)
        writer.execute("PRAGMA journal_mode = wal")
        writer.execute("UPDATE tenants SET name = ?", (text,))
        writer.commit()
        os._exit(0)
    os.waitpid(child, 0)


def named(path: Path) -> str:
    """The mark."""
    reader = sqlite3.connect(path)
    ((text,),) = reader.execute("SELECT name FROM tenants")
    reader.close()
    return str(text)


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if not path.name.endswith(".lock")}


def test_the_old_database_is_kept_with_its_log(database: Path, copy: Path) -> None:
    assert Path(f"{database}-wal").stat().st_size
    done = restore(f"sqlite:{database}", copy, now=NOON)
    assert (done.path, done.revision) == (str(database), revisions.head())
    assert done.before == f"{database}.before-{MOMENT}"
    assert Path(f"{done.before}-wal").stat().st_size
    assert not Path(f"{database}-wal").exists()
    assert named(database) == "default"
    assert named(Path(done.before)) == "live"
    assert copy.exists()


def test_again_and_again_within_a_second_nothing_is_overwritten(database: Path, copy: Path) -> None:
    kept = []
    for text in ("first", "second", "third"):
        name(database, text)
        before = restore(f"sqlite:{database}", copy, now=NOON).before
        assert before is not None
        kept.append(Path(before))
        assert named(database) == "default"
    assert [path.name.removeprefix(f"{database.name}.before-{MOMENT}") for path in kept] == ["", "-2", "-3"]
    assert [named(path) for path in kept] == ["first", "second", "third"]


@pytest.mark.parametrize("mode", [0o640, 0o660])
def test_the_mode_is_that_of_before(database: Path, copy: Path, mode: int) -> None:
    database.chmod(mode)
    restore(f"sqlite:{database}", copy)
    assert stat.S_IMODE(database.stat().st_mode) == mode
    assert (database.stat().st_uid, database.stat().st_nlink) == (os.geteuid(), 1)


def test_the_owner_is_that_of_before(database: Path, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: database.stat().st_uid + 1)
    monkeypatch.setattr(os, "chown", lambda _path, user, group: given.append((user, group)))
    owner = (database.stat().st_uid, database.stat().st_gid)
    restore(f"sqlite:{database}", copy)
    assert given == [owner]


def test_where_there_was_no_database(tmp_path: Path, copy: Path) -> None:
    target = tmp_path / "new.db"
    assert restore(f"sqlite:{target}", copy).before is None
    assert named(target) == "default"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_damaged_database_is_no_hindrance(database: Path, copy: Path) -> None:
    database.write_bytes(b"ruined")
    done = restore(f"sqlite:{database}", copy)
    assert named(database) == "default"
    assert Path(str(done.before)).read_bytes() == b"ruined"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "is not there"),
        (b"", "is empty"),
        (b"no database" * 1000, "not a database"),
        (b"SQLite", "not"),
    ],
)
def test_a_file_that_is_no_backup_changes_nothing(
    database: Path, copy: Path, content: bytes | None, said: str
) -> None:
    before = contents(database.parent)
    copy.unlink()
    if content is not None:
        copy.write_bytes(content)
    with pytest.raises(DatabaseError, match=said):
        restore(f"sqlite:{database}", copy)
    assert contents(database.parent) == before


def test_a_damaged_backup_changes_nothing(database: Path, copy: Path) -> None:
    before = contents(database.parent)
    content = bytearray(copy.read_bytes())
    content[len(content) // 2 :] = os.urandom(len(content) - len(content) // 2)
    copy.write_bytes(content)
    with pytest.raises(DatabaseError, match=r"monday\.db"):
        restore(f"sqlite:{database}", copy)
    assert contents(database.parent) == before


def test_what_was_set_aside_can_be_restored_with_what_is_in_its_log(database: Path, copy: Path) -> None:
    url = f"sqlite:{database}"
    before = restore(url, copy, now=NOON).before
    assert before is not None
    assert Path(f"{before}-wal").stat().st_size
    restore(url, Path(before))
    assert named(database) == "live"


def test_the_database_itself_is_no_backup(database: Path) -> None:
    with pytest.raises(DatabaseError, match="the database itself"):
        restore(f"sqlite:{database}", database)
    assert not list(database.parent.glob("*before*"))


def test_while_somebody_has_the_claim_it_is_refused(database: Path, copy: Path) -> None:
    url = f"sqlite:{database}"
    with claim(make_engine(url)), pytest.raises(DatabaseClaimed, match=str(os.getpid())):
        restore(url, copy)
    assert named(database) == "live"
    assert not list(database.parent.glob("*before*"))


def test_an_error_at_the_last_step_puts_all_back(
    database: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def full(source: object, target: object) -> None:
        if str(source).startswith(str(database.parent / ".")):
            raise OSError(28, "No space left on device")
        link(str(source), str(target))

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(DatabaseError, match="No space left"):
        restore(f"sqlite:{database}", copy)
    assert named(database) == "live"
    assert not list(database.parent.glob(".*"))


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1/none", "sqlite://"])
def test_what_is_no_file_is_not_restored(url: str, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"pg_restore|in memory"):
        restore(url, tmp_path / "copy.db")
