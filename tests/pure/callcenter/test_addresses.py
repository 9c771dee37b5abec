"""From, To and Contact of our legs, and who it is that calls."""

import pytest

from callengine.callcenter.addresses import Addresses, caller_of
from callengine.sip.headers import Headers
from callengine.sip.message import Request

ADDRESSES = Addresses(
    domain="example.com", service="support", sip_host="192.0.2.1", sip_port=5070, media_host="192.0.2.2"
)


def invite_from(value: str) -> Request:
    return Request("INVITE", "sip:support@example.com", Headers([("From", value)]))


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ('"Ann" <sip:5551@example.org>;tag=1', ("5551", "Ann")),
        ("<sip:+15551@example.org>", ("+15551", None)),
        ("<tel:+1-555-12;phone-context=x>", ("+1-555-12", None)),
        ('"Anonymous" <sip:anonymous@anonymous.invalid>', (None, None)),
        ('"Secret" <sip:Anonymous@example.org>', (None, None)),
        ("<sip:5551@anonymous.invalid>", (None, None)),
        ("<sip:example.org>", (None, None)),
        ("<tel:;x=1>", (None, None)),
    ],
)
def test_who_calls(sender: str, expected: tuple[str | None, str | None]) -> None:
    assert caller_of(invite_from(sender)) == expected


def test_an_agent_sees_the_caller_or_the_call_center() -> None:
    assert str(ADDRESSES.towards_agent("5551", "Ann")) == '"Ann" <sip:5551@example.com>'
    assert str(ADDRESSES.towards_agent(None, None)) == "<sip:support@example.com>"


def test_where_we_are_reached() -> None:
    assert ADDRESSES.contact("udp") == "sip:support@192.0.2.1:5070"
    assert ADDRESSES.contact("tcp") == "sip:support@192.0.2.1:5070;transport=tcp"
    assert str(ADDRESSES.agent("alice")) == "<sip:alice@example.com>"
