"""The command `callengine` as a whole: its help, its exit codes, its errors."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from callengine.cli import Subcommands, group
from callengine.errors import CallCenterError, NotAllowed, SettingsError


def failing(error: BaseException) -> click.Group:
    """A group like ours whose one command fails."""

    @click.command
    def command() -> None:
        raise error

    class Failing(Subcommands):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
            return command

    return Failing("callengine")


def test_bare_it_prints_help() -> None:
    result = CliRunner().invoke(group, [])
    assert result.exit_code == 0
    assert "Usage: " in result.output
    for name in ("config", "db", "media"):
        assert f"\n  {name} " in result.output


def test_its_help_imports_no_command() -> None:
    program = (
        "import sys; from callengine.cli import group; group(['--help'], standalone_mode=False);"
        "assert not any(name.startswith(('callengine.cli.', 'sqlalchemy')) for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


def test_every_command_is_found_and_has_a_purpose() -> None:
    context = click.Context(group)
    assert isinstance(group, click.Group)
    for name in group.list_commands(context):
        assert group.get_command(context, name) is not None
        assert f"  {name} " in CliRunner().invoke(group, []).output


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["config", "nonsense"], ["--nonsense"], ["config", "show", "x"]]
)
def test_wrong_use_exits_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(group, arguments).exit_code == 2


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (NotAllowed("you may\nnot"), "callengine: you may not\n"),
        (CallCenterError(), "callengine: CallCenterError\n"),
        (SettingsError(["one", "two"]), "callengine: one\ncallengine: two\n"),
        (
            PermissionError(13, "Permission denied", "x.db"),
            "callengine: [Errno 13] Permission denied: 'x.db'\n",
        ),
    ],
)
def test_an_error_is_a_line_and_exit_1(error: BaseException, line: str) -> None:
    result = CliRunner().invoke(failing(error), ["anything"])
    assert result.exit_code == 1
    assert result.stderr == line
    assert result.stdout == ""


def test_a_mistake_of_ours_keeps_its_traceback() -> None:
    result = CliRunner().invoke(failing(KeyError("x")), ["anything"])
    assert isinstance(result.exception, KeyError)


def test_as_a_program(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "callengine", "config", "check"],
        cwd=tmp_path,
        env={"CALLENGINE_SIP__PORT": "x", "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith('callengine: sip.port = "x": must be ')


@pytest.mark.parametrize("name", ["agents", "calls", "drain", "figures", "queues", "status"])
def test_what_asks_a_running_service_starts_without_the_database(name: str) -> None:
    code = f"import sys, callengine.cli.{name}; print('sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
