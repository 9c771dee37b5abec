"""The disk whose power is cut, and the recorder of what SQLite does to it."""

from __future__ import annotations

import os
import random
import sqlite3
from pathlib import Path

import pytest

from tests.fakes.disk import SECTOR, Disk, DiskLog, Made, Note, Removed, SyncBegun, Synced, Truncated, Written
from tests.fakes.sqlite_recorder import recording

pytestmark = pytest.mark.about("sqlite", "the recorder of what is written to a file")

A, B = b"a" * SECTOR, b"b" * SECTOR


def what_may_be_left(*notes: Note, files: dict[str, bytes] | None = None) -> list[dict[str, bytes]]:
    """Everything that a cut after these notes may leave, as 300 attempts found it."""
    log = DiskLog(files or {})
    for note in notes:
        log.tell(note)
    disk = Disk(log)
    disk.go_to(len(notes))
    choose = random.Random(1)
    found: list[dict[str, bytes]] = []
    for _ in range(300):
        left = disk.left(choose)
        if left not in found:
            found.append(left)
    return found


def contents(*notes: Note, before: bytes = b"") -> set[bytes]:
    return {left["f"] for left in what_may_be_left(*notes, files={"f": before})}


def test_what_is_not_synced_may_be_there_or_not_or_in_part() -> None:
    assert contents(Written(0, 0, A + B)) == {b"", A, A + B}


def test_what_was_written_before_a_sync_began_is_safe_once_it_has_ended() -> None:
    begun: list[Note] = [Written(0, 0, A), SyncBegun(0), Written(0, SECTOR, B)]
    assert b"" in contents(*begun)
    assert contents(*begun, Synced(0, 1)) == {A, A + B}


def test_a_later_write_may_be_there_without_an_earlier_one() -> None:
    found = contents(Written(0, 0, A), Written(0, SECTOR, B))
    assert found == {b"", A, A + B, bytes(SECTOR) + B, bytes(SECTOR)}


def test_sectors_lie_in_the_file_and_not_in_the_write() -> None:
    assert contents(Written(0, SECTOR - 1, b"xyz"), before=A) == {A, A[:-1] + b"x", A[:-1] + b"xyz"}


def test_a_truncation_is_a_change_like_a_write() -> None:
    assert contents(Truncated(0, 1), before=A) == {A, b"a"}
    assert contents(Truncated(0, 3), before=b"a") == {b"a", b"a\0\0"}


def test_a_name_is_safe_with_its_directory_and_not_with_its_file() -> None:
    made: list[Note] = [Made(0, "f"), Written(0, 0, A), SyncBegun(0), Synced(0, 2)]
    assert sorted(map(len, what_may_be_left(*made))) == [0, 1]
    assert what_may_be_left(*made, SyncBegun(None), Synced(None, 4)) == [{"f": A}]


def test_a_name_that_was_removed_may_be_there_again() -> None:
    found = what_may_be_left(Removed("f"), files={"f": A, "g": B})
    assert sorted(map(len, found)) == [1, 2]


def test_another_file_of_the_same_name_has_nothing_of_the_first() -> None:
    found = what_may_be_left(Removed("f"), Made(1, "f"), Written(1, 0, B), files={"f": A})
    assert {left.get("f") for left in found} == {None, A, b"", B}


@pytest.mark.parametrize("mode", ["wal", "delete", "truncate"])
def test_all_that_sqlite_writes_is_noted(tmp_path: Path, mode: str) -> None:
    file = tmp_path / "a.db"
    sqlite3.connect(file).executescript("create table t (x)").close()
    with recording(tmp_path) as log:
        opened = sqlite3.connect(file, isolation_level=None)
        opened.execute(f"pragma journal_mode={mode}")
        for size in (1, 10_000, 100_000):
            opened.execute("insert into t values (randomblob(?))", (size,))
        opened.execute("delete from t")
        seen = {path.name: path.read_bytes() for path in tmp_path.iterdir() if "-shm" not in path.name}
        disk = Disk(log)
        disk.go_to(len(log.notes))
        assert disk.seen() == seen
        opened.close()
        disk.go_to(len(log.notes))
        assert disk.seen() == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def synced_by_hand(path: Path) -> None:
    """One commit that does not wait for the disk, and then a sync by the program."""
    opened = sqlite3.connect(path, isolation_level=None)
    opened.executescript("pragma journal_mode=wal; pragma synchronous=normal; create table t (x)")
    opened.execute("insert into t values (1)")
    descriptor = os.open(f"{path}-wal", os.O_RDONLY)
    os.fdatasync(descriptor)
    os.close(descriptor)


def test_the_program_s_own_syncs_are_noted(tmp_path: Path) -> None:
    with recording(tmp_path) as log:
        synced_by_hand(tmp_path / "a.db")
    assert [type(note) for note in log.notes[-4:]] == [Written, Written, SyncBegun, Synced]


def test_what_is_elsewhere_or_comes_later_is_not_noted(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with recording(tmp_path) as log:
        synced_by_hand(tmp_path / "other" / "a.db")
    synced_by_hand(tmp_path / "b.db")
    assert not log.notes
