"""What a REGISTER changes: RFC 3261 10.3, step by step."""

from dataclasses import replace

import pytest

from callengine.errors import BadMessage
from callengine.sip.bindings import (
    Binding,
    BindingChange,
    RegistrationLimits,
    RegistrationRefused,
    address_of_record,
    change_bindings,
    way_to,
)
from callengine.sip.flow import Flow
from callengine.sip.headers import Headers
from callengine.sip.message import Request
from callengine.sip.uri import Uri

NOW = 1_700_000_000.0
SOURCE = Flow("udp", "192.0.2.1", 40000)
LIMITS = RegistrationLimits()


def _register(*contacts: str, cseq: int = 1, call_id: str = "one", expires: str | None = None) -> Request:
    lines = [
        ("Via", "SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK1"),
        ("From", "<sip:alice@example.com>;tag=1"),
        ("To", '"Alice" <sip:alice@Example.com;x=1>'),
        ("Call-ID", call_id),
        ("CSeq", f"{cseq} REGISTER"),
        ("User-Agent", "phone/1.0"),
        *(("Contact", contact) for contact in contacts),
    ]
    lines += [] if expires is None else [("Expires", expires)]
    return Request("REGISTER", "sip:example.com", Headers(lines))


def _change(existing: list[Binding], request: Request, now: float = NOW) -> BindingChange:
    return change_bindings(existing, request, source=SOURCE, now=now, limits=LIMITS)


def _stored(*contacts: str, expires: str | None = None) -> list[Binding]:
    change = _change([], _register(*contacts, expires=expires))
    return [replace(binding, id=number) for number, binding in enumerate(change.current, start=1)]


def test_a_new_binding() -> None:
    change = _change([], _register('"A" <sip:alice@10.0.0.5:5062>;q=0.5;+sip.instance="<urn:uuid:1>"'))
    (binding,) = change.added
    assert change.current == change.added
    assert (change.refreshed, change.removed) == ((), ())
    assert binding == Binding(
        contact="sip:alice@10.0.0.5:5062",
        address_of_record="sip:alice@example.com",
        flow=SOURCE,
        registered_at=NOW,
        expires_at=NOW + 3600,
        call_id="one",
        cseq=1,
        q=0.5,
        user_agent="phone/1.0",
        instance="<urn:uuid:1>",
    )


def test_a_query_changes_nothing() -> None:
    stored = _stored("<sip:a@10.0.0.1>", "<sip:a@10.0.0.2>")
    change = _change(stored, _register(cseq=2))
    assert change.is_empty
    assert change.current == tuple(stored)


def test_a_refresh_keeps_the_id_and_takes_the_new_source() -> None:
    stored = [replace(_stored("<sip:a@10.0.0.5>")[0], flow=Flow("udp", "198.51.100.1", 1))]
    change = _change(stored, _register("<sip:a@10.0.0.5>", cseq=2), now=NOW + 100)
    (binding,) = change.refreshed
    assert (binding.id, binding.cseq, binding.flow) == (1, 2, SOURCE)
    assert binding.expires_at == NOW + 3700
    assert (change.added, change.removed) == ((), ())


def test_contacts_are_compared_as_uris() -> None:
    stored = _stored("<sip:alice@Phone.example.com;x=1>")
    change = _change(stored, _register("<sip:%61lice@phone.EXAMPLE.com>", cseq=2))
    assert len(change.refreshed) == 1
    assert change.added == ()
    change = _change(stored, _register("<sip:alice@phone.example.com:5060>", cseq=2))
    assert len(change.added) == 1


def test_several_contacts_at_once() -> None:
    stored = _stored("<sip:a@10.0.0.1>", "<sip:a@10.0.0.2>")
    request = _register(
        "<sip:a@10.0.0.1>;expires=0, <sip:a@10.0.0.2>", "<sip:a@10.0.0.3>;expires=100", cseq=2
    )
    change = _change(stored, request)
    assert [binding.id for binding in change.removed] == [1]
    assert [binding.id for binding in change.refreshed] == [2]
    assert [binding.contact for binding in change.added] == ["sip:a@10.0.0.3"]
    assert [binding.contact for binding in change.current] == ["sip:a@10.0.0.2", "sip:a@10.0.0.3"]


def test_the_last_of_two_equivalent_contacts_counts() -> None:
    change = _change([], _register("<sip:a@10.0.0.1>;q=0.1", "<sip:a@10.0.0.1>;q=0.2"))
    assert [binding.q for binding in change.added] == [0.2]
    assert _change([], _register("<sip:a@10.0.0.1>", "<sip:a@10.0.0.1>;expires=0")).is_empty


def test_taking_back_what_is_not_there_changes_nothing() -> None:
    assert _change([], _register("<sip:a@10.0.0.1>", expires="0")).is_empty


@pytest.mark.parametrize(
    ("parameter", "header", "granted"),
    [
        (None, None, 3600),
        (None, "600", 600),
        ("300", "600", 300),
        ("60", None, 60),
        ("999999", None, 7200),
        ("99999999999999999999", None, 7200),
        ("soon", None, 3600),
        (None, "soon", 3600),
        ("-1", None, 3600),
    ],
)
def test_expiry(parameter: str | None, header: str | None, granted: int) -> None:
    contact = "<sip:a@10.0.0.1>" + ("" if parameter is None else f";expires={parameter}")
    (binding,) = _change([], _register(contact, expires=header)).added
    assert binding.expires_at - NOW == granted
    assert binding.header_value(NOW) == f"<sip:a@10.0.0.1>;expires={granted}"


@pytest.mark.parametrize("seconds", ["1", "59"])
def test_too_brief(seconds: str) -> None:
    with pytest.raises(RegistrationRefused) as caught:
        _change([], _register(f"<sip:a@10.0.0.1>;expires={seconds}"))
    assert caught.value.sip_status == 423
    assert caught.value.headers == (("Min-Expires", "60"),)


def test_an_hour_is_never_too_brief() -> None:
    strict = RegistrationLimits(min_expires=7200)
    change = change_bindings(
        [], _register("<sip:a@10.0.0.1>;expires=3600"), source=SOURCE, now=NOW, limits=strict
    )
    assert len(change.added) == 1


def test_one_brief_contact_spoils_the_whole_request() -> None:
    with pytest.raises(RegistrationRefused):
        _change([], _register("<sip:a@10.0.0.1>", "<sip:a@10.0.0.2>;expires=5"))


def test_star_removes_all() -> None:
    stored = _stored("<sip:a@10.0.0.1>", "<sip:a@10.0.0.2>")
    change = _change(stored, _register("*", cseq=2, expires="0"))
    assert change.removed == tuple(stored)
    assert change.current == ()


@pytest.mark.parametrize("expires", [None, "60"])
def test_star_needs_expires_zero(expires: str | None) -> None:
    with pytest.raises(BadMessage):
        _change([], _register("*", expires=expires))


def test_star_stands_alone() -> None:
    with pytest.raises(BadMessage):
        _change([], _register("*", "<sip:a@10.0.0.1>", expires="0"))


@pytest.mark.parametrize("contact", ["<sip:a@10.0.0.1>", "*", "<sip:a@10.0.0.1>;expires=0"])
@pytest.mark.parametrize("cseq", [0, 1])
def test_what_was_overtaken_is_refused(contact: str, cseq: int) -> None:
    stored = _stored("<sip:a@10.0.0.1>")
    expires = "0" if contact == "*" else None
    with pytest.raises(RegistrationRefused) as caught:
        _change(stored, _register(contact, cseq=cseq, expires=expires))
    assert caught.value.sip_status == 500


def test_another_call_id_may_start_from_any_number() -> None:
    stored = _stored("<sip:a@10.0.0.1>")
    change = _change(stored, _register("<sip:a@10.0.0.1>", call_id="two"))
    assert [(binding.id, binding.call_id) for binding in change.refreshed] == [(1, "two")]


def test_what_has_expired_is_removed_and_counts_for_nothing() -> None:
    stored = _stored("<sip:a@10.0.0.1>")
    change = _change(stored, _register("<sip:a@10.0.0.1>"), now=NOW + 3600)
    assert change.removed == tuple(stored)
    assert len(change.added) == 1


def test_at_most_so_many_contacts() -> None:
    contacts = [f"<sip:a@10.0.0.{number}>" for number in range(1, 11)]
    stored = _stored(*contacts)
    assert len(stored) == 10
    with pytest.raises(RegistrationRefused) as caught:
        _change(stored, _register("<sip:a@10.0.0.11>", cseq=2))
    assert caught.value.sip_status == 403
    assert len(_change(stored, _register(*contacts, cseq=2)).refreshed) == 10


@pytest.mark.parametrize("contact", ["<tel:+1555>", "<mailto:a@example.com>", "<sip:", "nonsense"])
def test_contacts_that_are_no_sip_uris(contact: str) -> None:
    with pytest.raises(BadMessage):
        _change([], _register(contact))


@pytest.mark.parametrize(
    ("text", "q"),
    [("1", 1.0), ("0.25", 0.25), ("7", 1.0), ("1.0.0", None), ("nan", None), ("-1", None), ("", None)],
)
def test_preference(text: str, q: float | None) -> None:
    (binding,) = _change([], _register(f"<sip:a@10.0.0.1>;q={text}")).added
    assert binding.q == q


def test_listing_shows_what_remains() -> None:
    (binding,) = _change([], _register("<sip:a@10.0.0.1;transport=udp>;q=0.5")).added
    assert binding.header_value(NOW + 600) == "<sip:a@10.0.0.1;transport=udp>;expires=3000;q=0.5"
    assert binding.header_value(NOW + 9999) == "<sip:a@10.0.0.1;transport=udp>;expires=0;q=0.5"


def test_address_of_record_is_user_and_domain_alone() -> None:
    uri = Uri.parse("sip:%61lice:pw@EXAMPLE.com:5060;transport=udp?x=1")
    assert address_of_record(uri) == "sip:alice@example.com"


@pytest.mark.parametrize(
    ("contact", "via_host", "flow"),
    [
        ("sip:a@192.0.2.1:5062", "192.0.2.1", Flow("udp", "192.0.2.1", 5062)),
        ("sip:a@192.0.2.1", "192.0.2.1", Flow("udp", "192.0.2.1", 5060)),
        ("sip:a@10.0.0.5:5062", "10.0.0.5", SOURCE),
        ("sip:a@192.0.2.77:5062", "192.0.2.1", Flow("udp", "192.0.2.77", 5062)),
        ("sip:a@phone.example.com", "192.0.2.1", SOURCE),
    ],
)
def test_the_way_to_a_phone(contact: str, via_host: str, flow: Flow) -> None:
    assert way_to(Uri.parse(contact), via_host=via_host, source=SOURCE) == flow


def test_a_phone_on_a_connection_is_reached_over_it_and_granted_a_minute() -> None:
    source = Flow("tcp", "192.0.2.7", 40001)
    request = _register("<sip:alice@192.0.2.7:5060;transport=tcp>;expires=3600")
    (binding,) = change_bindings([], request, source=source, now=NOW, limits=LIMITS).added
    assert binding.flow == source
    assert binding.expires_at - binding.registered_at == 60
