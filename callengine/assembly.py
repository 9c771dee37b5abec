"""The composition root: builds every part from the settings, lowest first, and hands each its partners."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from secrets import token_bytes

from callengine.callcenter.administration import Administration
from callengine.callcenter.clearing import Clearing
from callengine.callcenter.heartbeat import Heartbeat
from callengine.callcenter.inbound import Inbound
from callengine.callcenter.presence import Presence
from callengine.callcenter.reconciling.reconciler import Reconciler
from callengine.callcenter.recovery import Recovery
from callengine.clock import Clock
from callengine.config import Settings
from callengine.errors import CallCenterError, MediaError
from callengine.foundation import NODE, Foundation, MediaMaker, lay_foundation
from callengine.media.engine import EngineTotals
from callengine.people import People, gather_people, take_over_queues
from callengine.port_holder import holder_of
from callengine.sip.auth import NonceBook
from callengine.sip.registrar import Registrar
from callengine.sip.transport.switch import AddressTaken
from callengine.stories import make_stories


@dataclass(frozen=True)
class Parts:
    """What was built, for the rest of the service to ask."""

    base: Foundation
    people: People
    inbound: Inbound
    clearing: Clearing
    recovery: Recovery
    reconciler: Reconciler
    heartbeat: Heartbeat
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
    people = gather_people(base)
    stories = make_stories(base, people)
    _take_requests(base, people.presence, stories.inbound)
    administration = Administration(
        engine=base.engine,
        committer=base.committer,
        clock=clock,
        realm=settings.general.registrar_domain,
        node=NODE,
        book=base.queue_book,
        after_queues_changed=partial(take_over_queues, base, people),
        live=people.live,
        orders=people.orders,
        pause_reasons=settings.agents.pause_reasons,
        today=people.today.figures,
    )
    return Parts(
        base,
        people,
        stories.inbound,
        stories.clearing,
        stories.recovery,
        stories.reconciler,
        stories.heartbeat,
        administration,
    )


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
    parts.people.opening.look()
    parts.people.today.start()
    opened.callback(parts.people.today.stop)
    parts.reconciler.start()
    opened.callback(parts.reconciler.stop)
    parts.heartbeat.start()
    opened.callback(parts.heartbeat.stop)
    return count


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
    base.endpoint.on("INVITE", inbound.arrive, gate=inbound.challenge)


def _have_addresses(base: Foundation) -> None:
    try:
        base.endpoint.bind()
    except AddressTaken as error:
        holder = holder_of(error.transport, error.port)
        raise CallCenterError(f"sip.host, sip.port: {error}{holder}") from None
