"""BYE by itself: what confirms it, and which way each attempt goes."""

import gevent
from gevent.event import Event

from callengine import greenlets
from callengine.sip.dialog import Dialog, DialogFacts
from callengine.sip.endpoint import Endpoint
from callengine.sip.flow import Flow
from callengine.sip.goodbye import say_bye, send_bye
from tests.fakes.sip_peer import SipPeer, wait_until


def _dialog(peer: SipPeer) -> Dialog:
    target = f"sip:peer@127.0.0.1:{peer.port}"
    return Dialog(DialogFacts("one", "ours", "theirs", "<sip:a@b>", "<sip:c@d>", (), target, 0, 1, True))


def test_a_bye_that_nobody_waits_for_is_repeated_until_it_is_answered(
    endpoint: Endpoint, peer: SipPeer
) -> None:
    send_bye(endpoint, _dialog(peer), peer.flow)
    first = peer.request("BYE")
    again = peer.request("BYE")
    assert again.serialise() == first.serialise()
    peer.answer(again, 200)
    wait_until(lambda: endpoint.transaction_count() == 0)


def test_each_attempt_asks_for_the_way(endpoint: Endpoint, peer: SipPeer) -> None:
    ways = [Flow("udp", "2001:db8::1", 5060), peer.flow]

    def leave() -> bool:
        return say_bye(
            endpoint,
            _dialog(peer),
            lambda: ways.pop(0),
            ended=Event(),
            reason="SIP;cause=480",
            timeout=1.0,
            attempts=2,
        )

    leaving = greenlets.spawn("leaving", leave)
    bye = peer.request("BYE")
    assert str(bye.cseq) == "2 BYE"
    assert bye.headers.get("reason") == "SIP;cause=480"
    peer.answer(bye, 200)
    assert leaving.get(timeout=3.0) is True


def test_their_bye_confirms_ours(endpoint: Endpoint, peer: SipPeer) -> None:
    ended = Event()
    gevent.spawn_later(0.03, ended.set)
    assert say_bye(
        endpoint, _dialog(peer), lambda: peer.flow, ended=ended, reason=None, timeout=3.0, attempts=1
    )
    peer.answer(peer.request("BYE"), 200)
