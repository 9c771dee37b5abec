"""DialogEnd: its greenlet and its registry entry live as long as the session, and no longer."""

from callengine import greenlets
from callengine.sip.dialog import DialogFacts
from callengine.sip.endpoint import Endpoint
from callengine.sip.session import Session, restore
from tests.fakes.sip_peer import SipPeer, make_endpoint, wait_until


def _restored(endpoint: Endpoint, peer: SipPeer, number: int) -> Session:
    facts = DialogFacts(
        f"call-{number}",
        "ours",
        "theirs",
        "<sip:a@b>",
        "<sip:c@d>",
        (),
        f"sip:x@127.0.0.1:{peer.port}",
        0,
        1,
        True,
    )
    return restore(endpoint, facts, peer.flow, contact="sip:a@b")


def test_stopping_the_endpoint_ends_the_sessions_without_a_word() -> None:
    endpoint = make_endpoint()
    peer = SipPeer(endpoint)
    sessions = [_restored(endpoint, peer, number) for number in range(5)]
    wait_until(lambda: greenlets.running().get("dialog") == 5)
    endpoint.stop()
    wait_until(lambda: not greenlets.running())
    assert {(session.ended_by, session.end_cause) for session in sessions} == {("local", "stopped")}
    assert not sessions[0].hang_up()
    assert peer.hears_nothing(0.05)
    peer.close()


def test_many_sessions_end_without_a_trace(endpoint: Endpoint, peer: SipPeer) -> None:
    sessions = [_restored(endpoint, peer, number) for number in range(50)]
    assert endpoint.dialog_count() == 50
    leaving = [greenlets.spawn("leaving", session.hang_up) for session in sessions]
    for _ in sessions:
        peer.answer(peer.request("BYE"), 200)
    assert all(greenlet.get(timeout=5.0) for greenlet in leaving)
    assert endpoint.dialog_count() == 0
    wait_until(lambda: "dialog" not in greenlets.running())
    wait_until(lambda: endpoint.transaction_count() == 0)
    assert endpoint.timer_count() == 0
