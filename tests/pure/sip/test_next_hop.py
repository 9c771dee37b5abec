"""Where a dialog's requests go: behind a NAT, by a proxy, by a new Contact."""

from callengine.sip.dialog import Dialog
from callengine.sip.flow import Flow
from callengine.sip.headers import Headers
from callengine.sip.message import Request, response_to
from callengine.sip.next_hop import flow_to, way_back, way_on
from callengine.sip.uri import Uri

SOURCE = Flow("udp", "192.0.2.1", 40000)


def _invite(*vias: str, contact: str = "<sip:caller@10.0.0.5:5062>", record_route: str = "") -> Request:
    lines = [("Via", via) for via in vias]
    lines += [("Record-Route", record_route)] if record_route else []
    lines += [
        ("From", "<sip:caller@example.com>;tag=1"),
        ("To", "<sip:support@example.com>"),
        ("Call-ID", "one"),
        ("CSeq", "1 INVITE"),
        ("Contact", contact),
    ]
    return Request("INVITE", "sip:alice@10.0.0.7:5064", Headers(lines))


def _way_back(invite: Request) -> Flow:
    return way_back(invite, SOURCE, Dialog.as_uas(invite, "ours"))


def test_numeric_hosts_are_gone_to_and_names_are_not_looked_up() -> None:
    assert flow_to(Uri.parse("sip:a@192.0.2.9"), otherwise=SOURCE) == Flow("udp", "192.0.2.9", 5060)
    assert flow_to(Uri.parse("sip:a@[2001:db8::1]:5070"), otherwise=SOURCE) == Flow(
        "udp", "2001:db8::1", 5070
    )
    assert flow_to(Uri.parse("sip:a@phone.example.com"), otherwise=SOURCE) == SOURCE


def test_a_symmetric_phone_is_answered_where_it_came_from() -> None:
    assert _way_back(_invite("SIP/2.0/UDP 10.0.0.5:5062;rport;branch=z9hG4bK1")) == SOURCE


def test_others_are_reached_at_their_contact() -> None:
    invite = _invite("SIP/2.0/UDP 10.0.0.5:5062;branch=z9hG4bK1")
    assert _way_back(invite) == Flow("udp", "10.0.0.5", 5062)


def test_behind_a_proxy_routes_and_contact_decide() -> None:
    vias = ("SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1", "SIP/2.0/UDP 10.0.0.5:5062;branch=z9hG4bK2")
    assert _way_back(_invite(*vias)) == Flow("udp", "10.0.0.5", 5062)
    assert _way_back(_invite(", ".join(vias))) == Flow("udp", "10.0.0.5", 5062)
    routed = _invite(*vias, record_route="<sip:192.0.2.1:5080;lr>")
    assert _way_back(routed) == Flow("udp", "192.0.2.1", 5080)


def _way_on(contact: str) -> Flow:
    invite = _invite("SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK1")
    response = response_to(invite, 200, to_tag="theirs", headers=[("Contact", contact)])
    return way_on(Dialog.as_uac(invite, response), known_uri=invite.uri, known=SOURCE)


def test_a_phone_that_answers_with_its_binding_is_reached_as_before() -> None:
    assert _way_on("<sip:somebody@10.0.0.7:5064>") == SOURCE


def test_a_new_contact_is_followed() -> None:
    assert _way_on("<sip:alice@192.0.2.50:5070>") == Flow("udp", "192.0.2.50", 5070)
    assert _way_on("<sip:alice@phone.example.com>") == SOURCE
