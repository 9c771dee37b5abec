"""Names with URIs, in all the ways in which From, To and Contact are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.errors import BadMessage
from callengine.sip.address import Address
from callengine.sip.uri import Uri

display_names = st.none() | st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=30)
token = st.from_regex(r"[A-Za-z0-9.!%*_+`'~-]{1,12}", fullmatch=True)
addresses = st.builds(
    Address,
    display_name=display_names,
    uri=st.sampled_from(["sip:a@example.com;x=1,2?h=v", "sips:[::1]:5061", "tel:+123"]).map(Uri.parse),
    parameters=st.lists(st.tuples(token, st.none() | token | st.just('"a,;>\\""')), max_size=3).map(tuple),
)


@given(addresses)
def test_an_address_written_is_read_as_the_same(address: Address) -> None:
    assert Address.parse(str(address)) == address


@given(st.lists(addresses, max_size=5))
def test_a_list_written_is_read_as_the_same(several: list[Address]) -> None:
    assert Address.parse_list(", ".join(map(str, several))) == several


@pytest.mark.parametrize(
    ("text", "display_name", "uri", "tag"),
    [
        ("sip:a@b", None, "sip:a@b", None),
        ("sip:a@b;tag=1", None, "sip:a@b", "1"),
        ("sip:a@b ;  tag = 1", None, "sip:a@b", "1"),
        ("<sip:a@b;x=1>;tag=1", None, "sip:a@b;x=1", "1"),
        ("Alice Example <sip:a@b>;Tag=1", "Alice Example", "sip:a@b", "1"),
        ("caller<sip:a@b>", "caller", "sip:a@b", None),
        ('"" <sip:a@b>', "", "sip:a@b", None),
        ('"A <x>, \\"B\\" \\\\" <sip:a@b>;tag=', 'A <x>, "B" \\', "sip:a@b", None),
        ('"Alice"<sip:a@b>', "Alice", "sip:a@b", None),
        ("Jérôme <sip:a@b>", "Jérôme", "sip:a@b", None),
        ("\t< sip:a@b >\t", None, "sip:a@b", None),
    ],
)
def test_the_ways_of_writing(text: str, display_name: str | None, uri: str, tag: str | None) -> None:
    address = Address.parse(text)
    assert (address.display_name, str(address.uri), address.tag) == (display_name, uri, tag)


@pytest.mark.parametrize(
    "text",
    [
        "",
        '"open <sip:a@b>',
        '"Alice" sip:a@b',
        '"Alice"',
        "<sip:a@b",
        "<>",
        "<sip:a@b>x",
        "sip:a@b?x=y",
        "a b",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(BadMessage):
        Address.parse(text)


def test_a_tag_is_set_or_changed() -> None:
    address = Address.parse("sip:a@b;x=1")
    assert str(address.with_tag("t")) == "<sip:a@b>;x=1;tag=t"
    assert address.with_tag("t").with_tag("u").tag == "u"
    assert address.tag is None


def test_parameters_are_unquoted_when_asked_for() -> None:
    address = Address.parse('<sip:a@b>;+sip.instance="<urn:uuid:1>";q=0.5;flag')
    assert address.parameter("+sip.instance") == "<urn:uuid:1>"
    assert address.parameter("q") == "0.5"
    assert address.parameter("flag") == ""
    assert address.parameter("expires") is None
