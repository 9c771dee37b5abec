"""The composition root: builds every part from the settings, lowest first, and hands each its partners."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from secrets import token_bytes

from sqlalchemy import Engine

from callengine.callcenter import journal
from callengine.callcenter.addresses import Addresses
from callengine.callcenter.administration import Administration
from callengine.callcenter.bridge import Bridge
from callengine.callcenter.calls import Calls
from callengine.callcenter.clearing import Clearing
from callengine.callcenter.debts import Debts
from callengine.callcenter.dispatch import Dispatch
from callengine.callcenter.inbound import Inbound
from callengine.callcenter.legs import Legs
from callengine.callcenter.numbers import Destination, Numbers, parse_destination
from callengine.callcenter.offering import Offering
from callengine.callcenter.presence import Presence
from callengine.callcenter.queues import Queues
from callengine.callcenter.reconciling.looking import Looking
from callengine.callcenter.reconciling.reconciler import Reconciler
from callengine.callcenter.reconciling.repairs import Repairs
from callengine.callcenter.reconciling.shifting import Shifting
from callengine.callcenter.recovery import Recovery
from callengine.callcenter.refreshing import Refreshing
from callengine.callcenter.rejoining import Rejoining
from callengine.callcenter.roster import Agent, Roster
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
from callengine.events.types import EventType
from callengine.foundation import NODE, Foundation, MediaMaker, lay_foundation
from callengine.media.engine import EngineTotals
from callengine.media.steady import SteadyMedia
from callengine.port_holder import holder_of
from callengine.sip.auth import NonceBook
from callengine.sip.registrar import Registrar
from callengine.sip.transport.switch import AddressTaken

_OF_AGENTS = (EventType.AGENT_STATE_CHANGED, EventType.AGENT_ADDED, EventType.AGENT_REMOVED)


@dataclass(frozen=True)
class People:
    """Who works, who waits, what can be dialled, and who brings callers and agents together."""

    roster: Roster
    numbers: Numbers
    queues: Queues
    live: Calls
    statistics: Statistics
    presence: Presence
    wrap_up: WrapUp
    dispatch: Dispatch


@dataclass(frozen=True)
class Parts:
    """What was built, for the rest of the service to ask."""

    base: Foundation
    people: People
    inbound: Inbound
    clearing: Clearing
    recovery: Recovery
    reconciler: Reconciler
    administration: Administration

    def media_totals(self) -> EngineTotals:
        """The media side's figures; all zero while it does not answer."""
        try:
            return self.base.media.totals()
        except MediaError:
            return EngineTotals()


def assemble(
    settings: Settings, clock: Clock, opened: ExitStack, make_media: MediaMaker | None = None
) -> Parts:
    """Build everything; whatever must be closed again is pushed on `opened`, last on top.

    Nothing is received from any phone, and nothing goes on, until `begin`.

    `make_media` makes another engine than the media process, given the sink of its events.

    Raises `CallCenterError` that says what is in the way.
    """
    base = lay_foundation(settings, clock, opened, make_media)
    people = _gather_people(base)
    inbound, clearing, debts, recovery = _make_stories(base, people)
    _take_requests(base, people.presence, inbound)
    administration = Administration(
        engine=base.engine,
        committer=base.committer,
        clock=clock,
        realm=settings.general.registrar_domain,
        node=NODE,
        live=people.live,
    )
    reconciler = make_reconciler(base, people, clearing, debts, clock)
    return Parts(base, people, inbound, clearing, recovery, reconciler, administration)


def begin(parts: Parts, opened: ExitStack) -> int:
    """Receive SIP, let the calls of an earlier run go on, and offer callers to agents; how many calls go on.

    Those calls are taken up, and become ours, once the addresses are had: a start that fails for a taken one
    leaves no trace. What comes meanwhile is kept by the kernel until their dialogs are there.
    Callers who wait are back in line, all of them, before the first is offered. New calls are taken from the
    first packet on: a phone that repeats its INVITE while a service restarts is not to be refused.
    Raises `CallCenterError` if SIP cannot be received.
    """
    opened.callback(parts.base.endpoint.stop)
    _have_addresses(parts.base)
    parts.reconciler.set_clock()
    parts.recovery.take_up()
    parts.inbound.open()
    parts.base.endpoint.start()
    count = parts.recovery.go_on()
    parts.people.dispatch.start()
    opened.callback(parts.people.dispatch.stop)
    parts.reconciler.start()
    opened.callback(parts.reconciler.stop)
    return count


def destinations_of(settings: Settings) -> dict[str, Destination]:
    """What each number of the settings leads to."""
    return {name: parse_destination(number.destination) for name, number in settings.numbers.items()}


def _gather_people(base: Foundation) -> People:
    roster, lines = _load(base.engine)
    with reading(base.engine) as connection:
        arrived, answered, waited = calls.totals(connection)
    live = Calls(total=arrived)
    statistics = Statistics(
        live=live, queues=lines, roster=roster, clock=base.clock, answered=answered, waited_seconds=waited
    )
    wrap_up = WrapUp(roster=roster, committer=base.committer, timers=base.timers, clock=base.clock)
    base.bus.subscribe(roster.apply, _OF_AGENTS)
    base.bus.subscribe(wrap_up.note, [EventType.AGENT_STATE_CHANGED])
    base.bus.subscribe(statistics.count)
    base.bus.subscribe(journal.note, journal.NOTED)
    wrap_up.take_up(base.engine)
    presence = Presence(engine=base.engine, committer=base.committer, timers=base.timers, clock=base.clock)
    presence.load([agent.name for agent in roster])
    base.bus.subscribe(presence.follow, _OF_AGENTS)
    sweep_seconds = base.settings.routing.queue_monitor_interval_ms / 1000
    dispatch = Dispatch(lines, roster, clock=base.clock, sweep_seconds=sweep_seconds)
    numbers = Numbers(destinations_of(base.settings))
    return People(roster, numbers, lines, live, statistics, presence, wrap_up, dispatch)


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
    lines = Queues()
    lines.take_over(queue_rows)
    return roster, lines


def _make_stories(base: Foundation, people: People) -> tuple[Inbound, Clearing, Debts, Recovery]:
    general = base.settings.general
    addresses = Addresses(
        domain=general.domain,
        service=general.call_center_service,
        sip_host=base.settings.sip.advertised_host,
        sip_port=base.settings.sip.port,
        media_host=base.settings.sip.advertised_host,
    )
    legs = Legs(
        endpoint=base.endpoint,
        media=base.media,
        addresses=addresses,
        committer=base.committer,
        find_way=people.presence.flow_of,
    )
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
    refreshing = Refreshing(legs=legs, media=base.media)
    if isinstance(base.media, SteadyMedia):
        base.media.on_restored = Rejoining(
            live=people.live,
            clearing=clearing,
            committer=base.committer,
            ask_if_silent=partial(refreshing.watch, is_reopened=True),
        ).note
    debts = Debts(
        engine=base.engine,
        committer=base.committer,
        endpoint=base.endpoint,
        contact=addresses.contact,
        roster=people.roster,
        queues=people.queues,
        clearing=clearing,
    )
    recovery = Recovery(
        owner=base.owner,
        engine=base.engine,
        committer=base.committer,
        media=base.media,
        debts=debts,
        clearing=clearing,
        take_up_leg=legs.take_up,
        go_on=inbound.go_on,
        look_after=refreshing.watch,
    )
    return inbound, clearing, debts, recovery


def make_reconciler(
    base: Foundation, people: People, clearing: Clearing, debts: Debts, clock: Clock
) -> Reconciler:
    """Compares all that was built, by the times of `clock`."""
    general = base.settings.general
    looking = Looking(
        engine=base.engine,
        node=NODE,
        endpoint=base.endpoint,
        media=base.media,
        live=people.live,
        clearing=clearing,
        queues=people.queues,
        roster=people.roster,
        clock=clock,
        max_call_seconds=general.max_call_duration_minutes * 60,
    )
    repairs = Repairs(
        engine=base.engine,
        committer=base.committer,
        media=base.media,
        bridge=Bridge(base.media, base.silences),
        live=people.live,
        clearing=clearing,
        debts=debts,
        dispatch=people.dispatch,
        roster=people.roster,
        looking=looking,
    )
    shifting = Shifting(
        node=NODE,
        engine=base.engine,
        committer=base.committer,
        live=people.live,
        roster=people.roster,
        presence=people.presence,
        wrap_up=people.wrap_up,
        clock=clock,
    )
    return Reconciler(
        looking=looking,
        repairs=repairs,
        shifting=shifting,
        clock=clock,
        lease_seconds=general.lease_seconds,
    )


def _make_inbound(base: Foundation, people: People, legs: Legs, clearing: Clearing) -> Inbound:
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
        numbers=people.numbers,
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


def _take_requests(base: Foundation, presence: Presence, inbound: Inbound) -> None:
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


def _have_addresses(base: Foundation) -> None:
    try:
        base.endpoint.bind()
    except AddressTaken as error:
        holder = holder_of(error.transport, error.port)
        raise CallCenterError(f"sip.host, sip.port: {error}{holder}") from None
