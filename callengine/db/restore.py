"""A copy made by `make_backup` put in the place of a SQLite database, which is kept beside it.

Everything is checked before anything is touched. The old files (with -wal and -shm, which would be replayed
over the new one) keep their contents under a new name; nothing is ever overwritten.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from callengine.db import revisions
from callengine.db.backup import bring_to_disk, check_integrity, copy_to
from callengine.db.claim import claim
from callengine.db.engine import database_url, make_engine
from callengine.errors import DatabaseError

_FILES = ("", "-wal", "-shm")
"""What a SQLite database consists of, beside its lock."""
_MODE = 0o640
"""Of a database that was not there before, as `schema.upgrade` makes it."""


@dataclass(frozen=True)
class Restored:
    """What was done."""

    path: str
    revision: str
    """That of the copy, which may be an older one."""
    before: str | None
    """Where the database of before is now; None if there was none."""


def restore(url: str, copy: Path, *, now: float | None = None) -> Restored:
    """Put `copy` in the place of the SQLite database at `url`; raises DatabaseError, and nothing has changed.

    `now` is in seconds since the epoch, and names what is set aside.
    """
    database = _file_of(url)
    engine = make_engine(url, enable_wal_mode=None)
    try:
        revision = _checked(copy, database)
        with claim(engine), _copied_beside(copy, database) as new:
            before = _set_aside(database, time.time() if now is None else now)
            _put_in_place(new, database, before)
    except OSError as error:
        raise DatabaseError(f"{database} cannot be restored: {error.strerror}; nothing has changed") from None
    finally:
        engine.dispose()
    return Restored(str(database), revision, str(before) if before else None)


def _file_of(url: str) -> Path:
    parsed = database_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise DatabaseError("a dump of PostgreSQL is restored by pg_restore, into a database of its own")
    if not parsed.database or parsed.database == ":memory:":
        raise DatabaseError("a database in memory cannot be restored")
    return Path(parsed.database)


def _checked(copy: Path, database: Path) -> str:
    """The revision of a whole copy; raises DatabaseError for any other file."""
    if not copy.is_file():
        raise DatabaseError(f"{copy} is not there, or no file")
    if database.exists() and copy.samefile(database):
        raise DatabaseError(f"{copy} is the database itself")
    url = f"sqlite:{copy.absolute()}"
    revision = revisions.current(url)
    if revision is None:
        raise DatabaseError(f"{copy} is empty")
    check_integrity(url)
    return revision


@contextmanager
def _copied_beside(copy: Path, database: Path) -> Iterator[Path]:
    """The copy under a passing name beside the database, with the owner and the mode that this has."""
    path = database.with_name(f".{database.name}.{os.getpid()}")
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        copy_to(path, copy)
        _dress(path, database)
        bring_to_disk(path)
        yield path
    finally:
        for leftover in (path, Path(f"{path}-journal")):
            with suppress(OSError):
                leftover.unlink()


def _dress(path: Path, database: Path) -> None:
    """Owner and mode of the database of before; without one, ours."""
    try:
        present = database.stat()
    except FileNotFoundError:
        path.chmod(_MODE)
        return
    if (present.st_uid, present.st_gid) != (os.geteuid(), os.getegid()):
        os.chown(path, present.st_uid, present.st_gid)
    path.chmod(stat.S_IMODE(present.st_mode))


def _set_aside(database: Path, now: float) -> Path | None:
    """Give all files of the database of before another name too; that of its main file."""
    if not any(os.path.lexists(f"{database}{end}") for end in _FILES):
        return None
    before = _unused(database, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now)))
    _link_all(database, before)
    bring_to_disk(database.parent)
    return before


def _put_in_place(new: Path, database: Path, before: Path | None) -> None:
    """At every moment the database of before is whole, under one of its names; after an error under both."""
    try:
        for end in _FILES:  # the main file first: what remains belongs to nothing then, and is not replayed
            Path(f"{database}{end}").unlink(missing_ok=True)
        os.link(new, database)
    except OSError:
        if before is not None:
            _link_all(before, database)
        raise
    bring_to_disk(database.parent)


def _unused(database: Path, moment: str) -> Path:
    """A name with the time that nothing has, numbered if there is one of the same second."""
    name, number = f"{database}.before-{moment}", 1
    while any(os.path.lexists(f"{name}{end}") for end in _FILES):
        number += 1
        name = f"{database}.before-{moment}-{number}"
    return Path(name)


def _link_all(source: Path, target: Path) -> None:
    for end in _FILES:
        with suppress(FileNotFoundError, FileExistsError):
            os.link(f"{source}{end}", f"{target}{end}")
