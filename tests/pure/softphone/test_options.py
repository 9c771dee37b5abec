"""What a user types, read; and what is refused."""

from pathlib import Path

import pytest

from callengine.errors import CallCenterError
from callengine.softphone import options
from callengine.softphone.options import PhoneOptions, Presses


def test_a_server_has_a_port_or_the_usual_one() -> None:
    assert options.read_server("192.0.2.1:5080") == ("192.0.2.1", 5080)
    assert options.read_server("pbx.example.com") == ("pbx.example.com", 5060)


@pytest.mark.parametrize(
    "text", ["", ":5060", "host:", "host:0", "host:65536", "host:sip", "host:1" + "0" * 5000]
)
def test_what_is_no_server_is_refused(text: str) -> None:
    with pytest.raises(CallCenterError, match="not HOST:PORT"):
        options.read_server(text)


def test_without_a_domain_it_is_the_servers_host() -> None:
    assert options.read_name("alice", host="192.0.2.1") == ("alice", "192.0.2.1")
    assert options.read_name("alice@example.com", host="192.0.2.1") == ("alice", "example.com")


@pytest.mark.parametrize("text", ["", "@example.com", "a b", "<sip:a>", "a;b@c"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(CallCenterError, match="not NAME"):
        options.read_name(text, host="192.0.2.1")


def test_codecs_are_named_in_either_case_and_once() -> None:
    assert options.read_codecs("pcma, PCMU,pcma") == ("PCMA", "PCMU")


@pytest.mark.parametrize("text", ["", "opus", "PCMU,"])
def test_a_codec_that_we_lack_is_refused_and_ours_are_named(text: str) -> None:
    with pytest.raises(CallCenterError, match="PCMU, PCMA"):
        options.read_codecs(text)


def test_digits_have_their_second() -> None:
    assert options.read_presses("12#a@1.5") == Presses("12#A", 1.5)


@pytest.mark.parametrize("text", ["", "12", "@1", "12@", "x@1", "1@nan", "1@-1", "1@1e9"])
def test_what_is_no_press_is_refused(text: str) -> None:
    with pytest.raises(CallCenterError):
        options.read_presses(text)


def test_each_call_has_a_recording_of_its_own() -> None:
    phone = PhoneOptions(name="a", domain="b", server=("b", 5060), record=Path("/x/heard.wav"))
    assert [phone.recording_path(number) for number in (1, 2)] == [
        Path("/x/heard.wav"),
        Path("/x/heard-2.wav"),
    ]
    assert PhoneOptions(name="a", domain="b", server=("b", 5060)).recording_path(1) is None
    assert phone.address_of_record == "sip:a@b"
