"""A private PostgreSQL server for the tests: a Unix socket in a directory of its own, no network.

`scripts/test.sh` starts one for all that it runs, and tells where in `TEST_POSTGRESQL`; without it each test
session starts its own.

    python -m tests.fakes.postgresql start      prints its directory
    python -m tests.fakes.postgresql stop DIRECTORY
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path

import psycopg

from callengine.db import schema

SERVER_USER = "postgres"
"""Who runs the server when the tests run as root, which PostgreSQL refuses."""

VARIABLE = "TEST_POSTGRESQL"
"""Names the directory of a server that runs already."""

_TEMPLATE = "template_with_tables"

_FOR_TESTS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "listen_addresses": "''",
}
"""Nothing of it outlives the tests, so nothing need be on the disk."""


class NotInstalled(Exception):
    """There is no PostgreSQL on this machine."""


class PostgresqlServer:
    """A server that runs; `new_database` gives the URL of a fresh database."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._owner = directory.owner()
        self._numbers = count(1)

    def new_database(self, *, empty: bool = False) -> str:
        """The URL of a new database, with all tables unless it is to be `empty`."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {'template0' if empty else _TEMPLATE}")
        return self.url_of(name)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is connected to it."""
        name = url.partition("?")[0].rpartition("/")[2]
        self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def make_template(self) -> None:
        """The database that is copied for the others."""
        self._execute(f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0")
        schema.upgrade(self.url_of(_TEMPLATE))

    def url_of(self, name: str) -> str:
        return f"postgresql://{self._owner}@/{name}?host={self.directory}"

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


def programs() -> Path:
    """The directory with `initdb` and `pg_ctl`; raises NotInstalled."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if installed:
        return installed[-1]
    found = shutil.which("initdb")
    if found is None:
        raise NotInstalled("PostgreSQL is not installed: install the package postgresql")
    return Path(found).resolve().parent


def start() -> PostgresqlServer:
    """Start a server of our own, with the template; raises NotInstalled."""
    found = programs()
    directory = Path(tempfile.mkdtemp(prefix="callengine-postgresql-"))
    if os.geteuid() == 0:
        shutil.chown(directory, SERVER_USER)
    cluster = str(directory / "cluster")
    _run(
        found,
        directory,
        "initdb",
        "--no-sync",
        "--auth=trust",
        "--encoding=UTF8",
        "--no-locale",
        "-D",
        cluster,
    )
    settings = " ".join(f"-c {name}={value}" for name, value in _FOR_TESTS.items())
    log = str(directory / "log")
    _run(
        found,
        directory,
        "pg_ctl",
        "start",
        "-w",
        "-D",
        cluster,
        "-l",
        log,
        "-o",
        f"{settings} -k {directory}",
    )
    server = PostgresqlServer(directory)
    server.make_template()
    return server


def stop(directory: Path) -> None:
    """End a server and remove its files."""
    cluster = str(directory / "cluster")
    _run(programs(), directory, "pg_ctl", "stop", "-w", "-m", "immediate", "-D", cluster)
    shutil.rmtree(directory, ignore_errors=True)


def _run(found: Path, directory: Path, program: str, *arguments: str) -> None:
    """As whoever the directory belongs to."""
    command = [str(found / program), *arguments]
    if os.geteuid() == 0:
        owner = directory.owner()
        command = ["setpriv", f"--reuid={owner}", f"--regid={owner}", "--clear-groups", *command]
    done = subprocess.run(
        command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace"))


def _main(arguments: list[str]) -> None:
    if arguments == ["start"]:
        sys.stdout.write(f"{start().directory}\n")
    elif len(arguments) == 2 and arguments[0] == "stop":
        stop(Path(arguments[1]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    try:
        _main(sys.argv[1:])
    except NotInstalled as error:
        sys.exit(str(error))
