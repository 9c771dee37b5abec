"""Lays what the call center stands on: the database, the media process, the SIP endpoint."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from gevent.lock import BoundedSemaphore
from sqlalchemy import Engine

from callengine import __version__, store
from callengine.callcenter.bridge import Silences
from callengine.callcenter.leg_rows import Owner
from callengine.clock import Clock
from callengine.config import Settings
from callengine.config.declaration import SIZE
from callengine.db.checkpoint import Checkpointer
from callengine.db.claim import claim
from callengine.db.committer import Committer
from callengine.db.engine import in_memory, reading
from callengine.db.followers import Followers
from callengine.db.repositories import agents
from callengine.errors import CallCenterError, SettingsError
from callengine.events.bus import Bus
from callengine.media.client import MediaClient
from callengine.media.engine import EventSink, MediaEngine
from callengine.media.process import MediaProcess
from callengine.media.steady import SteadyMedia
from callengine.queue_book import QueueBook, check_music, store_queues
from callengine.service_notify import NOTIFY_VARIABLES
from callengine.sip.endpoint import Endpoint
from callengine.sip.timer_driver import TimerDriver
from callengine.sip.transport.connection import StreamLimits

NODE = "main"
"""The name of this node in the rows that belong to it, and towards its media process."""


MediaMaker = Callable[[EventSink], MediaEngine]
"""Makes a media engine that tells its events to this sink."""


@dataclass(frozen=True)
class Foundation:
    """What everything else stands on."""

    settings: Settings
    clock: Clock
    bus: Bus
    engine: Engine
    committer: Committer
    followers: Followers
    checkpointer: Checkpointer
    timers: TimerDriver
    endpoint: Endpoint
    media_process: MediaProcess | None
    media: MediaEngine
    silences: Silences
    owner: Owner
    queue_book: QueueBook
    """Holds the queues of the database to the rules of the settings, those of the last reload."""


def lay_foundation(
    settings: Settings, clock: Clock, opened: ExitStack, make_media: MediaMaker | None
) -> Foundation:
    """Open database and media process and make the endpoint, which is not started yet.

    Whatever must be closed again is pushed on `opened`. Raises `CallCenterError`, saying what is in the way.
    """
    bus = Bus()
    engine, committer, followers, checkpointer = _open_database(settings, clock, bus, opened)
    timers = TimerDriver(clock.monotonic)
    timers.start()
    opened.callback(timers.stop)
    incarnation = int(clock.now() * 1000)
    silences = Silences()
    process, media = (
        (None, make_media(silences.note))
        if make_media
        else _open_media(settings, incarnation, silences, opened)
    )
    media.adopt(NODE, incarnation)
    return Foundation(
        settings=settings,
        clock=clock,
        bus=bus,
        engine=engine,
        committer=committer,
        followers=followers,
        checkpointer=checkpointer,
        timers=timers,
        endpoint=_make_endpoint(settings, clock),
        media_process=process,
        media=media,
        silences=silences,
        owner={"node": NODE, "incarnation": str(incarnation)},
        queue_book=QueueBook(settings),
    )


def _open_database(
    settings: Settings, clock: Clock, bus: Bus, opened: ExitStack
) -> tuple[Engine, Committer, Followers, Checkpointer]:
    engine = store.open_engine(settings)
    opened.callback(engine.dispose)
    claimed = opened.enter_context(claim(engine))
    turn = BoundedSemaphore()
    checkpointer = Checkpointer(engine, turn=turn)
    checkpointer.start()
    opened.callback(checkpointer.stop)
    followers = Followers(engine)
    opened.callback(followers.end)
    bus.subscribe(lambda _event: followers.ring())
    committer = Committer(
        engine,
        clock=clock,
        publish=bus.publish,
        turn=turn,
        claim=claimed,
        commit_in_thread=settings.database.synchronous == "full" and not in_memory(engine),
    )
    committer.start()
    opened.callback(committer.stop)
    check_music(settings)
    store_queues(committer, settings)
    with reading(engine) as connection:
        realms = agents.realms(connection)
    _check_realm(settings.general.registrar_domain, realms)
    return engine, committer, followers, checkpointer


def _check_realm(realm: str, stored: set[str]) -> None:
    """The agents' secrets bind to their realm: with another one nobody could register."""
    others = ", ".join(sorted(stored - {realm}))
    if others:
        problem = (
            f"general.registrar_domain is {realm!r}, but there are agents whose passwords are for {others}"
        )
        raise SettingsError([f"{problem}: keep that, or give all agents new passwords"])


def _open_media(
    settings: Settings, incarnation: int, silences: Silences, opened: ExitStack
) -> tuple[MediaProcess, SteadyMedia]:
    path = settings.media.socket
    client = MediaClient(path, owner=NODE, incarnation=incarnation, on_event=silences.note)
    media = SteadyMedia(client)
    if not Path(path).absolute().parent.is_dir():
        raise CallCenterError(f"media.socket: {path} cannot be made: there is no such directory")
    command = [sys.executable, "-m", "callengine", "media", "--socket", path]
    process = MediaProcess(
        command if settings.media.start else None,
        socket_path=path,
        environment=_media_environment(settings),
        standby_command=[*command, "--standby"] if settings.media.start and settings.media.reserve else None,
        on_death=media.interrupted,
        on_restart=media.restore,
    )
    process.start()
    opened.callback(process.stop)
    opened.callback(media.disconnect)
    return process, media


def _media_environment(settings: Settings) -> dict[str, str]:
    """Our environment, with the settings of the media process as we have them, wherever they came from.

    What the service manager is told about this process is not its child's to say.
    """
    values = {
        "MEDIA__HOST": settings.media.host,
        "MEDIA__PORT_FIRST": settings.media.port_first,
        "MEDIA__PORT_LAST": settings.media.port_last,
        "MEDIA__TIMEOUT_SECONDS": settings.media.timeout_seconds,
        "LOG__LEVEL": settings.log.level,
        "LOG__FORMAT": settings.log.format,
        "LOG__FILE": settings.log.file,
        "LOG__ROTATION": SIZE.show(settings.log.rotation),
        "LOG__HUB_BLOCKED_MS": settings.log.hub_blocked_ms,
    }
    inherited = {name: value for name, value in os.environ.items() if name not in NOTIFY_VARIABLES}
    return {**inherited, **{f"CALLENGINE_{key}": str(value) for key, value in values.items()}}


def _make_endpoint(settings: Settings, clock: Clock) -> Endpoint:
    sip = settings.sip
    return Endpoint(
        host=sip.host,
        port=sip.port,
        advertised_host=sip.advertised_host,
        user_agent=f"callengine/{__version__}",
        clock=clock,
        pool_size=sip.pool_size,
        transports=("udp", "tcp") if sip.enable_tcp else ("udp",),
        stream_limits=StreamLimits(
            connections=sip.max_connections,
            idle=sip.idle_timeout_seconds,
            message=sip.message_timeout_seconds,
        ),
    )
