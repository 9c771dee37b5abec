"""`callengine serve`: run the call center until it is told to stop."""

from __future__ import annotations

import click

from callengine.app import CallCenter


@click.command
def command() -> None:
    """Run the call center in the foreground; SIGTERM or SIGINT ends it and hangs up every call."""
    CallCenter.from_settings().run()
