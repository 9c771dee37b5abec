"""The composition root: builds every part from the settings, lowest first, and hands each its partners."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from secrets import token_bytes

from gevent.lock import BoundedSemaphore
from sqlalchemy import Engine

from callengine import __version__, store
from callengine.callcenter.addresses import Addresses
from callengine.callcenter.bridge import Bridge, Silences
from callengine.callcenter.calls import Calls
from callengine.callcenter.clearing import Clearing
from callengine.callcenter.dispatch import Dispatch
from callengine.callcenter.inbound import Inbound
from callengine.callcenter.leg_rows import Owner
from callengine.callcenter.legs import Legs
from callengine.callcenter.numbers import Numbers, parse_destination
from callengine.callcenter.offering import Offering
from callengine.callcenter.presence import Presence
from callengine.callcenter.queues import Queue, Queues
from callengine.callcenter.recovery import Recovery
from callengine.callcenter.roster import Agent, Roster
from callengine.callcenter.routing import STRATEGIES
from callengine.callcenter.statistics import Statistics
from callengine.callcenter.talking import Talking
from callengine.callcenter.waiting import Waiting
from callengine.callcenter.wrap_up import WrapUp
from callengine.clock import Clock
from callengine.config import Settings
from callengine.db.checkpoint import Checkpointer
from callengine.db.committer import Committer
from callengine.db.engine import reading
from callengine.db.models.tenant import DEFAULT_TENANT_ID
from callengine.db.repositories import agents, calls, queues
from callengine.errors import CallCenterError, MediaError, SettingsError
from callengine.events.bus import Bus
from callengine.events.types import EventType
from callengine.media.client import MediaClient
from callengine.media.engine import EngineTotals, EventSink, MediaEngine
from callengine.media.process import MediaProcess
from callengine.sip.auth import NonceBook
from callengine.sip.endpoint import Endpoint
from callengine.sip.registrar import Registrar
from callengine.sip.timer_driver import TimerDriver

NODE = "main"
"""The name of this node in the rows that belong to it, and towards its media process."""


MediaMaker = Callable[[EventSink], MediaEngine]


@dataclass(frozen=True)
class Parts:
    """What the rest of the service asks of what was built."""

    bus: Bus
    endpoint: Endpoint
    media: MediaEngine
    media_process: MediaProcess | None
    """None for an engine that was handed in."""
    live: Calls
    inbound: Inbound
    clearing: Clearing
    recovery: Recovery
    statistics: Statistics

    def media_totals(self) -> EngineTotals:
        """The media side's figures; all zero while it does not answer."""
        try:
            return self.media.totals()
        except MediaError:
            return EngineTotals()


@dataclass(frozen=True)
class _Base:
    """What everything else stands on."""

    settings: Settings
    clock: Clock
    bus: Bus
    engine: Engine
    committer: Committer
    timers: TimerDriver
    endpoint: Endpoint
    media_process: MediaProcess | None
    media: MediaEngine
    silences: Silences
    owner: Owner


@dataclass(frozen=True)
class _People:
    """Who works, who waits, and who brings them together."""

    roster: Roster
    queues: Queues
    live: Calls
    statistics: Statistics
    presence: Presence
    dispatch: Dispatch


def assemble(
    settings: Settings, clock: Clock, opened: ExitStack, make_media: MediaMaker | None = None
) -> Parts:
    """Build and start everything; whatever must be closed again is pushed on `opened`, last opened on top.

    `make_media` makes another engine than the media process, given the sink of its events.

    Raises `CallCenterError` that says what is in the way.
    """
    base = _lay_base(settings, clock, opened, make_media)
    people = _gather_people(base)
    inbound, clearing, recovery = _make_stories(base, people)
    _take_requests(base, people.presence, inbound, opened)
    people.dispatch.start()
    opened.callback(people.dispatch.stop)
    return Parts(
        base.bus,
        base.endpoint,
        base.media,
        base.media_process,
        people.live,
        inbound,
        clearing,
        recovery,
        people.statistics,
    )


def _lay_base(settings: Settings, clock: Clock, opened: ExitStack, make_media: MediaMaker | None) -> _Base:
    bus = Bus()
    engine, committer = _open_database(settings, clock, bus, opened)
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
    return _Base(
        settings=settings,
        clock=clock,
        bus=bus,
        engine=engine,
        committer=committer,
        timers=timers,
        endpoint=_make_endpoint(settings, clock),
        media_process=process,
        media=media,
        silences=silences,
        owner={"node": NODE, "incarnation": str(incarnation)},
    )


def _open_database(settings: Settings, clock: Clock, bus: Bus, opened: ExitStack) -> tuple[Engine, Committer]:
    engine = store.open_engine(settings)
    opened.callback(engine.dispose)
    turn = BoundedSemaphore()
    checkpointer = Checkpointer(engine, turn=turn)
    checkpointer.start()
    opened.callback(checkpointer.stop)
    committer = Committer(engine, clock=clock, publish=bus.publish, turn=turn)
    committer.start()
    opened.callback(committer.stop)
    store.store_queues(committer, settings)
    with reading(engine) as connection:
        realms = agents.realms(connection)
    _check_realm(settings.general.registrar_domain, realms)
    return engine, committer


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
) -> tuple[MediaProcess, MediaClient]:
    path = settings.media.socket
    command = [sys.executable, "-m", "callengine", "media", "--socket", path]
    process = MediaProcess(
        command, socket_path=path, environment=_media_environment(settings), on_restart=silences.break_all
    )
    process.start()
    opened.callback(process.stop)
    media = MediaClient(path, owner=NODE, incarnation=incarnation, on_event=silences.note)
    opened.callback(media.disconnect)
    return process, media


def _media_environment(settings: Settings) -> dict[str, str]:
    """Our environment, with the settings of the media process as we have them, wherever they came from."""
    values = {
        "MEDIA__HOST": settings.media.host,
        "MEDIA__PORT_FIRST": settings.media.port_first,
        "MEDIA__PORT_LAST": settings.media.port_last,
        "MEDIA__TIMEOUT_SECONDS": settings.media.timeout_seconds,
        "LOG__LEVEL": settings.log.level,
        "LOG__FORMAT": settings.log.format,
        "LOG__FILE": settings.log.file,
    }
    return {**os.environ, **{f"CALLENGINE_{key}": str(value) for key, value in values.items()}}


def _make_endpoint(settings: Settings, clock: Clock) -> Endpoint:
    return Endpoint(
        host=settings.sip.host,
        port=settings.sip.port,
        advertised_host=settings.sip.advertised_host,
        user_agent=f"callengine/{__version__}",
        clock=clock,
        pool_size=settings.sip.pool_size,
    )


def _gather_people(base: _Base) -> _People:
    roster, lines = _load(base.engine)
    with reading(base.engine) as connection:
        arrived, answered, waited = calls.totals(connection)
    live = Calls(total=arrived)
    statistics = Statistics(
        live=live, queues=lines, roster=roster, clock=base.clock, answered=answered, waited_seconds=waited
    )
    wrap_up = WrapUp(roster=roster, committer=base.committer, timers=base.timers, clock=base.clock)
    base.bus.subscribe(roster.apply, [EventType.AGENT_STATE_CHANGED])
    base.bus.subscribe(wrap_up.note, [EventType.AGENT_STATE_CHANGED])
    base.bus.subscribe(statistics.count)
    wrap_up.take_up(base.engine)
    presence = Presence(engine=base.engine, committer=base.committer, timers=base.timers, clock=base.clock)
    presence.load([agent.name for agent in roster])
    sweep_seconds = base.settings.routing.queue_monitor_interval_ms / 1000
    dispatch = Dispatch(lines, roster, clock=base.clock, sweep_seconds=sweep_seconds)
    return _People(roster, lines, live, statistics, presence, dispatch)


def _load(engine: Engine) -> tuple[Roster, Queues]:
    """Agents and queues as the database has them."""
    with reading(engine) as connection:
        agent_rows, queue_rows = agents.read_agents(connection), queues.read_queues(connection)
    roster = Roster(
        Agent(
            id=row.id,
            name=row.name,
            max_concurrent_calls=row.max_concurrent_calls,
            queue_ids=tuple(place.queue_id for place in row.queues),
            state=row.state,
            load=row.load,
            available_since=row.available_since or row.state_since,
        )
        for row in agent_rows
    )
    lines = Queues(
        Queue(
            id=row.id,
            name=row.name,
            strategy=STRATEGIES[row.strategy],
            capacity=row.capacity,
            max_wait_time_seconds=row.max_wait_time_seconds,
            ring_timeout_seconds=row.ring_timeout_seconds,
            wrap_up_seconds=row.wrap_up_seconds,
            last_agent_id=row.last_agent_id,
        )
        for row in queue_rows
    )
    return roster, lines


def _make_stories(base: _Base, people: _People) -> tuple[Inbound, Clearing, Recovery]:
    general = base.settings.general
    addresses = Addresses(
        domain=general.domain,
        service=general.call_center_service,
        sip_host=base.settings.sip.advertised_host,
        sip_port=base.settings.sip.port,
        media_host=base.settings.sip.advertised_host,
    )
    legs = Legs(endpoint=base.endpoint, media=base.media, addresses=addresses, committer=base.committer)
    clearing = Clearing(
        live=people.live,
        queues=people.queues,
        media=base.media,
        committer=base.committer,
        bye_timeout_seconds=general.bye_timeout_seconds,
        bye_retry_attempts=general.bye_retry_attempts,
        bye_race_delay_seconds=general.bye_race_delay_ms / 1000,
    )
    inbound = _make_inbound(base, people, legs, clearing)
    recovery = Recovery(
        node=NODE,
        engine=base.engine,
        committer=base.committer,
        endpoint=base.endpoint,
        media=base.media,
        contact=addresses.contact,
        roster=people.roster,
        clearing=clearing,
    )
    return inbound, clearing, recovery


def _make_inbound(base: _Base, people: _People, legs: Legs, clearing: Clearing) -> Inbound:
    offering = Offering(
        queues=people.queues,
        legs=legs,
        owner=base.owner,
        presence=people.presence,
        dispatch=people.dispatch,
        clearing=clearing,
        committer=base.committer,
        clock=base.clock,
    )
    seconds = base.settings.general.max_call_duration_minutes * 60
    talking = Talking(Bridge(base.media, base.silences), clock=base.clock, max_call_seconds=seconds)
    return Inbound(
        numbers=Numbers(
            {name: parse_destination(number.destination) for name, number in base.settings.numbers.items()}
        ),
        queues=people.queues,
        live=people.live,
        legs=legs,
        owner=base.owner,
        waiting=Waiting(people.dispatch, offering),
        talking=talking,
        clearing=clearing,
        committer=base.committer,
        clock=base.clock,
        tenant_id=DEFAULT_TENANT_ID,
        open_to_anyone=base.settings.security.open_inbound,
        max_queue_depth=base.settings.routing.max_queue_depth,
    )


def _take_requests(base: _Base, presence: Presence, inbound: Inbound, opened: ExitStack) -> None:
    settings = base.settings
    registrar = Registrar(
        realm=settings.general.registrar_domain,
        store=presence,
        credentials=presence.secrets_of,
        nonce_book=NonceBook(token_bytes(32)),
        clock=base.clock,
        algorithms=settings.security.digest_algorithms,
    )
    base.endpoint.on("REGISTER", registrar.handle)
    base.endpoint.on("INVITE", inbound.arrive)
    try:
        base.endpoint.start()
    except OSError as error:
        where = f"{settings.sip.host}:{settings.sip.port}"
        raise CallCenterError(f"sip.host, sip.port: udp {where} cannot be had: {error.strerror}") from None
    opened.callback(base.endpoint.stop)
