"""Endpoints over TCP: connections are reused, what cannot be reached fails at once, large requests move."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import gevent
import pytest
from gevent import socket

from callengine import greenlets
from callengine.errors import SessionError
from callengine.sip.endpoint import Endpoint
from callengine.sip.flow import Flow
from callengine.sip.headers import Headers
from callengine.sip.identifiers import new_call_id
from callengine.sip.incoming_session import IncomingSession
from callengine.sip.message import Request
from callengine.sip.outgoing_session import OutgoingSession
from callengine.sip.server_transaction import ServerTransaction
from tests.fakes.sip_peer import ANSWER, HOST, OFFER, QUICK, wait_until

MakeEndpoint = Callable[..., Endpoint]


@pytest.fixture
def make_endpoint() -> Iterator[MakeEndpoint]:
    """Makes endpoints, started; none may leave a greenlet behind."""
    made: list[Endpoint] = []

    def make(*transports: str) -> Endpoint:
        endpoint = Endpoint(host=HOST, port=0, timers=QUICK, user_agent="test", transports=transports)
        for _ in range(20):
            try:
                endpoint.start()
                break
            except SessionError:  # the port that UDP got by chance is taken for TCP
                endpoint = Endpoint(host=HOST, port=0, timers=QUICK, user_agent="test", transports=transports)
        made.append(endpoint)
        return endpoint

    yield make
    for endpoint in made:
        endpoint.stop()
    wait_until(lambda: not greenlets.running())


def test_who_connects_before_the_start_is_answered_after_it(make_endpoint: MakeEndpoint) -> None:
    asking = make_endpoint("tcp")
    late = Endpoint(host=HOST, port=0, timers=QUICK, transports=["tcp"])
    late.bind()
    try:
        waiting = gevent.spawn(asking.request, options(), Flow("tcp", *late.local_address))
        gevent.sleep(0.1)
        assert (late.connection_count(), waiting.ready()) == (0, False)
        late.start()
        assert waiting.get(timeout=5).status == 200
    finally:
        late.stop()


def options(*headers: tuple[str, str]) -> Request:
    """An OPTIONS that has all but its Via."""
    lines = [
        ("From", "<sip:a@x>;tag=1"),
        ("To", "<sip:b@x>"),
        ("Call-ID", new_call_id()),
        ("CSeq", "1 OPTIONS"),
        ("Max-Forwards", "70"),
        *headers,
    ]
    return Request("OPTIONS", "sip:b@x", Headers(lines))


def listening(endpoint: Endpoint, transport: str) -> Flow:
    """The way to an endpoint."""
    return Flow(transport, *endpoint.local_address)


def invite(endpoint: Endpoint, flow: Flow, *, body: bytes = OFFER) -> OutgoingSession:
    """A call that is sent."""
    session = OutgoingSession(
        endpoint,
        target_uri=f"sip:b@{flow.host}:{flow.port}",
        flow=flow,
        from_="<sip:a@x>",
        to="<sip:b@x>",
        contact=endpoint.contact("a"),
        body=body,
    )
    session.send()
    return session


def answering(endpoint: Endpoint) -> list[IncomingSession]:
    """Have every call answered; gives the list that they are put into."""
    calls: list[IncomingSession] = []

    def take(transaction: ServerTransaction) -> None:
        session = IncomingSession(transaction, endpoint, contact=endpoint.contact("b"))
        calls.append(session)
        session.answer(ANSWER)

    endpoint.on("INVITE", take)
    return calls


def test_requests_of_both_ends_share_a_connection(make_endpoint: MakeEndpoint) -> None:
    one, two = make_endpoint("tcp"), make_endpoint("tcp")
    calls = answering(two)
    session = invite(one, listening(two, "tcp"))
    assert session.final.wait(5)
    session.acknowledge()
    assert calls[0].confirmed.wait(5)
    assert calls[0].invite.via.transport.upper() == "TCP"
    assert session.contact.endswith(";transport=tcp")
    assert calls[0].hang_up(timeout=5, attempts=1)
    assert session.ended.wait(5)
    assert (one.connection_count(), two.connection_count()) == (1, 1)
    assert one.counts.retransmissions_sent == two.counts.retransmissions_sent == 0


def test_a_connection_that_is_gone_is_opened_anew_within_a_dialog(make_endpoint: MakeEndpoint) -> None:
    one, two = make_endpoint("tcp"), make_endpoint("tcp")
    calls = answering(two)
    session = invite(one, listening(two, "tcp"))
    assert session.final.wait(5)
    session.acknowledge()
    assert calls[0].confirmed.wait(5)
    one._switch._tcp._connections[listening(two, "tcp")]._break_off()  # type: ignore[union-attr]
    wait_until(lambda: not one.connection_count() and not two.connection_count())
    assert calls[0].hang_up(timeout=5, attempts=1)
    assert session.ended.wait(5)
    assert session.ended_by == "remote"


def test_a_response_whose_connection_is_gone_goes_where_the_via_says(make_endpoint: MakeEndpoint) -> None:
    one = make_endpoint("tcp")
    taken: list[ServerTransaction] = []
    one.on("MESSAGE", taken.append)
    message = options(("Content-Length", "0"))
    message.method = "MESSAGE"
    message.headers.set("CSeq", "1 MESSAGE")
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        port = listener.getsockname()[1]
        message.headers.insert_first("Via", f"SIP/2.0/TCP {HOST}:{port};branch=z9hG4bKgone;rport")
        with socket.create_connection(one.local_address, timeout=5) as first:
            first.sendall(message.serialise())
            wait_until(lambda: bool(taken))
        wait_until(lambda: not one.connection_count())
        taken[0].answer(200)
        with gevent.Timeout(5, AssertionError("the phone is not reached")):
            second, _ = listener.accept()
            answer = second.recv(4096)
        second.close()
    assert answer.startswith(b"SIP/2.0 200 OK")
    assert b"branch=z9hG4bKgone" in answer


def test_a_cancel_whose_connection_is_gone_goes_where_the_contact_says(make_endpoint: MakeEndpoint) -> None:
    one, phone = make_endpoint("tcp"), make_endpoint("tcp")
    rung: list[IncomingSession] = []

    def ring(transaction: ServerTransaction) -> None:
        rung.append(IncomingSession(transaction, phone, contact=phone.contact("b")))
        rung[0].ring()

    phone.on("INVITE", ring)
    phone.request(options(), listening(one, "tcp"))
    (connection,) = one._switch._tcp._connections.values()  # type: ignore[union-attr]
    session = OutgoingSession(
        one,
        target_uri=phone.contact("b"),
        flow=connection.flow,
        from_="<sip:a@x>",
        to="<sip:b@x>",
        contact=one.contact("a"),
        body=OFFER,
    )
    session.send()
    wait_until(lambda: bool(session.provisional))
    connection._break_off()
    wait_until(lambda: not one.connection_count())
    assert session.cancel()
    assert rung[0].ended.wait(5)
    assert rung[0].end_cause == "cancelled"
    assert session.final.wait(5)
    assert session.refused == (487, "Request Terminated")


@pytest.mark.parametrize("is_registered_anew", [False, True])
def test_who_names_a_port_where_nobody_listens_is_reached_all_the_same(
    make_endpoint: MakeEndpoint, is_registered_anew: bool
) -> None:
    one, phone = make_endpoint("tcp"), make_endpoint("tcp")
    with socket.socket() as nobody:
        nobody.bind((HOST, 0))
        port = nobody.getsockname()[1]
        taken: list[IncomingSession] = []

        def take(transaction: ServerTransaction) -> None:
            taken.append(IncomingSession(transaction, phone, contact=f"sip:b@{HOST}:{port};transport=tcp"))
            taken[0].ring()

        phone.on("INVITE", take)
        phone.request(options(), listening(one, "tcp"))
        (connection,) = one._switch._tcp._connections.values()  # type: ignore[union-attr]
        session = OutgoingSession(
            one,
            target_uri=f"sip:b@{HOST}:{port}" if is_registered_anew else phone.contact("b"),
            flow=connection.flow,
            from_="<sip:a@x>",
            to="<sip:b@x>",
            contact=one.contact("a"),
            body=OFFER,
        )
        session.send()
        wait_until(lambda: bool(session.provisional))
        connection._break_off()
        wait_until(lambda: not one.connection_count())
        taken[0].answer(ANSWER)
        assert session.answered.wait(5)
        session.acknowledge()
        assert taken[0].confirmed.wait(5)
        one._switch._tcp._connections[session.flow]._break_off()  # type: ignore[union-attr]
        wait_until(lambda: not one.connection_count())
        if is_registered_anew:
            phone.request(options(), listening(one, "tcp"))
            (anew,) = one._switch._tcp._connections  # type: ignore[union-attr]
            session.find_way = lambda: anew
        assert session.hang_up(timeout=5, attempts=1)
        assert taken[0].ended.wait(5)
        assert taken[0].end_cause == "bye"


def test_what_cannot_be_reached_fails_at_once(make_endpoint: MakeEndpoint) -> None:
    one = make_endpoint("tcp")
    with socket.socket() as nobody:
        nobody.bind((HOST, 0))
        with pytest.raises(SessionError, match="cannot be sent"):
            one.request(options(), Flow("tcp", *nobody.getsockname()))
    assert one.timer_count() == 0


def test_who_goes_before_it_has_said_anything_fails_the_call_at_once(make_endpoint: MakeEndpoint) -> None:
    one = make_endpoint("tcp")
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        session = invite(one, Flow("tcp", *listener.getsockname()))
        taken, _ = listener.accept()
        taken.recv(100)
        taken.close()
        assert session.final.wait(5)
    assert session.refused is not None
    assert session.refused[0] == 503
    assert session.end_cause == "unreachable"


def test_a_large_request_moves_to_tcp(make_endpoint: MakeEndpoint) -> None:
    one, two = make_endpoint("udp", "tcp"), make_endpoint("udp", "tcp")
    small = one.request(options(), listening(two, "udp"))
    large = one.request(options(("Subject", "x" * 1200)), listening(two, "udp"))
    assert (small.status, large.status) == (200, 200)
    assert [response.via.transport.upper() for response in (small, large)] == ["UDP", "TCP"]


def test_a_large_request_goes_by_udp_where_there_is_no_tcp(make_endpoint: MakeEndpoint) -> None:
    one, two = make_endpoint("udp", "tcp"), make_endpoint("udp")
    response = one.request(options(("Subject", "x" * 1200)), listening(two, "udp"))
    assert response.status == 200
    assert response.via.transport.upper() == "UDP"


@pytest.mark.parametrize("theirs", [("udp", "tcp"), ("udp",)])
def test_a_large_invite_likewise(make_endpoint: MakeEndpoint, theirs: tuple[str, ...]) -> None:
    one, two = make_endpoint("udp", "tcp"), make_endpoint(*theirs)
    calls = answering(two)
    session = invite(one, listening(two, "udp"), body=OFFER + b"a=x-note:" + b"y" * 1000 + b"\r\n")
    assert session.final.wait(5)
    session.acknowledge()
    assert calls[0].confirmed.wait(5)
    assert calls[0].invite.via.transport.lower() == theirs[-1] == session.flow.transport
    assert session.hang_up(timeout=5, attempts=1)


def test_a_message_without_content_length_gets_400_and_the_end(make_endpoint: MakeEndpoint) -> None:
    one = make_endpoint("tcp")
    request = options()
    one.add_via(request, Flow("tcp", HOST, 5060))
    wire = request.serialise().replace(b"Content-Length: 0\r\n", b"")
    peer = socket.create_connection(one.local_address, timeout=5)
    peer.sendall(wire)
    said = b""
    while piece := peer.recv(4096):
        said += piece
    assert said.startswith(b"SIP/2.0 400 there is no Content-Length")
    assert one.counts.bad_messages == 1
    gevent.sleep(0)


def test_an_address_that_is_taken_is_named_with_its_transport(make_endpoint: MakeEndpoint) -> None:
    one = make_endpoint("tcp")
    host, port = one.local_address
    with pytest.raises(SessionError, match=f"tcp {host}:{port} cannot be had"):
        Endpoint(host=host, port=port, transports=("udp", "tcp")).start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((host, port))
