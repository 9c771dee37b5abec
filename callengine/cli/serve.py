"""`callengine serve`: run the call center until it is told to stop."""

from __future__ import annotations

import click

from callengine.app import CallCenter


@click.command
def command() -> None:
    """Run the call center in the foreground.

    SIGTERM or SIGINT: no new calls are taken, those that are here may go on for general.drain_seconds, then
    it ends; a second signal ends it at once. SIGHUP: queues, numbers and the log level are read again.
    """
    CallCenter.from_settings().run()
