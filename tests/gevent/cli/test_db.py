"""`callengine db`."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from callengine.cli import group
from callengine.db import schema


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/c.db"


def run(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(group, ["db", *arguments], env={"CALLENGINE_DATABASE__URL": url})


def test_upgrade_check_and_downgrade(url: str) -> None:
    refused = run(url, "check")
    assert refused.exit_code == 1
    assert "db upgrade" in refused.stderr
    assert run(url, "upgrade").exit_code == 0
    assert schema.current(url) == schema.head()
    assert run(url, "upgrade").exit_code == 0
    assert run(url, "check").output == (
        f"The database is sound, and its schema is at {schema.head()}, as it must be.\n"
    )
    assert run(url, "downgrade", "base").exit_code == 0
    assert schema.current(url) is None


def test_a_revision_that_does_not_exist(url: str) -> None:
    result = run(url, "upgrade", "nonsense")
    assert result.exit_code == 1
    assert "nonsense" in result.stderr
