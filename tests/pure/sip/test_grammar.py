"""Tokens, quoted strings, lists and hosts, and that hostile ones cost no more than their length."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.errors import BadMessage
from callengine.sip import grammar
from callengine.sip.address import Address
from callengine.sip.auth import Challenge, Credentials
from callengine.sip.fields import CSeq
from callengine.sip.message import parse
from callengine.sip.uri import Uri
from callengine.sip.via import Via

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)


@given(text)
def test_what_is_quoted_unquotes_to_itself(value: str) -> None:
    quoted = grammar.quote(value)
    assert grammar.unquote(quoted) == value
    assert grammar.end_of_quoted(quoted + ' "more"', 0) == len(quoted)


@given(st.lists(text.map(grammar.quote), max_size=8))
def test_quoted_elements_stay_whole_in_a_list(elements: list[str]) -> None:
    assert grammar.split_commas(" , ".join(elements)) == elements
    assert grammar.split_quoted_commas(",".join(elements)) == elements


@pytest.mark.parametrize(
    ("line", "pieces"),
    [
        ("", []),
        (" , ,", []),
        ("a", ["a"]),
        ("a, b ,c", ["a", "b", "c"]),
        ('"a,b" <sip:x>,<sip:y,z>;q=1', ['"a,b" <sip:x>', "<sip:y,z>;q=1"]),
        ('"a\\",b", c', ['"a\\",b"', "c"]),
        ('a, "open, b', ["a", '"open, b']),
        ("a, <open, b", ["a", "<open, b"]),
    ],
)
def test_commas_separate_outside_quotes_and_brackets(line: str, pieces: list[str]) -> None:
    assert grammar.split_commas(line) == pieces


def test_a_bracket_means_nothing_among_digest_parameters() -> None:
    assert grammar.split_quoted_commas('a=<, b=",>"') == ["a=<", 'b=",>"']


@pytest.mark.parametrize(
    ("line", "parameters"),
    [
        ("", ()),
        (";lr", (("lr", None),)),
        (";;lr; ;", (("lr", None),)),
        ("; a = b ;c=", (("a", "b"), ("c", ""))),
        (';x="y;z";w', (("x", '"y;z"'), ("w", None))),
        (";a=b=c", (("a", "b=c"),)),
    ],
)
def test_parameters_are_read(line: str, parameters: grammar.Parameters) -> None:
    assert grammar.parse_parameters(line) == parameters


def test_a_parameter_needs_a_name() -> None:
    with pytest.raises(BadMessage, match="no name"):
        grammar.parse_parameters(";=x")


def test_parameters_are_found_whatever_their_case() -> None:
    parameters = grammar.parse_parameters(';Tag=x;LR;name="a\\"b"')
    assert grammar.find_parameter(parameters, "tag") == "x"
    assert grammar.find_parameter(parameters, "lr") == ""
    assert grammar.find_parameter(parameters, "name") == 'a"b'
    assert grammar.find_parameter(parameters, "none") is None
    assert grammar.format_parameters(parameters) == ';Tag=x;LR;name="a\\"b"'


def test_a_parameter_is_set_in_its_place() -> None:
    parameters = grammar.parse_parameters(";a;b=1;c")
    assert grammar.with_parameter(parameters, "b", "2") == (("a", None), ("b", "2"), ("c", None))
    assert grammar.with_parameter(parameters, "d", None) == (*parameters, ("d", None))


@pytest.mark.parametrize("word", ["INVITE", "a-b.c!%*_+`'~9", "0"])
def test_tokens(word: str) -> None:
    assert grammar.is_token(word)


@pytest.mark.parametrize("word", ["", "a b", "a\n", "é", '"', "a:b", "\u017f"])
def test_what_is_no_token(word: str) -> None:
    assert not grammar.is_token(word)


def test_numbers() -> None:
    assert grammar.parse_number("0068", what="it", maximum=70) == 68
    assert grammar.parse_number("0" * 5000 + "7", what="it", maximum=70) == 7
    assert grammar.parse_number("0" * 5000, what="it", maximum=70) == 0


@pytest.mark.parametrize("word", ["", "-1", "+1", "1.0", "71", "٣", "²", "9" * 5000, "1 ", "0x1"])
def test_what_is_no_number(word: str) -> None:
    with pytest.raises(BadMessage, match="it is"):
        grammar.parse_number(word, what="it", maximum=70)


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        ("example.com", "example.com", None),
        ("host_1:5060", "host_1", 5060),
        ("192.0.2.1 : 4000", "192.0.2.1", 4000),
        ("[2001:db8::1]", "2001:db8::1", None),
        ("[::ffff:192.0.2.1]:65535", "::ffff:192.0.2.1", 65535),
    ],
)
def test_hosts_and_ports(written: str, host: str, port: int | None) -> None:
    assert grammar.parse_host_port(written) == (host, port)


@pytest.mark.parametrize(
    "written",
    [
        "",
        ":5060",
        "a b",
        "a:",
        "a:x",
        "a:65536",
        "[::1",
        "[::1]x",
        "[fe80::1%eth0]",
        "[]",
        "[1.2.3.4.5]",
        "hôte",
    ],
)
def test_what_is_no_host(written: str) -> None:
    with pytest.raises(BadMessage):
        grammar.parse_host_port(written)


def test_escapes_are_resolved_to_their_bytes() -> None:
    assert grammar.unescape("%61lice%C3%A9") == "aliceé"
    assert grammar.unescape("100%") == "100%"
    assert grammar.unescape("%zz%4") == "%zz%4"
    assert grammar.unescape("%FF").encode("utf-8", "surrogateescape") == b"\xff"


def around(hostile: str) -> bytes:
    """A request in which the hostile text stands wherever a stranger can put it."""
    wire = hostile.encode()[:8000]
    return (
        b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1;x=" + wire + b"\r\nFrom: "
        b"<sip:a@b>;tag=1;y=" + wire + b"\r\nTo: " + wire + b"\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n"
    )


PARSERS: dict[str, Callable[[str], Any]] = {
    "split_commas": grammar.split_commas,
    "split_quoted_commas": grammar.split_quoted_commas,
    "parse_parameters": grammar.parse_parameters,
    "parse_host_port": grammar.parse_host_port,
    "Uri": Uri.parse,
    "Uri of sip": lambda hostile: Uri.parse("sip:" + hostile),
    "Uri with user": lambda hostile: Uri.parse("sip:u@h;" + hostile),
    "Address": Address.parse,
    "Address.parse_list": Address.parse_list,
    "Via": Via.parse,
    "Via with parameters": lambda hostile: Via.parse("SIP/2.0/UDP h;" + hostile),
    "Via.parse_list": Via.parse_list,
    "CSeq": CSeq.parse,
    "Challenge": lambda hostile: Challenge.parse("Digest " + hostile),
    "Credentials": lambda hostile: Credentials.parse("Digest " + hostile),
    "message": lambda hostile: parse(around(hostile)),
    "head": lambda hostile: parse(hostile.encode()),
}

HOSTILE = {
    "pairs": 'a="b",',
    "opening": "<",
    "closing": ">",
    "quotes": '"',
    "backslashes": "\\",
    "escaped quotes": '\\"',
    "open strings": '"\\',
    "commas": ",",
    "semicolons": ";",
    "colons": ":",
    "at signs": "@",
    "user and password": "a:",
    "equals": "=",
    "percents": "%",
    "brackets": "[",
    "blanks": " ",
    "tabs and commas": "\t,",
    "lists": "<>,",
    "slashes": "/",
    "digits": "9",
    "letters": "a",
    "line feeds": "\n",
    "folds": "\n a",
    "returns": "\r",
    "headers": "a:b\r\n",
}


def work(parser: Callable[[str], Any], hostile: str) -> int:
    """Python lines run while it parses: a measure that no busy machine changes."""
    lines = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        parser(hostile)
    except BadMessage:
        pass
    finally:
        sys.settrace(before)
    return lines


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
def test_work_grows_no_faster_than_the_text(parser: Callable[[str], Any], hostile: str) -> None:
    short, long = (hostile * (size // len(hostile)) for size in (500, 2000))
    assert work(parser, long) <= 5 * work(parser, short) + 200


@pytest.mark.timeout(20)
@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_the_largest_hostile_text_is_no_trouble(hostile: str) -> None:
    """A parser with quadratic or exponential inner work (a regular expression) would run into the timeout."""
    whole = hostile * (60_000 // len(hostile))
    for parser in PARSERS.values():
        for variant in (whole, whole + "\x01", '"' + whole, "<" + whole):
            try:
                parser(variant)
            except BadMessage:
                pass
