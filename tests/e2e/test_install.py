"""scripts/install.sh below a directory: install, upgrade with calls in the database, roll back, uninstall."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.phone import Phone
from tests.e2e.ports import free_port, free_udp_range
from tests.e2e.service import PASSWORD, ROOT, until
from tests.e2e.sipp import Caller, Sipp
from tests.e2e.supervisor import Supervisor
from tests.e2e.unit_file import read_unit

pytestmark = pytest.mark.long

_SHIPPED = (
    *("callengine", "alembic", "alembic.ini", "config", "docs", "scripts", "systemd"),
    *("setup.cfg", "pyproject.toml", "README.md", "LICENSE-MIT", "LICENSE-APACHE"),
)
_MIGRATION = '''"""A table that only the newer version has."""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("newer", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("INSERT INTO newer VALUES (1)")


def downgrade() -> None:
    op.drop_table("newer")
'''


def install(checkout: Path, *options: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    """Run the checkout's install.sh, with the Python of the tests."""
    return subprocess.run(
        [str(checkout / "scripts/install.sh"), *options],
        cwd="/",
        env={**os.environ, "PYTHON": python, "PIP_NO_COMPILE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def previous_commit(directory: Path) -> Path:
    """A checkout of the commit before this one; of this one if that could not be installed yet."""
    directory.mkdir()
    found = subprocess.run(
        ["git", "cat-file", "-e", "HEAD~1:scripts/install.sh"], cwd=ROOT, capture_output=True, check=False
    )
    commit = "HEAD" if found.returncode else "HEAD~1"
    archive = subprocess.run(
        ["git", "archive", commit], cwd=ROOT, capture_output=True, timeout=60, check=True
    ).stdout
    subprocess.run(["tar", "-x", "-C", str(directory)], input=archive, timeout=60, check=True)
    return directory


def newer(directory: Path) -> Path:
    """A checkout of what is here, with one more migration."""
    directory.mkdir()
    for name in _SHIPPED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, directory / name)
    heads = subprocess.run(
        [sys.executable, "-m", "alembic", "heads"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    migration = _MIGRATION.format(head=heads.stdout.split()[0])
    (directory / "alembic/versions/9999_newer.py").write_text(migration)
    return directory


class Installed:
    """What install.sh made below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.opt = root / "opt/callengine"
        self.settings = root / "etc/callengine/settings.toml"
        self.database = root / "var/lib/callengine/call_center.db"
        self.sip_port = free_port()

    def fill_in(self) -> None:
        """What an operator does after the first installation; ports are free ones, for the test's sake."""
        first, last = free_udp_range(100)
        text = self.settings.read_text().replace("FILL IN", "127.0.0.1")
        text += f"[production.sip]\nport = {self.sip_port}\n[production.api]\nport = {free_port()}\n"
        text += f"[production.media]\nport_first = {first}\nport_last = {last}\n"
        self.settings.write_text(text + "[production.security]\nopen_inbound = true\n")

    def callengine(self, *arguments: str) -> str:
        """The wrapper that an operator calls, from anywhere and without variables."""
        return self._run(self.root / "usr/local/bin/callengine", *arguments, cwd=Path("/"))

    def alembic(self, *arguments: str) -> str:
        """Plain `alembic` beside the installed alembic.ini."""
        return self._run(self.opt / "bin/alembic", *arguments, cwd=self.opt)

    def units(self) -> tuple[Supervisor, Supervisor]:
        """The media unit and the main unit, as they were installed."""
        media, main = (
            Supervisor(
                read_unit(self.root / "etc/systemd/system" / name, instance="main"),
                root=self.root,
                environment={"PATH": os.environ["PATH"]},
            )
            for name in ("callengine-media@.service", "callengine.service")
        )
        return media, main

    def version(self) -> str:
        return (self.opt / "current").readlink().name

    def tables(self) -> set[str]:
        with sqlite3.connect(self.database) as database:
            names = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
        database.close()
        return names

    def calls(self) -> list[tuple[str, str]]:
        with sqlite3.connect(self.database) as database:
            found = database.execute("SELECT id, disposition FROM calls ORDER BY id").fetchall()
        database.close()
        return found

    def _run(self, *command: object, cwd: Path) -> str:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=cwd,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def installed() -> Iterator[Installed]:
    with tempfile.TemporaryDirectory(prefix="callengine-") as directory:
        yield Installed(Path(directory))


def take_a_call(installed: Installed, scratch: Path) -> None:
    """Run both units for the time of one call, and see that it talks."""
    media, main = installed.units()
    media.start()
    try:
        main.start()
        if "alice" not in installed.callengine("agents", "list"):
            installed.callengine("agents", "add", "alice", "--password", PASSWORD, "--queue", "support")
        server = f"127.0.0.1:{installed.sip_port}"
        with Phone("alice", "--hang-up-after", "1", server=server) as alice:
            alice.wait_for("registered")
            sipp = Sipp(scratch, server=server, callers=[Caller("5551", free_port())])
            alice.wait_for("call_connected")
            assert sipp.wait().exit_code == 0
        assert until(lambda: '"active_calls": 0' in installed.callengine("status", "--json"), 10)
    finally:
        main.stop()
        media.stop()


@contextmanager
def running_in(version: Path) -> Iterator[None]:
    """A process that was started from that version, as a media process is by its unit."""
    python = version / "venv/bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to(shutil.which("sleep") or "sleep")
    process = subprocess.Popen([str(python), "600"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def can_import(installed: Installed, module: str) -> bool:
    """Whether the version in place has that module."""
    python = installed.opt / "current/venv/bin/python"
    return subprocess.run([str(python), "-c", f"import {module}"], check=False).returncode == 0


def refused_while_it_runs(installed: Installed, checkout: Path, *options: str) -> None:
    """Where no systemd runs nothing is saved or changed under a running service."""
    backups, version = set((installed.database.parent / "backups").iterdir()), installed.version()
    media, main = installed.units()
    media.start()
    try:
        main.start()
        done = install(checkout, "--root", str(installed.root), *options)
        assert (done.returncode, "the service runs" in done.stderr) == (1, True)
        assert "nothing has changed" in done.stderr
    finally:
        main.stop()
        media.stop()
    assert set((installed.database.parent / "backups").iterdir()) == backups
    assert installed.version() == version


@pytest.mark.timeout(420)
def test_from_nothing_to_an_upgrade_and_back(installed: Installed, tmp_path: Path) -> None:
    root = ("--root", str(installed.root))
    old, new = previous_commit(tmp_path / "old"), newer(tmp_path / "new")
    first = install(old, *root)
    assert first.returncode == 0, first.stderr
    assert "FILL IN" in installed.settings.read_text()
    installed.fill_in()
    settings, before = installed.settings.read_text(), installed.version()
    take_a_call(installed, tmp_path / "first")
    calls = installed.calls()
    assert [disposition for _, disposition in calls] == ["answered"]

    refused_while_it_runs(installed, new)

    held, unheld = (installed.opt / "versions" / name for name in ("held", "unheld"))
    unheld.mkdir()
    with running_in(held):
        upgraded = install(new, *root)
    assert upgraded.returncode == 0, upgraded.stderr
    assert (held.exists(), unheld.exists()) == (True, False)
    assert "held is kept too" in upgraded.stdout
    assert can_import(installed, "psycopg")
    after = installed.version()
    assert after != before
    assert "newer" in installed.tables()
    assert (installed.calls(), installed.settings.read_text()) == (calls, settings)
    (backup,) = (installed.database.parent / "backups").iterdir()
    assert after in backup.name
    assert "9999 (head)" in installed.alembic("current")

    again = install(new, *root, python="/no/such/python3")
    assert (again.returncode, "already" in again.stdout) == (0, True)
    assert len(list((installed.database.parent / "backups").iterdir())) == 1, "nothing was to be done"

    back = install(new, *root, "--rollback")
    assert back.returncode == 0, back.stderr
    assert installed.version() == before
    assert "newer" not in installed.tables()
    assert installed.calls() == calls
    take_a_call(installed, tmp_path / "second")
    assert len(installed.calls()) == 2

    forth = install(new, *root, "--rollback")
    assert forth.returncode == 0, forth.stderr
    assert (installed.version(), "newer" in installed.tables()) == (after, True)

    gone = install(new, *root, "--uninstall")
    assert gone.returncode == 0, gone.stderr
    left = {str(path.relative_to(installed.root)) for path in installed.root.rglob("*") if path.is_file()}
    places = {"etc/callengine/settings.toml", "var/lib/callengine/call_center.db"}
    outputs = {"callengine.service.out", "callengine-media@main.service.out"}
    assert {path for path in left if "/backups/" not in path} - outputs <= {
        *places,
        "var/lib/callengine/call_center.db.lock",
        *(f"var/lib/callengine/call_center.db-{end}" for end in ("wal", "shm")),
    }
    assert places <= left
    assert not installed.opt.exists()
    assert install(new, *root, "--uninstall", "--purge").returncode == 0
    assert not installed.settings.parent.exists()
    assert not installed.database.parent.exists()


def test_a_failure_midway_leaves_nothing_behind(installed: Installed, tmp_path: Path) -> None:
    checkout = newer(tmp_path / "broken")
    (checkout / "setup.cfg").write_text("[metadata\n")
    done = install(checkout, "--root", str(installed.root))
    assert done.returncode == 1
    assert "nothing has changed" in done.stderr
    assert list((installed.opt / "versions").iterdir()) == []
    assert not (installed.opt / "current").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--bogus"], "unknown option --bogus"),
        (["--root"], "--root wants a directory"),
        (["--root", "/no/such"], "there is no directory /no/such"),
        (["--purge"], "--purge goes with --uninstall"),
        (["--rollback", "--uninstall"], "exclude each other"),
    ],
)
def test_wrong_use(options: list[str], said: str) -> None:
    done = install(ROOT, *options)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr


def test_nothing_to_roll_back(installed: Installed) -> None:
    done = install(ROOT, "--root", str(installed.root), "--rollback")
    assert (done.returncode, "nothing is installed" in done.stderr) == (1, True)


def test_no_python_and_no_checkout_are_told(installed: Installed, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "scripts", tmp_path / "bare/scripts")
    done = install(tmp_path / "bare", "--root", str(installed.root))
    assert (done.returncode, "is no checkout of callengine" in done.stderr) == (2, True)
    done = install(ROOT, "--root", str(installed.root), python="/no/such/python3")
    assert (done.returncode, "needs Python 3.11" in done.stderr) == (2, True)
    assert "tried: /no/such/python3" in done.stderr
    assert list(installed.root.iterdir()) == []
