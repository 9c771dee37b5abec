"""Our legs with phones: made ready before their first message, answered, agreed upon, thrown away unused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from secrets import randbits

from loguru import logger

from callengine.callcenter.addresses import Addresses
from callengine.callcenter.bridge import remote_media
from callengine.callcenter.calls import Call, Leg, new_id
from callengine.callcenter.leg_rows import changed
from callengine.db.committer import Committer
from callengine.db.repositories import legs
from callengine.errors import BadSdp, MediaError, NotAcceptable
from callengine.media.engine import MediaEngine
from callengine.sdp.negotiation import PCMA, PCMU, Agreement, make_answer, make_offer, read_answer
from callengine.sdp.session import SessionDescription
from callengine.sip.bindings import Binding
from callengine.sip.endpoint import Endpoint
from callengine.sip.flow import Flow
from callengine.sip.incoming_session import IncomingSession
from callengine.sip.outgoing_session import OutgoingSession
from callengine.sip.server_transaction import ServerTransaction
from callengine.vocabulary import LegRole

CODECS = (PCMU.name, PCMA.name)
"""What the media side can serve, and translate into each other."""

SDP = "application/sdp"

FindWay = Callable[[int | None], Flow | None]

_ANY_PORT = 1
"""Stands in an answer until the media side has said which port it is, so that one call to it is enough."""


class Legs:
    """Makes the legs of this node."""

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        media: MediaEngine,
        addresses: Addresses,
        committer: Committer,
        find_way: FindWay,
    ) -> None:
        """`find_way` gives the present way to the phone of a binding, None if that is gone."""
        self._find_way = find_way
        self._endpoint = endpoint
        self._media = media
        self._addresses = addresses
        self._committer = committer

    def incoming(self, transaction: ServerTransaction, *, play: str | None) -> Leg:
        """A caller's leg: the answer to its offer has one codec, its media is open and plays that sound.

        Nothing is sent yet. Raises `NotAcceptable` for an offer that cannot be served, `BadSdp`, `NoPorts`.
        """
        invite = transaction.request
        if invite.content_type != SDP or not invite.body:
            raise NotAcceptable("an INVITE without a session description is not served")
        offer = SessionDescription.parse(invite.body)
        contact = self._addresses.contact(transaction.source.transport)
        session = IncomingSession(transaction, self._endpoint, contact=contact)
        answer, agreement = self._answer_to(offer, _ANY_PORT, randbits(31), 1)
        leg_id = new_id()
        port = self._media.open(leg_id, remote=remote_media(agreement), play=play)
        leg = Leg(leg_id, LegRole.CALLER, session, port, answer.with_port(port), agreement)
        self.listen_for_offers(leg)
        return leg

    def outgoing(self, call: Call, agent_name: str, binding: Binding) -> Leg:
        """A leg to one of the agent's phones, its INVITE ready to be stored and then sent.

        The caller's codec is offered first. Raises `NoPorts`, or `MediaUnavailable`.
        """
        leg_id = new_id()
        port = self._media.open(leg_id)
        assert call.caller.agreement is not None
        first = call.caller.agreement.codec
        offer = make_offer(
            host=self._addresses.media_host,
            port=port,
            codecs=sorted(CODECS, key=lambda codec: codec != first),
            session_id=randbits(31),
            version=1,
        )
        flow = self._endpoint.way(binding.flow, binding.contact)
        session = OutgoingSession(
            self._endpoint,
            target_uri=binding.contact,
            flow=flow,
            from_=str(self._addresses.towards_agent(call.caller_number, call.caller_name)),
            to=str(self._addresses.agent(agent_name)),
            contact=self._addresses.contact(flow.transport),
            body=offer.serialise(),
        )
        session.prepare()
        session.find_way = partial(self._find_way, binding.id)
        return Leg(leg_id, LegRole.AGENT, session, port, offer, binding_id=binding.id)

    def read_answer(self, leg: Leg) -> None:
        """Note what the phone has agreed to; raises `NotAcceptable` or `BadSdp` for what cannot be served."""
        answer = SessionDescription.parse(leg.session.remote_body)
        leg.agreement = read_answer(leg.local_sdp, answer)
        self.listen_for_offers(leg)

    def refresh(self, leg: Leg) -> None:
        """Offer the phone what is agreed already; one that does not know the call ends it by its answer.

        What it changes in its answer is taken over. Raises as `Session.reinvite` does, and `ProtocolError`
        for an answer that cannot be served, `MediaError`.
        """
        response = leg.session.reinvite(leg.session.local_body)
        if response.status >= 300:
            return
        agreement = read_answer(leg.local_sdp, SessionDescription.parse(response.body))
        if agreement != leg.agreement:
            self._media.set_remote(leg.id, remote_media(agreement))
            leg.agreement = agreement
            self._store_change(leg)

    def discard(self, unused: Sequence[Leg]) -> None:
        """Give back the ports of legs of which nothing was sent."""
        try:
            self._media.close(*(leg.id for leg in unused))
        except MediaError as error:
            logger.warning("the media of {} legs could not be closed: {}", len(unused), error)

    def take_up(self, leg: Leg) -> None:
        """Go on with a leg of an earlier process."""
        if leg.binding_id is not None:
            leg.session.find_way = partial(self._find_way, leg.binding_id)
        if leg.agreement is not None:
            self.listen_for_offers(leg)

    def listen_for_offers(self, leg: Leg) -> None:
        """From now on the phone may change the session by a re-INVITE (RFC 3261 14)."""
        leg.session.on_offer = partial(self._take_offer, leg)
        leg.session.on_change = partial(self._store_change, leg)

    def _take_offer(self, leg: Leg, body: bytes) -> tuple[int, bytes]:
        """Answer an offer within the dialog; 488 keeps the session as it is."""
        if body == leg.session.remote_body:
            return 200, leg.session.local_body
        assert leg.agreement is not None
        origin = leg.local_sdp.origin
        try:
            offer = SessionDescription.parse(body)
            answer, agreement = self._answer_to(
                offer, leg.media_port, origin.session_id, origin.version + 1, leg.agreement
            )
        except (NotAcceptable, BadSdp) as error:
            logger.info("a change of the session was refused: {}", error)
            return 488, b""
        self._media.set_remote(leg.id, remote_media(agreement))
        leg.local_sdp, leg.agreement = answer, agreement
        return 200, answer.serialise()

    def _store_change(self, leg: Leg) -> None:
        """Before the phone hears that its change is taken."""
        self._committer.commit(lambda tx: legs.change(tx, leg.id, changed(leg)))

    def _answer_to(
        self,
        offer: SessionDescription,
        port: int,
        session_id: int,
        version: int,
        present: Agreement | None = None,
    ) -> tuple[SessionDescription, Agreement]:
        """Our answer; within a session the codec stays the one that is in use."""
        return make_answer(
            offer,
            host=self._addresses.media_host,
            port=port,
            codecs=(present.codec,) if present else CODECS,
            session_id=session_id,
            version=version,
        )
