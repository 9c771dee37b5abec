"""URIs: read, written, and compared by RFC 3261 19.1.4."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.errors import BadMessage
from callengine.sip.uri import Uri

word = st.from_regex(r"[A-Za-z0-9_.!~*'()&+$-]{1,12}", fullmatch=True)
host = st.one_of(
    st.from_regex(r"[a-z0-9][a-z0-9.-]{0,15}", fullmatch=True),
    st.ip_addresses(v=6).map(str),
    st.ip_addresses(v=4).map(str),
)
uris = st.builds(
    Uri,
    scheme=st.sampled_from(["sip", "sips"]),
    user=word,
    password=st.none() | word,
    host=host,
    port=st.none() | st.integers(0, 65535),
    parameters=st.lists(st.tuples(word, st.none() | word), max_size=4).map(tuple),
    headers=st.none() | word,
)


@given(uris)
def test_a_uri_written_is_read_as_the_same(uri: Uri) -> None:
    assert Uri.parse(str(uri)) == uri
    assert uri.equivalent(Uri.parse(str(uri)))


def test_every_part_is_read() -> None:
    uri = Uri.parse("SIPS:alice:secret@Example.com:5061;transport=TCP;lr?subject=project%20x&priority=urgent")
    assert uri.scheme == "sips"
    assert uri.is_sips
    assert (uri.user, uri.password, uri.host, uri.port) == ("alice", "secret", "Example.com", 5061)
    assert uri.parameter("transport") == "TCP"
    assert uri.parameter("lr") == ""
    assert uri.parameter("maddr") is None
    assert uri.headers == "subject=project%20x&priority=urgent"


@pytest.mark.parametrize(
    "text",
    [
        "sip:example.com",
        "sip:alice@example.com",
        "sip:alice:@example.com",
        "sip:+15550100;phone-context=x@example.com;user=phone",
        "sip:[2001:db8::1]:5060;lr",
        "sip:a@example.com?X=1",
        "tel:+1-201-555-0123",
        "urn:service:sos",
        "http://www.example.com/a?b",
    ],
)
def test_what_is_read_is_written_alike(text: str) -> None:
    assert str(Uri.parse(text)) == text


def test_other_schemes_are_opaque() -> None:
    uri = Uri.parse("TEL:+1-201-555-0123")
    assert (uri.scheme, uri.host, uri.user, uri.opaque) == ("tel", "", None, "+1-201-555-0123")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip",
        "sip:",
        "sip:@example.com",
        "sip:alice@",
        "sip:alice@example.com:",
        "sip:alice@example.com:65536",
        "sip:alice@exa mple.com",
        " sip:alice@example.com",
        "sip:alice@example.com\n",
        "<sip:alice@example.com>",
        "sip:a@b@c",
        "sip:a@[::1",
        "sip:a@[zz]",
        "sip:a@[fe80::1%25eth0]",
        "sip:a@hôte",
        "sip:a@b;=c",
        "1sip:a@b",
        ":a@b",
        'sip:"a"@b',
        "sip:a\x00@b",
    ],
)
def test_what_is_no_uri(text: str) -> None:
    with pytest.raises(BadMessage):
        Uri.parse(text)


def test_escapes_are_kept_and_looked_through() -> None:
    uri = Uri.parse("sip:%61lice%40home@example.com")
    assert uri.user == "%61lice%40home"
    assert uri.username == "alice@home"
    assert Uri.parse("sip:example.com").username is None


EQUIVALENT = [
    ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
    (
        "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ),
    (
        "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
    ),
]

DIFFERENT = [
    ("SIP:ALICE@AtlanTa.CoM;Transport=udp", "sip:alice@AtlanTa.CoM;Transport=UDP"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
    ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
    ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
    ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
    ("sip:bob@biloxi.com", "sip:bob:x@biloxi.com"),
    ("tel:+1", "tel:+2"),
]


@pytest.mark.parametrize(("one", "other"), EQUIVALENT)
def test_uris_that_rfc_3261_calls_equivalent(one: str, other: str) -> None:
    assert Uri.parse(one).equivalent(Uri.parse(other))
    assert Uri.parse(other).equivalent(Uri.parse(one))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_uris_that_rfc_3261_calls_different(one: str, other: str) -> None:
    assert not Uri.parse(one).equivalent(Uri.parse(other))
    assert not Uri.parse(other).equivalent(Uri.parse(one))
