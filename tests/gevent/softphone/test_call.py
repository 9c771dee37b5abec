"""Calls between two phones over loopback, each told by both ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from gevent import socket

from callengine.media import tones, wav
from callengine.sip.message import Request, parse, response_to
from callengine.softphone.options import Presses
from callengine.softphone.sound import load
from tests.fakes.sip_peer import ANSWER
from tests.fakes.softphones import HOST, Office


@pytest.fixture
def office() -> Iterator[Office]:
    """Where nobody stays when the test is over."""
    with Office() as opened:
        yield opened


def test_a_call_is_talked_and_both_ends_hear_each_other(office: Office, tmp_path: Path) -> None:
    heard, said = tmp_path / "alice.wav", tmp_path / "caller.wav"
    alice = office.callee(sound=load("tone:1100"), record=heard)
    caller = office.caller(sound=load("tone:450"), record=said, hang_up_after=0.4)
    assert caller.exit_code() == 0
    ended = alice.wait_for("call_terminated")
    assert alice.names() == ["incoming_call", "call_connected", "call_terminated"]
    assert caller.names() == ["call_connected", "call_terminated"]
    assert alice.events()[0]["from"] == f"sip:5551@{HOST}"
    assert (ended["hung_up_by"], ended["cause"]) == ("remote", "bye")
    assert caller.events()[-1]["hung_up_by"] == "local"
    assert len({event["call_id"] for event in alice.events() + caller.events()}) == 1
    assert tones.strength(wav.read(heard.read_bytes()), 450) > 0.8
    assert tones.strength(wav.read(said.read_bytes()), 1100) > 0.8


def test_media_addresses_are_told_from_both_sides(office: Office) -> None:
    alice = office.callee()
    caller = office.caller(codecs=("PCMA",), hang_up_after=0.1)
    one, other = alice.wait_for("call_connected"), caller.wait_for("call_connected")
    assert one["remote_media"] == other["local_media"]
    assert other["remote_media"] == one["local_media"]
    assert (one["codec"], other["codec"]) == ("PCMA", "PCMA")


def test_a_call_is_refused_with_the_wanted_status(office: Office) -> None:
    alice = office.callee(reject=603)
    caller = office.caller()
    assert caller.exit_code() == 1
    assert caller.wait_for("call_terminated")["status"] == 603
    ended = alice.wait_for("call_terminated")
    assert (ended["cause"], ended["status"], ended["seconds"]) == ("rejected", 603, None)


def test_without_a_common_codec_there_is_no_call(office: Office) -> None:
    office.callee(codecs=("PCMA",))
    caller = office.caller(codecs=("PCMU",))
    assert caller.exit_code() == 1
    assert caller.wait_for("call_terminated")["status"] == 488


def test_a_caller_who_gives_up_ends_the_ringing(office: Office) -> None:
    alice = office.callee(answer_after=60.0)
    caller = office.caller()
    alice.wait_for("incoming_call")
    caller.phone.stop()
    assert caller.exit_code() == 0
    ended = alice.wait_for("call_terminated")
    assert (ended["cause"], ended["hung_up_by"]) == ("cancelled", "remote")


def test_hold_is_seen_by_both(office: Office) -> None:
    alice = office.callee()
    caller = office.caller(hold_after=0.1, hang_up_after=0.4)
    assert alice.wait_for("call_held")["by"] == "remote"
    assert caller.wait_for("call_held")["by"] == "local"
    assert caller.exit_code() == 0


def test_a_hold_that_reaches_nobody_leaves_the_call_as_it_was(office: Office) -> None:
    with socket.socket() as listener:
        listener.bind((HOST, office.port))
        listener.listen()
        caller = office.caller(transport="tcp", hold_after=0.3, hang_up_after=0.6)
        connection, _ = listener.accept()
        with connection:
            connection.sendall(_accepted(connection.recv(65535), office.port, ";transport=tcp"))
            assert connection.recv(65535).startswith(b"ACK ")
    assert caller.wait_for("error")["message"].startswith("hold: ")
    ended = caller.wait_for("call_terminated")
    assert (ended["hung_up_by"], ended["cause"]) == ("local", "unconfirmed")
    assert ended["seconds"] >= 0.6
    assert caller.exit_code() == 0


def test_a_bye_that_nobody_hears_is_repeated(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callengine.softphone.call.GOODBYE_SECONDS", 0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far_end:
        far_end.bind((HOST, office.port))
        far_end.settimeout(5)
        caller = office.caller(hang_up_after=0.1)
        wire, source = far_end.recvfrom(65535)
        far_end.sendto(_accepted(wire, office.port), source)
        assert far_end.recv(65535).startswith(b"ACK ")
        first, *_again, last = [far_end.recv(65535) for _ in range(3)]
        assert first == last
        bye = parse(last)
        assert isinstance(bye, Request)
        far_end.sendto(response_to(bye, 200).serialise(), source)
        assert caller.wait_for("call_terminated")["cause"] == "bye"
        assert caller.exit_code() == 0


def _accepted(wire: bytes, port: int, parameters: str = "") -> bytes:
    """The 200 to an INVITE, from `port`."""
    invite = parse(wire)
    assert isinstance(invite, Request)
    headers = [("Contact", f"<sip:alice@{HOST}:{port}{parameters}>"), ("Content-Type", "application/sdp")]
    return response_to(invite, 200, to_tag="far", headers=headers, body=ANSWER).serialise()


def test_digits_are_pressed_at_their_second(office: Office) -> None:
    alice = office.callee()
    office.caller(dtmf=(Presses("5", 0.2), Presses("#", 0.05), Presses("1", 9.0)), hang_up_after=0.7)
    alice.wait_for("call_terminated")
    assert [event["digit"] for event in alice.events() if event["event"] == "dtmf"] == ["#", "5"]


def test_a_recording_that_cannot_be_written_is_an_error_and_no_more(office: Office, tmp_path: Path) -> None:
    alice = office.callee(record=tmp_path / "nowhere" / "heard.wav", hang_up_after=0.1)
    office.caller()
    alice.wait_for("call_terminated")
    assert "recording" in alice.wait_for("error")["message"]
