"""Builds what calls go through: the stories, what is taken up of an earlier run, and what is repaired."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from secrets import token_bytes

from callengine.callcenter.addresses import Addresses
from callengine.callcenter.answering import Answering
from callengine.callcenter.arrivals import Arrivals
from callengine.callcenter.bridge import Bridge
from callengine.callcenter.callers import Callers
from callengine.callcenter.calls import Call
from callengine.callcenter.clearing import Clearing
from callengine.callcenter.debts import Debts
from callengine.callcenter.features import Features
from callengine.callcenter.heartbeat import Heartbeat
from callengine.callcenter.inbound import Inbound
from callengine.callcenter.kept_places import KeptPlaces
from callengine.callcenter.legs import Legs
from callengine.callcenter.missed import MissedRules
from callengine.callcenter.offering import Offering
from callengine.callcenter.outbound import Outbound
from callengine.callcenter.overflow import Overflow
from callengine.callcenter.reconciling.looking import Looking
from callengine.callcenter.reconciling.reconciler import Reconciler
from callengine.callcenter.reconciling.repairs import Repairs
from callengine.callcenter.reconciling.shifting import Shifting
from callengine.callcenter.recovery import Recovery
from callengine.callcenter.refreshing import Refreshing
from callengine.callcenter.rejoining import Rejoining
from callengine.callcenter.talking import Talking
from callengine.callcenter.waiting import Waiting
from callengine.config import Settings
from callengine.db.models.tenant import DEFAULT_TENANT_ID
from callengine.foundation import NODE, Foundation
from callengine.media.engine import MUSIC
from callengine.media.steady import SteadyMedia
from callengine.people import People
from callengine.sip.auth import NonceBook
from callengine.sip.authenticator import AS_PROXY, Authenticator
from callengine.vocabulary import OfferState, RoutingMode


@dataclass(frozen=True)
class Stories:
    """What calls go through, what is taken up of an earlier run, and what is repaired."""

    inbound: Inbound
    clearing: Clearing
    recovery: Recovery
    reconciler: Reconciler
    heartbeat: Heartbeat


def make_stories(base: Foundation, people: People) -> Stories:
    """Built from the media side's legs upwards."""
    addresses = _addresses_of(base.settings)
    legs = Legs(
        endpoint=base.endpoint,
        media=base.media,
        addresses=addresses,
        committer=base.committer,
        find_way=people.presence.flow_of,
    )
    answering = Answering(base.media, partial(_music_of, people))
    clearing = _make_clearing(base, people)
    inbound = _make_inbound(base, people, legs, answering, clearing)
    debts = Debts(
        engine=base.engine,
        committer=base.committer,
        endpoint=base.endpoint,
        contact=addresses.contact,
        roster=people.roster,
        queues=people.queues,
        clearing=clearing,
    )
    recovery = _make_recovery(base, people, legs, answering, clearing, debts, inbound)
    reconciler = _make_reconciler(base, people, answering, clearing, debts)
    return Stories(inbound, clearing, recovery, reconciler, _make_heartbeat(base, people, addresses))


def _make_heartbeat(base: Foundation, people: People, addresses: Addresses) -> Heartbeat:
    return Heartbeat(
        presence=people.presence,
        endpoint=base.endpoint,
        timers=base.timers,
        clock=base.clock,
        from_=str(addresses.ourselves()),
        interval=base.settings.general.agent_heartbeat_interval,
    )


def _addresses_of(settings: Settings) -> Addresses:
    return Addresses(
        domain=settings.general.domain,
        service=settings.general.call_center_service,
        sip_host=settings.sip.advertised_host,
        sip_port=settings.sip.port,
        media_host=settings.sip.advertised_host,
    )


def _missed_rules(settings: Settings) -> MissedRules:
    agents = settings.agents
    return MissedRules(
        delays={
            OfferState.REJECTED: agents.delay_after_rejected_seconds,
            OfferState.BUSY: agents.delay_after_busy_seconds,
            OfferState.NO_ANSWER: agents.delay_after_no_answer_seconds,
            OfferState.UNREACHABLE: agents.delay_after_unreachable_seconds,
        },
        pause_after=agents.auto_pause_after_missed,
    )


def _make_clearing(base: Foundation, people: People) -> Clearing:
    general = base.settings.general
    return Clearing(
        live=people.live,
        queues=people.queues,
        media=base.media,
        committer=base.committer,
        bye_timeout_seconds=general.bye_timeout_seconds,
        bye_retry_attempts=general.bye_retry_attempts,
        bye_race_delay_seconds=general.bye_race_delay_ms / 1000,
        missed_rules=_missed_rules(base.settings),
    )


def _make_recovery(
    base: Foundation,
    people: People,
    legs: Legs,
    answering: Answering,
    clearing: Clearing,
    debts: Debts,
    inbound: Inbound,
) -> Recovery:
    """What takes up calls after a death: of the service, or of the media process."""
    refreshing = Refreshing(legs=legs, media=base.media)
    if isinstance(base.media, SteadyMedia):
        base.media.on_restored = Rejoining(
            live=people.live,
            clearing=clearing,
            committer=base.committer,
            ask_if_silent=partial(refreshing.watch, is_reopened=True),
        ).note
    return Recovery(
        owner=base.owner,
        engine=base.engine,
        committer=base.committer,
        media=base.media,
        debts=debts,
        clearing=clearing,
        take_up_leg=legs.take_up,
        answering=answering,
        go_on=inbound.go_on,
        look_after=refreshing.watch,
    )


def _make_reconciler(
    base: Foundation, people: People, answering: Answering, clearing: Clearing, debts: Debts
) -> Reconciler:
    looking = _make_looking(base, people, clearing)
    repairs = Repairs(
        engine=base.engine,
        committer=base.committer,
        media=base.media,
        bridge=Bridge(base.media, base.silences),
        answering=answering,
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
        clock=base.clock,
    )
    lease_seconds = base.settings.general.lease_seconds
    return Reconciler(
        looking=looking, repairs=repairs, shifting=shifting, clock=base.clock, lease_seconds=lease_seconds
    )


def _make_looking(base: Foundation, people: People, clearing: Clearing) -> Looking:
    return Looking(
        engine=base.engine,
        node=NODE,
        endpoint=base.endpoint,
        media=base.media,
        live=people.live,
        clearing=clearing,
        queues=people.queues,
        roster=people.roster,
        clock=base.clock,
        max_call_seconds=base.settings.general.max_call_duration_minutes * 60,
    )


def _music_of(people: People, call: Call) -> str:
    """What a caller hears who waits in its queue."""
    return people.queues.by_id(call.entry.queue_id).rules.music or MUSIC


def _make_callers(base: Foundation, people: People) -> Callers:
    settings = base.settings
    general = settings.general
    return Callers(
        roster=people.roster,
        authenticator=Authenticator(
            realm=general.registrar_domain,
            credentials=people.presence.secrets_of,
            nonce_book=NonceBook(token_bytes(32)),
            clock=base.clock,
            algorithms=settings.security.digest_algorithms,
            asking=AS_PROXY,
        ),
        domains=(
            general.domain,
            general.registrar_domain,
            general.local_ip,
            settings.sip.host,
            settings.sip.advertised_host,
        ),
        open_to_anyone=settings.security.open_inbound,
    )


def _make_inbound(
    base: Foundation, people: People, legs: Legs, answering: Answering, clearing: Clearing
) -> Inbound:
    seconds = base.settings.general.max_call_duration_minutes * 60
    talking = Talking(Bridge(base.media, base.silences), clock=base.clock, max_call_seconds=seconds)
    arrivals = Arrivals(owner=base.owner, tenant_id=DEFAULT_TENANT_ID)
    return Inbound(
        numbers=people.numbers,
        roster=people.roster,
        queues=people.queues,
        live=people.live,
        legs=legs,
        answering=answering,
        waiting=_make_waiting(base, people, legs, answering, clearing),
        talking=talking,
        clearing=clearing,
        committer=base.committer,
        clock=base.clock,
        callers=_make_callers(base, people),
        arrivals=arrivals,
        outbound=_make_outbound(base, people, legs, arrivals, talking, clearing),
        features=_make_features(base, people, legs, arrivals),
        ways=people.ways,
        priorities=people.priorities,
        kept_places=KeptPlaces(base.engine),
    )


def _make_waiting(
    base: Foundation, people: People, legs: Legs, answering: Answering, clearing: Clearing
) -> Waiting:
    """Standing in line: being offered to agents, and going on to other queues."""
    offering = Offering(
        queues=people.queues,
        legs=legs,
        answering=answering,
        owner=base.owner,
        presence=people.presence,
        dispatch=people.dispatch,
        clearing=clearing,
        committer=base.committer,
        clock=base.clock,
    )
    overflow = Overflow(
        queues=people.queues,
        ways=people.ways,
        orders=people.orders,
        answering=answering,
        owner=base.owner,
        committer=base.committer,
        clock=base.clock,
    )
    is_direct = base.settings.routing.mode == RoutingMode.DIRECT_WHEN_AVAILABLE
    return Waiting(people.dispatch, offering, overflow, may_ring_at_once=is_direct)


def _make_outbound(
    base: Foundation, people: People, legs: Legs, arrivals: Arrivals, talking: Talking, clearing: Clearing
) -> Outbound:
    return Outbound(
        arrivals=arrivals,
        roster=people.roster,
        presence=people.presence,
        legs=legs,
        talking=talking,
        clearing=clearing,
        committer=base.committer,
        clock=base.clock,
        ring_seconds=base.settings.routing.agent_assignment_timeout_seconds,
    )


def _make_features(base: Foundation, people: People, legs: Legs, arrivals: Arrivals) -> Features:
    return Features(
        arrivals=arrivals,
        numbers=people.numbers,
        roster=people.roster,
        legs=legs,
        media=base.media,
        committer=base.committer,
        clock=base.clock,
    )
