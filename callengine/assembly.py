"""The composition root: builds every part from the settings, lowest first, and hands each its partners."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from secrets import token_bytes

from sqlalchemy import Engine

from callengine.callcenter import journal
from callengine.callcenter.addresses import Addresses
from callengine.callcenter.bridge import Bridge
from callengine.callcenter.calls import Calls
from callengine.callcenter.clearing import Clearing
from callengine.callcenter.dispatch import Dispatch
from callengine.callcenter.inbound import Inbound
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
from callengine.db.engine import reading
from callengine.db.models.tenant import DEFAULT_TENANT_ID
from callengine.db.repositories import agents, calls, queues
from callengine.errors import CallCenterError, MediaError
from callengine.events.bus import Bus
from callengine.events.types import EventType
from callengine.foundation import NODE, Foundation, MediaMaker, lay_foundation
from callengine.media.engine import EngineTotals, MediaEngine
from callengine.media.process import MediaProcess
from callengine.sip.auth import NonceBook
from callengine.sip.endpoint import Endpoint
from callengine.sip.registrar import Registrar


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
    dispatch: Dispatch
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
    base = lay_foundation(settings, clock, opened, make_media)
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
        people.dispatch,
        clearing,
        recovery,
        people.statistics,
    )


def _gather_people(base: Foundation) -> _People:
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
    base.bus.subscribe(journal.note, journal.NOTED)
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


def _make_stories(base: Foundation, people: _People) -> tuple[Inbound, Clearing, Recovery]:
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


def _make_inbound(base: Foundation, people: _People, legs: Legs, clearing: Clearing) -> Inbound:
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


def _take_requests(base: Foundation, presence: Presence, inbound: Inbound, opened: ExitStack) -> None:
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
