"""One phone: its registration, its one line, and how it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import pytest
from gevent.event import Event

from callengine.sip.endpoint import Endpoint
from callengine.sip.server_transaction import ServerTransaction
from tests.fakes.softphones import HOST, Desk, Office


@pytest.fixture
def office() -> Iterator[Office]:
    """Where nobody stays when the test is over."""
    with Office() as opened:
        yield opened


def test_one_call_after_another_each_with_its_own_recording(office: Office, tmp_path: Path) -> None:
    alice = office.callee(record=tmp_path / "heard.wav", hang_up_after=0.1)
    for number in (1, 2):
        office.caller()
        alice.wait_for("call_terminated", number)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["heard-2.wav", "heard.wav"]


def test_who_talks_is_busy(office: Office) -> None:
    alice = office.callee()
    office.caller()
    alice.wait_for("call_connected")
    second = office.caller("5552")
    assert second.exit_code() == 1
    assert second.wait_for("call_terminated")["status"] == 486
    assert alice.names() == ["incoming_call", "call_connected"]


@pytest.mark.parametrize("which", ["callee", "caller"])
def test_a_phone_that_is_ended_hangs_up(office: Office, which: str) -> None:
    alice = office.callee()
    caller = office.caller()
    alice.wait_for("call_connected")
    ending, left = (alice, caller) if which == "callee" else (caller, alice)
    ending.phone.stop()
    assert ending.exit_code() == 0
    assert left.wait_for("call_terminated")["hung_up_by"] == "remote"


def test_a_phone_that_is_ended_while_it_rings_refuses(office: Office) -> None:
    alice = office.callee(answer_after=60.0)
    caller = office.caller()
    alice.wait_for("incoming_call")
    alice.phone.stop()
    assert alice.exit_code() == 0
    assert caller.exit_code() == 1
    assert caller.wait_for("call_terminated")["status"] == 480


def test_a_call_that_nobody_answers_does_not_keep_a_phone_from_ending(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callengine.softphone.call.LONGEST_GOODBYE_SECONDS", 0.2)
    caller = office.caller(name="5551")
    gevent.sleep(0.1)
    caller.phone.stop()
    assert caller.exit_code() == 0
    assert caller.names() == ["call_terminated"]


@contextmanager
def _registrar(answer: Callable[[ServerTransaction], None]) -> Iterator[Endpoint]:
    endpoint = Endpoint(host=HOST, port=0)
    endpoint.on("REGISTER", answer)
    endpoint.start()
    yield endpoint
    endpoint.stop()


def test_a_phone_registers_and_takes_it_back() -> None:
    asked: list[tuple[str, str | None]] = []

    def grant(transaction: ServerTransaction) -> None:
        request = transaction.request
        asked.append((str(request.to.uri), request.headers.get("expires")))
        transaction.answer(200, headers=[("Contact", request.headers.get("contact") or "")])

    with _registrar(grant) as endpoint:
        desk = Desk("alice", server=endpoint.local_address[1], password="secret")
        assert desk.wait_for("registered")["address"] == f"sip:alice@{HOST}"
        desk.phone.stop()
        assert desk.exit_code() == 0
    assert asked == [(f"sip:alice@{HOST}", "3600"), (f"sip:alice@{HOST}", "0")]


def test_a_registration_that_is_refused_is_an_error_and_the_end() -> None:
    with _registrar(lambda transaction: transaction.answer(403)) as endpoint:
        desk = Desk("alice", server=endpoint.local_address[1], password="wrong")
        assert desk.exit_code() == 1
    assert desk.names() == ["error"]
    assert "403" in desk.events()[0]["message"]


def test_a_phone_can_be_ended_while_it_registers() -> None:
    is_over = Event()

    def say_nothing(_transaction: ServerTransaction) -> None:
        is_over.wait()

    with _registrar(say_nothing) as endpoint:
        desk = Desk("alice", server=endpoint.local_address[1], password="secret")
        gevent.sleep(0.05)
        desk.phone.stop()
        assert desk.exit_code() == 0
        is_over.set()
