"""The 2xx that nobody wants: of another fork, or too late; each is ACKed and hung up (RFC 3261 13.2.2.4)."""

from __future__ import annotations

from callengine.sip.dialog import Dialog, without_tag
from callengine.sip.endpoint import Endpoint
from callengine.sip.flow import Flow
from callengine.sip.goodbye import send_bye
from callengine.sip.headers import Headers
from callengine.sip.message import Request, Response
from callengine.sip.next_hop import way_on

WireAck = tuple[bytes, Flow]
"""An ACK as it was sent, and where to."""


class LateAnswers:
    """Takes every 2xx to one INVITE of ours, by itself: it can outlive the session, which would be large.

    A repeated 2xx gets the ACK that the first one got, whoever sent that; another one gets ACK and BYE.
    """

    def __init__(self, endpoint: Endpoint, *, target_uri: str, flow: Flow) -> None:
        """`target_uri` is the INVITE's Request-URI, `flow` the way that it went."""
        self._endpoint = endpoint
        self._target_uri = target_uri
        self._flow = flow
        self._acks: dict[str, WireAck] = {}

    def remember(self, tag: str, ack: WireAck) -> None:
        """The 2xx with this To tag has been ACKed so."""
        self._acks[tag] = ack

    def take(self, response: Response) -> None:
        """For a 2xx; anything else changes nothing."""
        if not 200 <= response.status < 300:
            return
        ack = self._acks.get(response.to.tag or "")
        if ack is not None:
            self._endpoint.send(*ack)
        else:
            self._turn_down(response)

    def _turn_down(self, response: Response) -> None:
        invite = Request("INVITE", self._target_uri, _as_sent(response))
        dialog = Dialog.as_uac(invite, response)
        flow = way_on(dialog, known_uri=self._target_uri, known=self._flow)
        request = dialog.ack_for(response.cseq.number)
        self._endpoint.add_via(request, flow)
        ack = self._acks[dialog.remote_tag] = request.serialise(), flow
        self._endpoint.send(*ack)
        send_bye(self._endpoint, dialog, flow)


def _as_sent(response: Response) -> Headers:
    """What the INVITE said of its dialog; the answer repeats it all (RFC 3261 8.2.6.2)."""
    kept = ((name, response.headers.get(name) or "") for name in ("From", "Call-ID", "CSeq"))
    return Headers([*kept, ("To", without_tag(response.to))])
