"""`callengine config`."""

import json
from pathlib import Path

from click.testing import CliRunner

from callengine.cli import group


def test_show() -> None:
    result = CliRunner().invoke(group, ["config", "show"], env={"CALLENGINE_SIP__PORT": "5070"})
    assert result.exit_code == 0
    assert "sip.port = 5070 " in result.output
    assert "# variable CALLENGINE_SIP__PORT" in result.output


def test_show_json() -> None:
    result = CliRunner().invoke(group, ["config", "show", "--json"], env={"CALLENGINE_ENV": "production"})
    document = json.loads(result.output)
    assert document["environment"] == "production"
    assert document["settings"]["security.open_inbound"] == {"value": False, "set_in": "default"}


def test_check_says_good(tmp_path: Path) -> None:
    environ = {"CALLENGINE_ENV": "testing", "CALLENGINE_DATABASE__URL": f"sqlite:///{tmp_path}/none.db"}
    result = CliRunner().invoke(group, ["config", "check"], env=environ)
    assert (result.exit_code, result.output) == (0, "The settings are good (environment testing).\n")


def test_check_names_all_that_is_wrong() -> None:
    result = CliRunner().invoke(
        group, ["config", "check"], env={"CALLENGINE_SIP__PORT": "0", "CALLENGINE_GENERAL__X": "1"}
    )
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 2
