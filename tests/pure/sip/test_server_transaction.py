"""ServerTransaction: one final answer, one tag, and a CANCEL that came before anybody looked."""

import pytest

from callengine.sip.message import Request, Response, parse, response_to
from callengine.sip.server_transaction import ServerTransaction
from tests.fakes.wire import End, Wire


def _wire() -> tuple[Wire, list[Response]]:
    wire = Wire()
    alice, bob = wire.end("192.0.2.1"), wire.end("192.0.2.2")
    asked = alice.ask(alice.request("INVITE"), bob)
    wire.run(0.1)
    return wire, asked.responses


def test_every_answer_carries_the_same_tag() -> None:
    wire, responses = _wire()
    served = next(end.served[0] for end in wire.ends.values() if end.served)
    served.answer(180)
    served.answer(183)
    served.answer(200)
    wire.run(0.1)
    assert {response.to.tag for response in responses} == {served.to_tag}


def test_a_given_tag_is_used() -> None:
    wire, responses = _wire()
    served = next(end.served[0] for end in wire.ends.values() if end.served)
    served.to_tag = "chosen"
    served.answer(486)
    wire.run(0.1)
    assert [response.to.tag for response in responses] == ["chosen"]


def test_body_and_headers_are_sent() -> None:
    wire, _ = _wire()
    served = next(end.served[0] for end in wire.ends.values() if end.served)
    served.answer(
        488, headers=[("Warning", '304 here "no"')], body=b"v=0\r\n", content_type="application/sdp"
    )
    message = parse(wire.datagrams[-1].wire)
    assert message.body == b"v=0\r\n"
    assert message.content_type == "application/sdp"
    assert message.headers.get("warning") == '304 here "no"'


def test_what_is_answered_cannot_be_answered_or_cancelled() -> None:
    wire, responses = _wire()
    served = next(end.served[0] for end in wire.ends.values() if end.served)
    answered = [served.is_answered]
    served.answer(180)
    answered.append(served.is_answered)
    served.answer(486)
    answered.append(served.is_answered)
    assert answered == [False, False, True]
    served.cancel()
    served.answer(200)
    wire.run(0.1)
    assert not served.is_cancelled
    assert [response.status for response in responses] == [180, 486]


def test_a_cancel_before_anybody_looked_can_be_seen_later() -> None:
    wire, responses = _wire()
    served = next(end.served[0] for end in wire.ends.values() if end.served)
    served.cancel()
    wire.run(0.1)
    assert served.is_cancelled
    assert [response.status for response in responses] == [487]


def _taken_up(status: int) -> tuple[Wire, End, End, Request, ServerTransaction]:
    """An INVITE that an earlier process of bob's has answered with `status`, whose answer alice may lack."""
    wire = Wire()
    alice, bob = wire.end("192.0.2.1"), wire.end("192.0.2.2")
    invite = alice.request("INVITE")
    given = response_to(invite, status, to_tag="ours")
    return wire, alice, bob, invite, bob.layer.take_up_invite(invite, alice.flow, given)


@pytest.mark.parametrize("status", [180, 183])
def test_what_was_taken_up_unanswered_is_sent_when_it_is_asked_for(status: int) -> None:
    wire, alice, bob, invite, served = _taken_up(status)
    wire.run(70.0)
    assert wire.words == [], "nothing by itself"
    assert (served.last_status, served.is_answered) == (status, False)
    asked = alice.ask(invite, bob)
    wire.run(0.1)
    assert [(response.status, response.to.tag) for response in asked.responses] == [(status, "ours")]
    assert bob.served == [], "it is no new call"


def test_what_was_taken_up_unanswered_is_answered_or_cancelled() -> None:
    wire, alice, bob, invite, served = _taken_up(180)
    asked = alice.ask(invite, bob, is_sent=True)
    served.repeat_progress()
    served.answer(200)
    served.repeat_progress()
    wire.run(0.1)
    assert asked.statuses == [180, 200]
    assert {response.to.tag for response in asked.responses} == {"ours"}
    wire, alice, bob, invite, served = _taken_up(180)
    asked = alice.ask(invite, bob, is_sent=True)
    served.cancel()
    wire.run(0.1)
    assert served.is_cancelled
    assert asked.statuses == [487]
