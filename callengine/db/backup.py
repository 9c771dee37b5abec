"""A copy of the database while it is in use, checked before it gets its name.

SQLite: one consistent view, written by VACUUM INTO, which holds up no writer. PostgreSQL: `pg_dump`, in its
custom format. The copy holds the agents' secrets, so it is readable by its owner alone.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL

from callengine.db import revisions
from callengine.db.engine import database_url
from callengine.errors import DatabaseError

_DUMP_SECONDS = 3600


@dataclass(frozen=True)
class Backup:
    """A copy that was made, and what is known of it."""

    path: str
    bytes: int
    revision: str
    last_event: int | None
    """The number of the last event in it; None for a dump of PostgreSQL, into which nobody looks."""


def make_backup(url: str, target: Path, *, replace: bool = False) -> Backup:
    """Copy the database at `url` to the file `target`; raises DatabaseError, and leaves no half a file.

    A file that is there is kept unless `replace`.
    """
    revision = revisions.current(url)
    if revision is None:
        raise DatabaseError("the database is empty: there is nothing to back up")
    parsed = database_url(url)
    with _made_beside(target, replace=replace) as path:
        if parsed.get_backend_name() == "sqlite":
            copy_to(path, Path(str(parsed.database)))
            last_event = _checked(path)
        else:
            _dump(parsed, path)
            last_event = None
    return Backup(str(target), target.stat().st_size, revision, last_event)


def check_integrity(url: str) -> None:
    """Raise DatabaseError with what is wrong inside a SQLite file; PostgreSQL looks after itself."""
    parsed = database_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        _checked(Path(parsed.database))


@contextmanager
def _made_beside(target: Path, *, replace: bool) -> Iterator[Path]:
    """The name of a file to write, which becomes `target` when all went well and is removed otherwise."""
    if target.exists() and not replace:
        raise DatabaseError(f"{target} is there already; it is replaced with --force")
    path = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield path
        bring_to_disk(path)
        os.replace(path, target)
        bring_to_disk(target.parent)
    except OSError as error:
        raise DatabaseError(f"the backup {target} cannot be written: {error.strerror}") from None
    finally:
        for leftover in (path, Path(f"{path}-journal"), Path(f"{path}-wal"), Path(f"{path}-shm")):
            with suppress(OSError):
                leftover.unlink()


def copy_to(path: Path, database: Path) -> None:
    """Write one consistent view of a SQLite file, its log included, to the empty file `path`."""
    try:
        with closing(sqlite3.connect(_read_only(database), uri=True)) as source:
            source.execute("VACUUM INTO ?", (str(path),))
    except sqlite3.Error as error:
        raise DatabaseError(f"{database} cannot be copied to {path.parent}: {error}") from None


def _read_only(path: Path) -> str:
    """The URI of a SQLite file, for reading alone; a path may hold what means something in a URI."""
    return f"{path.absolute().as_uri()}?mode=ro"


def _checked(path: Path) -> int:
    """The number of the last event in a SQLite file; raises DatabaseError unless all of it is sound."""
    try:
        with closing(sqlite3.connect(_read_only(path), uri=True)) as copy:
            problems = [row[0] for row in copy.execute("PRAGMA integrity_check(5)") if row[0] != "ok"]
            dangling = {row[0] for row in copy.execute("PRAGMA foreign_key_check")}
            ((last,),) = copy.execute("SELECT last FROM log_head").fetchall()
    except sqlite3.Error as error:
        raise DatabaseError(f"{path} is damaged: {error}") from None
    problems += [f"rows of {table} refer to missing ones" for table in sorted(dangling)]
    if problems:
        raise DatabaseError(f"{path} is damaged: {'; '.join(problems)}")
    return int(last)


def _dump(url: URL, path: Path) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        raise DatabaseError("a backup of PostgreSQL needs pg_dump: install the package postgresql-client")
    plain = url.set(drivername="postgresql", password=None).render_as_string()
    environment = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}
    command = [program, "--format=custom", f"--file={path}", f"--dbname={plain}"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=_DUMP_SECONDS, check=False
    )
    if done.returncode:
        raise DatabaseError(f"pg_dump failed: {' '.join(done.stderr.split())}")


def bring_to_disk(path: Path) -> None:
    """Have the kernel write out a file, or the names in a directory; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
