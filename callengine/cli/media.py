"""`callengine media`: the process that holds the RTP ports and relays audio."""

from __future__ import annotations

import click

from callengine import log
from callengine.config import load
from callengine.hub_watchdog import HubWatchdog
from callengine.media import worker
from callengine.media.standby import await_word
from callengine.service_notify import ServiceNotifier


@click.command
@click.option(
    "--socket", "socket_path", help="Path of the control socket; default: the setting media.socket."
)
@click.option(
    "--lease",
    "lease_seconds",
    type=click.FloatRange(min=0),
    default=120.0,
    show_default=True,
    help="Seconds that legs live on without the service that owns them.",
)
@click.option(
    "--stay", is_flag=True, help="Stay without a service too: for a service manager, with media.start off."
)
@click.option(
    "--standby", is_flag=True, help="Load everything, and wait for a line on standard input before serving."
)
def command(socket_path: str | None, lease_seconds: float, stay: bool, standby: bool) -> None:
    """Relay audio for the call center, until its service is gone for good.

    `callengine serve` starts and watches it by itself, unless the setting media.start is off.
    """
    settings = load()
    log.configure(
        level=settings.log.level,
        format=settings.log.format,
        file=settings.log.file,
        rotation_bytes=settings.log.rotation,
    )
    if standby and not await_word():
        return
    watchdog = HubWatchdog(blocked_after_seconds=settings.log.hub_blocked_ms / 1000)
    watchdog.start()
    notifier = ServiceNotifier()
    try:
        worker.run(
            socket_path=socket_path or settings.media.socket,
            host=settings.media.host,
            port_first=settings.media.port_first,
            port_last=settings.media.port_last,
            timeout_seconds=settings.media.timeout_seconds,
            lease_seconds=lease_seconds,
            ownerless_seconds=None if stay else 120.0,
            hub_blocked=lambda: watchdog.blocked_seconds,
            on_listening=lambda: notifier.watch(list, lambda: "relays audio"),
            on_stopping=notifier.stopping,
        )
    finally:
        notifier.end()
        watchdog.stop()
