"""The command `callengine`: every module beside this one is a subcommand of the module's name, unless that
begins with an underscore.

Such a module has `command`, a click command or group, and a first line "`callengine NAME`: purpose."; it is
imported only when it is called, so that each starts quickly. Exit codes: 0 good, 1 failed, 2 wrong use.
"""

from __future__ import annotations

import ast
import gc
import importlib
import importlib.resources
import pkgutil
from types import ModuleType

import click

from callengine import __version__
from callengine.errors import CallCenterError, SettingsError


class Subcommands(click.Group):
    """A group whose commands are the modules of this package."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        names = (module.name for module in pkgutil.iter_modules(__path__))
        return sorted(name for name in names if not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command = _imported(cmd_name).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{__name__}.{cmd_name}.command is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with what their modules' first lines say, without importing any."""
        rows = [(name, _purpose(name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> object:
        """Run the subcommand; what callengine has to say against it becomes a line on stderr and exit 1."""
        try:
            return super().invoke(ctx)
        except (CallCenterError, OSError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            for line in _lines(error):
                click.echo(f"callengine: {line}", err=True)
            ctx.exit(1)


def _imported(name: str) -> ModuleType:
    """The module of a command.

    What is imported stays until the end, so no garbage is looked for meanwhile: that would be a fifth of the
    time of a start.
    """
    gc.disable()
    try:
        return importlib.import_module(f"{__name__}.{name}")
    finally:
        gc.enable()


def _purpose(name: str) -> str:
    source = importlib.resources.files(__name__).joinpath(f"{name}.py").read_text(encoding="utf-8")
    first, _, _ = (ast.get_docstring(ast.parse(source)) or "").partition("\n")
    return first.partition(": ")[2]


def _lines(error: CallCenterError | OSError) -> tuple[str, ...]:
    """One line, except for settings: there each problem is a line, since all are told at once."""
    if isinstance(error, SettingsError):
        return error.problems
    return (" ".join(str(error).split()) or type(error).__name__,)


@click.group(
    cls=Subcommands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="callengine")
@click.pass_context
def group(ctx: click.Context) -> None:
    """A SIP call center: callers wait in queues and are bridged to the right agent."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> None:
    """Run the command line; leaves by SystemExit."""
    group(prog_name="callengine")
