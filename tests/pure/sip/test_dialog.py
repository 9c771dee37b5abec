"""Dialog: from INVITE and answer, its requests, its routes, its order; and from stored facts."""

import pytest

from callengine.errors import BadMessage
from callengine.sip.address import Address
from callengine.sip.dialog import Dialog, contact_uri, without_tag
from callengine.sip.headers import Headers
from callengine.sip.message import Request, Response, response_to


def _invite(**changes: str) -> Request:
    headers = {
        "Via": "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc",
        "From": '"A. Caller" <sip:caller@example.com>;tag=theirs',
        "To": "<sip:support@example.com>",
        "Call-ID": "one",
        "CSeq": "314 INVITE",
        "Contact": "<sip:caller@192.0.2.1:5062>",
    }
    headers.update({name.replace("_", "-"): value for name, value in changes.items()})
    return Request("INVITE", "sip:support@example.com", Headers(headers.items()))


def _answer(invite: Request, *headers: tuple[str, str]) -> Response:
    return response_to(invite, 200, to_tag="answerer", headers=headers)


def test_uas_side() -> None:
    invite = _invite(Record_Route="<sip:p2.example.com;lr>, <sip:p1.example.com;lr>")
    facts = Dialog.as_uas(invite, "ours").facts()
    assert (facts.call_id, facts.local_tag, facts.remote_tag) == ("one", "ours", "theirs")
    assert facts.local_uri == "<sip:support@example.com>"
    assert facts.remote_uri == '"A. Caller" <sip:caller@example.com>'
    assert facts.route_set == ("<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>")
    assert facts.remote_target == "sip:caller@192.0.2.1:5062"
    assert (facts.local_cseq, facts.remote_cseq, facts.is_uac) == (0, 314, False)


def test_uac_side_reverses_the_routes() -> None:
    invite = _invite(From="<sip:support@example.com>;tag=ours", To="<sip:alice@example.com>")
    response = _answer(
        invite,
        ("Record-Route", "<sip:p2.example.com;lr>, <sip:p1.example.com;lr>"),
        ("Contact", "<sip:alice@192.0.2.9>"),
    )
    facts = Dialog.as_uac(invite, response).facts()
    assert (facts.local_tag, facts.remote_tag) == ("ours", "answerer")
    assert facts.route_set == ("<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>")
    assert facts.remote_target == "sip:alice@192.0.2.9"
    assert (facts.local_cseq, facts.remote_cseq, facts.is_uac) == (314, None, True)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Contact", "nonsense")],
        [("Contact", "*")],
        [("Contact", "<sip:a@b>"), ("Contact", "<sip:c@d>")],
        [("Contact", "<tel:+1555>")],
        [("Record-Route", "<sip:")],
    ],
)
def test_an_answer_with_broken_headers_still_makes_a_dialog(headers: list[tuple[str, str]]) -> None:
    invite = _invite()
    facts = Dialog.as_uac(invite, _answer(invite, *headers)).facts()
    assert facts.remote_target == invite.uri
    assert facts.route_set == ()


@pytest.mark.parametrize(
    "contact", ["*", "<tel:+1555>", "<sip:a@b>, <sip:c@d>", "garbage", "<mailto:a@example.com>"]
)
def test_an_invite_with_a_broken_contact_is_refused(contact: str) -> None:
    with pytest.raises(BadMessage):
        Dialog.as_uas(_invite(Contact=contact), "ours")


def test_an_invite_without_contact_is_refused() -> None:
    invite = _invite()
    invite.headers.remove("Contact")
    with pytest.raises(BadMessage):
        Dialog.as_uas(invite, "ours")


def test_requests_carry_both_tags_and_the_next_number() -> None:
    dialog = Dialog.as_uas(_invite(), "ours")
    bye = dialog.next_request("BYE")
    assert (bye.method, bye.uri) == ("BYE", "sip:caller@192.0.2.1:5062")
    assert bye.from_ == Address.parse("<sip:support@example.com>;tag=ours")
    assert bye.to == Address.parse('"A. Caller" <sip:caller@example.com>;tag=theirs')
    assert (bye.call_id, str(bye.cseq), bye.max_forwards) == ("one", "1 BYE", 70)
    assert "via" not in bye.headers
    assert str(dialog.next_request("BYE").cseq) == "2 BYE"


def test_an_end_of_rfc_2543_has_no_tag() -> None:
    dialog = Dialog.as_uas(_invite(From="<sip:old@example.com>"), "ours")
    assert dialog.remote_tag == ""
    assert dialog.next_request("BYE").to.tag is None


def test_loose_routing() -> None:
    dialog = Dialog.as_uas(_invite(Record_Route="<sip:p1.example.com;lr>, <sip:p2.example.com>"), "ours")
    bye = dialog.next_request("BYE")
    assert bye.uri == "sip:caller@192.0.2.1:5062"
    assert [route.uri.host for route in bye.routes] == ["p1.example.com", "p2.example.com"]
    assert dialog.next_hop.host == "p1.example.com"


def test_strict_routing() -> None:
    routes = "<sip:p1.example.com;method=INVITE?x=1>, <sip:p2.example.com;lr>"
    bye = Dialog.as_uas(_invite(Record_Route=routes), "ours").next_request("BYE")
    assert bye.uri == "sip:p1.example.com"
    assert [str(route.uri) for route in bye.routes] == ["sip:p2.example.com;lr", "sip:caller@192.0.2.1:5062"]


def test_without_routes_the_target_is_the_next_hop() -> None:
    assert Dialog.as_uas(_invite(), "ours").next_hop.port == 5062


def test_ack_has_the_number_of_its_invite() -> None:
    dialog = Dialog.as_uac(_invite(), _answer(_invite()))
    dialog.next_request("INFO")
    ack = dialog.ack_for(314)
    assert str(ack.cseq) == "314 ACK"
    assert str(dialog.next_request("BYE").cseq) == "316 BYE"


def test_requests_are_taken_in_order_but_a_bye_always() -> None:
    dialog = Dialog.as_uas(_invite(), "ours")
    assert dialog.accepts(_invite(CSeq="320 INVITE"))
    assert not dialog.accepts(_invite(CSeq="319 INVITE"))
    assert dialog.accepts(_invite(CSeq="320 INVITE"))
    bye = Request("BYE", "sip:x@y", Headers([("CSeq", "3 BYE")]))
    assert dialog.accepts(bye)
    assert dialog.remote_cseq == 320


def test_the_first_request_of_the_other_end_may_have_any_number() -> None:
    dialog = Dialog.as_uac(_invite(), _answer(_invite()))
    assert dialog.accepts(_invite(CSeq="5 INVITE"))
    assert dialog.facts().remote_cseq == 5


def test_facts_make_the_same_dialog() -> None:
    dialog = Dialog.as_uas(_invite(Record_Route="<sip:p1.example.com;lr>"), "ours")
    dialog.next_request("OPTIONS")
    dialog.remote_target = "sip:caller@192.0.2.99"
    again = Dialog.from_facts(dialog.facts())
    assert again.facts() == dialog.facts()
    assert again.next_request("BYE").serialise() == dialog.next_request("BYE").serialise()


def test_cseq_jumps_by_a_block() -> None:
    dialog = Dialog.as_uas(_invite(), "ours")
    dialog.raise_cseq()
    assert str(dialog.next_request("BYE").cseq) == "101 BYE"
    dialog.raise_cseq(block=10)
    assert dialog.facts().local_cseq == 111


def test_without_tag_keeps_the_rest() -> None:
    assert without_tag(Address.parse("<sip:a@b>;tag=1;x=2")) == "<sip:a@b>;x=2"


def test_contact_uri() -> None:
    assert contact_uri(_invite(Contact='"X" <sips:a@b;transport=tcp>;q=1')) == "sips:a@b;transport=tcp"
