"""`callengine serve` where it cannot start: one clear line, exit 1, and nothing changed or left behind."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest

from callengine.db import schema
from tests.e2e.ports import free_port
from tests.fakes import warm
from tests.fakes.databases import Databases

Spoil = Callable[[Path], None]


def serve(directory: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command with a database in this directory; for a start that must fail."""
    own = {
        "DATABASE__URL": f"sqlite:///{directory / 'call_center.db'}",
        "SIP__PORT": str(free_port()),
        "API__PORT": str(free_port()),
        "GENERAL__CONTROL_SOCKET": str(directory / "control.sock"),
    }
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("CALLENGINE_")}
    prefixed = {f"CALLENGINE_{key}": value for key, value in {**own, **variables}.items()}
    return warm.run(*(command or ("serve",)), environment=inherited | prefixed, directory=directory)


def lines_of(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What it says on standard error, for a start that failed as it must."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()


def no_database(file: Path) -> None:
    file.unlink()


def cut_short(file: Path) -> None:
    os.truncate(file, 1000)


def overwritten(file: Path) -> None:
    file.write_bytes(b"\x00" * 100 + file.read_bytes()[100:])


def no_tables(file: Path) -> None:
    file.write_bytes(b"these are no tables\n" * 100)


def of_another_program(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE customers (id INTEGER)")
    connection.close()


def newer(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


def a_directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


SPOILS = [
    (no_database, "callengine db upgrade"),
    (cut_short, "malformed|not a database"),
    (overwritten, "not a database"),
    (no_tables, "not a database"),
    (of_another_program, "customers"),
    (newer, "9999"),
    (a_directory, "unable to open"),
]
COMMANDS = [("serve",), ("db", "check"), ("agents", "list")]
_IN_EVERY_RUN = {
    (("serve",), newer),
    (("serve",), no_tables),
    (("serve",), of_another_program),
    (("db", "check"), overwritten),
    (("agents", "list"), cut_short),
}


def spoilt() -> Iterator[object]:
    """Each command on each database; most of them only with `--long`."""
    for command, (spoil, said) in product(COMMANDS, SPOILS):
        marks = () if (command, spoil) in _IN_EVERY_RUN else pytest.mark.long
        yield pytest.param(command, spoil, said, id=f"{' '.join(command)}-{spoil.__name__}", marks=marks)


@pytest.mark.parametrize(("command", "spoil", "said"), list(spoilt()))
@pytest.mark.about("sqlite", "what a file may be like")
def test_a_database_that_cannot_be_used_is_named_and_left_as_it_is(
    tmp_path: Path, template: Path, spoil: Spoil, said: str, command: tuple[str, ...]
) -> None:
    file = tmp_path / "call_center.db"
    shutil.copy(template, file)
    spoil(file)
    before = file.read_bytes() if file.is_file() else None
    (line,) = lines_of(serve(tmp_path, *command))
    assert "call_center.db" in line
    assert any(word in line for word in said.split("|")), line
    assert (file.read_bytes() if file.is_file() else None) == before
    assert {path.name for path in tmp_path.iterdir()} <= {"call_center.db"}


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables."""
    file = tmp_path_factory.mktemp("template") / "template.db"
    schema.upgrade(f"sqlite:{file}")
    return file


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        pytest.param({"LOG__FILE": "none/log"}, "none/log", marks=pytest.mark.long),
        pytest.param({"LOG__FILE": "/dev/null/log"}, "/dev/null/log", marks=pytest.mark.long),
        pytest.param({"DATABASE__URL": "sqlite:///none/x.db"}, "none/x.db", marks=pytest.mark.long),
        ({"GENERAL__CONTROL_SOCKET": "none/c.sock"}, "none/c.sock"),
        pytest.param({"MEDIA__SOCKET": "none/m.sock"}, "none/m.sock", marks=pytest.mark.long),
        ({"SIP__HOST": "192.0.2.1", "SECURITY__OPEN_INBOUND": "false"}, "sip.host, sip.port"),
        pytest.param({"API__HOST": "192.0.2.1"}, "api.host", marks=pytest.mark.long),
        ({"SETTINGS": "none.toml"}, "none.toml"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_missing_at_the_start_is_one_line(
    tmp_path: Path, databases: Databases, variables: dict[str, str], named: str
) -> None:
    said = lines_of(serve(tmp_path, **{"DATABASE__URL": databases.new(), **variables}))
    assert named in said[-1], said
    assert sum("ERROR" in line or line.startswith("callengine:") for line in said) == 1, said
    assert not (tmp_path / "control.sock").exists()


@pytest.mark.about("sqlite", "what a file may be like")
def test_a_full_disk_at_the_start_is_one_line(tmp_path: Path, template: Path) -> None:
    shutil.copy(template, tmp_path / "call_center.db")
    command = f"ulimit -f 0; trap '' XFSZ; exec {sys.executable} -m callengine serve"
    environment = {
        **os.environ,
        "CALLENGINE_DATABASE__URL": f"sqlite:///{tmp_path / 'call_center.db'}",
        "CALLENGINE_SIP__PORT": str(free_port()),
        "CALLENGINE_API__PORT": str(free_port()),
    }
    process = subprocess.Popen(
        ["bash", "-c", command], env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    try:
        _, said = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        raise
    assert process.returncode == 1, said
    assert "Traceback" not in said
    assert len(said.splitlines()) == 1, said
    assert "call_center.db" in said
