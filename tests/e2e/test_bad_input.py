"""What the service answers to what it cannot serve, and that nothing of it is held."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.e2e.phone import Phone
from tests.e2e.raw_sip import SDP, RawSip, digest_answer, header, status_of
from tests.e2e.service import Service

GOOD_SDP = SDP.format(port=40000, formats="0")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One for the whole module: each test leaves it as it was."""
    with Service(tmp_path_factory.mktemp("service"), agents=["alice"]) as started:
        yield started


@pytest.fixture
def wire(service: Service) -> Iterator[RawSip]:
    """By hand to the service; afterwards it must still answer, hold nothing and have nothing to warn of."""
    with RawSip(service.server) as opened:
        yield opened
        assert status_of(opened.final_response(opened.request("OPTIONS", ""))) == 200
    status = service.present()
    assert (status["legs"], status["ports_in_use"], status["active_calls"]) == (0, 0, 0)
    assert service.trouble() == []


def _refused(wire: RawSip, invite: str) -> str:
    response = wire.final_response(invite)
    assert response is not None
    wire.acknowledge(invite, response)
    return response


def test_an_unknown_number_is_not_found(wire: RawSip) -> None:
    assert status_of(_refused(wire, wire.request("INVITE", "nobody", body=GOOD_SDP))) == 404


@pytest.mark.parametrize("formats", ["9", "18 101", ""])
def test_a_call_without_a_codec_that_we_have_is_not_acceptable(wire: RawSip, formats: str) -> None:
    body = SDP.format(port=40000, formats=formats)
    assert status_of(_refused(wire, wire.request("INVITE", "support", body=body))) in (400, 488)


def test_an_unknown_method_is_not_allowed(wire: RawSip) -> None:
    response = wire.final_response(wire.request("DANCE", "support"))
    assert status_of(response) == 405
    assert "INVITE" in header(response or "", "Allow")


def test_a_request_in_an_unknown_dialog_has_none(wire: RawSip) -> None:
    request = wire.request("BYE", "support").replace("\r\nCall-ID", ";tag=unknown\r\nCall-ID")
    assert status_of(wire.final_response(request)) == 481


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_a_wrong_password_and_an_unknown_name_are_refused_alike(wire: RawSip, name: str) -> None:
    own = wire.request("REGISTER", "", headers="Expires: 60\r\n")
    first = own.replace("sip:tester@127.0.0.1", f"sip:{name}@127.0.0.1").replace(
        f"To: <sip:127.0.0.1:{wire.server[1]}>", f"To: <sip:{name}@127.0.0.1>"
    )
    challenged = wire.final_response(first)
    assert status_of(challenged) == 401
    answer = digest_answer(
        header(challenged or "", "WWW-Authenticate"),
        username=name,
        password="wrong",
        method="REGISTER",
        uri="sip:127.0.0.1",
    )
    branch = header(first, "Via").rsplit("branch=", 1)[1]
    second = first.replace(branch, branch + "2").replace("CSeq: 1", "CSeq: 2")
    assert status_of(wire.final_response(second.replace("Expires:", f"{answer}Expires:"))) == 403


def test_a_phone_with_a_wrong_password_says_so_and_fails(service: Service) -> None:
    with Phone("alice", server=service.server, password="wrong") as phone:
        assert phone.process.wait(15) == 1
        phone.stop()
        assert [event["event"] for event in phone.events] == ["error"]
        assert "403" in phone.events[0]["message"]


def test_a_message_that_is_cut_off_is_bad(wire: RawSip) -> None:
    invite = wire.request("INVITE", "support", body=GOOD_SDP)
    assert status_of(wire.final_response(invite[:-20])) == 400


def test_garbage_is_not_answered(wire: RawSip) -> None:
    noise = random.Random(5)
    for size in (1, 3, 12, 160, 1400, 9000, 60000):
        wire.send(noise.randbytes(size))
    for text in ("INVITE", "SIP/2.0 200 OK\r\n\r\n", "\r\n\r\n", "INVITE x SIP/2.0\r\n" * 50, "\0" * 500):
        wire.send(text)
    assert wire.receive(0.5) is None
