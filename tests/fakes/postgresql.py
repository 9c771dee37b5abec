"""A private PostgreSQL server for one test session: a Unix socket in a directory of its own, no network."""

import os
import pwd
import shutil
import subprocess
import tempfile
from itertools import count
from pathlib import Path

import psycopg

SERVER_USER = "postgres"
"""Who runs the server when the tests run as root, which PostgreSQL refuses."""


def binaries() -> Path | None:
    """The directory with `initdb` and `pg_ctl`; None if PostgreSQL is not installed."""
    found = shutil.which("initdb")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if installed:
        return installed[-1]
    return Path(found).resolve().parent if found else None


class PostgresqlServer:
    """Started at once; `new_database` gives the URL of a fresh database."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._numbers = count(1)
        self._directory = Path(tempfile.mkdtemp(prefix="callengine-postgresql-"))
        self._owner = SERVER_USER if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            shutil.chown(self._directory, self._owner)
        cluster = str(self._directory / "cluster")
        self._run("initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--no-locale", "-D", cluster)
        settings = f"-c fsync=off -c listen_addresses='' -k {self._directory}"
        log = str(self._directory / "log")
        self._run("pg_ctl", "start", "-w", "-D", cluster, "-l", log, "-o", settings)

    def new_database(self, template: str | None = None) -> str:
        """The URL of a new database, a copy of `template` (a database's name) if it is given."""
        name = f"test_{next(self._numbers)}"
        copied = f" TEMPLATE {template}" if template else ""
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}{copied}".encode())
        return self._address(name)

    def stop(self) -> None:
        """End the server and remove its files."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self._directory / "cluster"))
        shutil.rmtree(self._directory, ignore_errors=True)

    def _address(self, name: str) -> str:
        return f"postgresql://{self._owner}@/{name}?host={self._directory}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            command = [
                "setpriv",
                f"--reuid={self._owner}",
                f"--regid={self._owner}",
                "--clear-groups",
                *command,
            ]
        done = subprocess.run(
            command, cwd=self._directory, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr.decode(errors="replace"))
