"""Flow: how it prints, and what counts as reliable."""

from callengine.sip.flow import Flow


def test_prints_ipv6_in_brackets() -> None:
    assert str(Flow("udp", "192.0.2.1", 5060)) == "udp:192.0.2.1:5060"
    assert str(Flow("udp", "2001:db8::1", 5060)) == "udp:[2001:db8::1]:5060"


def test_only_udp_loses_messages() -> None:
    assert not Flow("udp", "192.0.2.1", 5060).is_reliable
    assert Flow("tcp", "192.0.2.1", 5060).is_reliable
