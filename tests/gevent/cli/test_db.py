"""`callengine db`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from callengine.api import control
from callengine.cli import group
from callengine.db import revisions


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


def run(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(group, ["db", *arguments], env={"CALLENGINE_DATABASE__URL": url})


def test_upgrade_check_and_downgrade(url: str) -> None:
    refused = run(url, "check")
    assert refused.exit_code == 1
    assert "db upgrade" in refused.stderr
    assert run(url, "upgrade").exit_code == 0
    assert revisions.current(url) == revisions.head()
    assert run(url, "upgrade").exit_code == 0
    assert run(url, "check").output == (
        f"The database is sound, and its schema is at {revisions.head()}, as it must be.\n"
    )
    assert run(url, "downgrade", "base").exit_code == 0
    assert revisions.current(url) is None


def test_a_revision_that_does_not_exist(url: str) -> None:
    result = run(url, "upgrade", "nonsense")
    assert result.exit_code == 1
    assert "nonsense" in result.stderr


@pytest.mark.about("sqlite", "how a file is put in the place of another")
def test_restore_says_where_the_old_database_is(url: str, tmp_path: Path) -> None:
    run(url, "upgrade")
    copy = tmp_path / "monday.db"
    assert run(url, "backup", str(copy)).exit_code == 0
    done = run(url, "restore", str(copy), "--json")
    assert done.exit_code == 0
    said = json.loads(done.output)
    assert said["revision"] == revisions.head()
    assert Path(said["before"]).exists()
    told = run(url, "restore", str(copy))
    assert f"restored from {copy}" in told.output
    assert "The database of before is" in told.output
    missing = run(url, "restore", str(tmp_path / "none"))
    assert (missing.exit_code, len(missing.stderr.splitlines())) == (1, 1)


@pytest.mark.about("sqlite", "how a file is put in the place of another")
def test_restore_is_refused_while_a_service_answers(url: str, tmp_path: Path) -> None:
    run(url, "upgrade")
    copy = tmp_path / "monday.db"
    run(url, "backup", str(copy))
    path = tmp_path / "control.sock"
    listener = control.listen(path)
    variables = {"CALLENGINE_DATABASE__URL": url, "CALLENGINE_GENERAL__CONTROL_SOCKET": str(path)}
    refused = CliRunner().invoke(group, ["db", "restore", str(copy)], env=variables)
    listener.close()
    assert refused.exit_code == 1
    assert "a backup is restored while it is stopped" in refused.stderr
    assert not list(tmp_path.glob("*before*"))


@pytest.mark.about("sqlite", "how a file is put in the place of another")
def test_an_older_backup_is_to_be_upgraded(url: str, tmp_path: Path) -> None:
    run(url, "upgrade", "0001")
    copy = tmp_path / "old.db"
    assert run(url, "backup", str(copy)).exit_code == 0
    told = run(url, "restore", str(copy))
    assert "`callengine db upgrade` brings it to this version" in told.output
